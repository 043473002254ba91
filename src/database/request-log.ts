/**
 * Which writing calls of other tabs were carried out, written in the transaction of the call itself: a tab that lost its
 * leader before the answer came asks the next one again, which answers from here what was done already.
 * 1. Of two deliveries of one call, at most one is carried out, in whichever order they come.
 * 2. A caller uses a slot again only once the call before in it was answered, so a slot's newest call is all there is to
 *    remember.
 */

import { LedgerError } from "../common/errors.ts";
import type { Connection } from "./connection.ts";
import type { RequestId } from "./database.ts";

/** What is older than this is forgotten, seconds: far beyond the time in which a tab asks again, because clocks are set. */
const keptSeconds = 86_400;
/** Longest answer that is kept, characters of JSON. */
const keptAnswerChars = 65_536;

/** WITHOUT ROWID: other tables leave `last_insert_rowid()` to the app. */
export const requestLogSchema = `
  CREATE TABLE IF NOT EXISTS ledger_request (
    caller TEXT NOT NULL, slot INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, answer TEXT,
    PRIMARY KEY (caller, slot)
  ) WITHOUT ROWID;
`;

/**
 * What the call was answered with when it was carried out already; undefined when it was not.
 * @throws LedgerError LEDGER_LEADER_CHANGED when it was carried out and its answer was not kept, or its caller has had the
 *   answer long ago
 */
export const recallRequest = async (
  connection: Connection,
  id: RequestId,
): Promise<{ readonly answer: unknown } | undefined> => {
  const [row] = await connection.all("SELECT number, answer FROM ledger_request WHERE caller = ? AND slot = ?", [
    id.caller,
    id.slot,
  ]);
  if (row === undefined || (row[0] as number) < id.number) return undefined;
  // Keeps 1: a later call in the slot says that this one is a straggler.
  if (row[0] !== id.number || row[1] === null) {
    throw new LedgerError(
      "LEDGER_LEADER_CHANGED",
      "the write is stored, but the tab that stored it went away before it answered; read the rows that it returned",
    );
  }
  return { answer: (JSON.parse(row[1] as string) as { readonly answer?: unknown }).answer };
};

/** To be called in the call's own transaction. */
export const recordRequest = async (connection: Connection, id: RequestId, answer: unknown): Promise<void> => {
  const text = survivesJson(answer) ? JSON.stringify({ answer }) : undefined;
  await connection.all(
    "INSERT OR REPLACE INTO ledger_request (caller, slot, number, at, answer) VALUES (?, ?, ?, unixepoch(), ?)",
    [id.caller, id.slot, id.number, text === undefined || text.length > keptAnswerChars ? null : text],
  );
};

export const forgetOldRequests = async (connection: Connection): Promise<void> => {
  await connection.all("DELETE FROM ledger_request WHERE at < unixepoch() - ?", [keptSeconds]);
};

/** Bytes, integers beyond 2^53 and infinity do not. */
const survivesJson = (value: unknown): boolean => {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value);
    case "object":
      return value === null || (!ArrayBuffer.isView(value) && Object.values(value).every(survivesJson));
    default:
      return typeof value !== "bigint";
  }
};
