/** A Host over a pretended file: what matters to tabs is who has it open, what was written, and what is told. */

import { createEmitter } from "../../src/common/emitter.ts";
import { LedgerError } from "../../src/common/errors.ts";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemClock } from "../../src/common/system-clock.ts";
import type { SiteId } from "../../src/common/ids.ts";
import type { ExecResult } from "../../src/database/database.ts";
import { createEphemeralHub } from "../../src/ephemeral/hub.ts";
import type { Host, HostEvent, HostSnapshot } from "../../src/host.ts";
import type { Receipt, WaitGoal } from "../../src/replication-waits.ts";
import type { AnswerTo, ReplicaCall } from "../../src/replica-call.ts";

export const bobId = "b".repeat(32) as SiteId;

/** What outlives a tab. */
export interface FakeFile {
  readonly written: string[];
  /** Answers by the ids of the calls that they belong to. */
  readonly answers: Map<string, ExecResult>;
  /** The host that has it open. */
  openBy: object | undefined;
  /** How many times it shall still be found busy. */
  busy: number;
  /** Undefined: can be opened. */
  fault: LedgerError | undefined;
  /** What connect() is refused with. */
  refusal: LedgerError | undefined;
  /** How many times it was opened. */
  opened: number;
}

export const createFakeFile = (): FakeFile => ({
  written: [],
  answers: new Map(),
  openBy: undefined,
  busy: 0,
  fault: undefined,
  refusal: undefined,
  opened: 0,
});

export interface FakeReplica extends Host {
  /** Rooms entered and left, in order. */
  readonly rooms: string[];
  /** Calls about transactions, in order. */
  readonly calls: ReplicaCall[];
  /** Waits that were asked for, to be answered by the test. */
  readonly waits: { readonly goal: WaitGoal; readonly answer: (receipt: Receipt) => void }[];
  /** Whether calls stay unanswered, and whether they write before that. */
  stalls: "not" | "before-write" | "after-write";
  meet(peerId: SiteId): void;
  emit(event: HostEvent): void;
}

export const openFakeReplica = async (file: FakeFile, signal: AbortSignal): Promise<FakeReplica> => {
  if (file.fault !== undefined) throw file.fault;
  if (file.busy > 0) {
    file.busy -= 1;
    throw new LedgerError("LEDGER_STORAGE_BUSY", "held");
  }
  if (file.openBy !== undefined) throw new Error("two tabs have the file open");
  const events = createEmitter<{ event: [HostEvent]; snapshot: [HostSnapshot] }>((error) => {
    throw error;
  });
  let snapshot: HostSnapshot = {
    storage: "opfs",
    role: "leader",
    leader: "responding",
    nodeId: "a".repeat(32) as SiteId,
    version: file.written.length,
    signaling: "off",
    peers: [],
  };
  const self = {};
  file.openBy = self;
  file.opened += 1;
  const give = (): void => {
    if (file.openBy === self) file.openBy = undefined;
  };
  signal.addEventListener("abort", give);

  const show = (change: Partial<HostSnapshot>): void => {
    snapshot = { ...snapshot, ...change };
    events.emit("snapshot", snapshot);
  };
  const emit = (event: HostEvent): void => events.emit("event", event);
  const never = (): Promise<never> => new Promise(() => {});

  const exec = async ({ request: { sql }, id }: Extract<ReplicaCall, { type: "exec" }>): Promise<ExecResult> => {
    if (sql === "bad") throw new LedgerError("LEDGER_SQL_ERROR", "no such thing", { cause: new Error("at 1") });
    if (replica.stalls === "before-write") return never();
    const key = id === undefined ? undefined : JSON.stringify(id);
    const before = key === undefined ? undefined : file.answers.get(key);
    if (before !== undefined) return before;
    if (!/^select/i.test(sql)) {
      file.written.push(sql);
      if (key !== undefined) file.answers.set(key, { columns: [], rows: [], rowsAffected: file.written.length });
      show({ version: file.written.length });
      emit({ name: "change", args: [{ tables: [sql], origin: "local" }] });
    }
    if (replica.stalls === "after-write") return never();
    return { columns: ["n"], rows: [{ n: file.written.length }], rowsAffected: 1 };
  };
  const answer = async (call: ReplicaCall): Promise<unknown> => {
    switch (call.type) {
      case "exec":
        return exec(call);
      case "query":
        if (replica.stalls !== "not") return never();
        return { columns: ["n"], rows: [{ n: file.written.length }], readTables: ["notes"] };
      case "enable-sync":
        file.written.push(`sync ${call.table}`);
        return undefined;
      case "conflicts":
      case "dismiss":
      case "export":
      case "import":
      case "watch":
      case "batch":
      case "begin":
      case "savepoint":
      case "release":
      case "rollback-to":
      case "commit":
      case "rollback":
        replica.calls.push(call);
        return undefined;
      case "wait":
        return new Promise((resolve, reject) => {
          waits.push({ goal: call.goal, answer: resolve });
          closing.addEventListener("abort", () => reject(new LedgerError("LEDGER_CLOSED", "closed during the wait")));
        });
    }
  };

  const waits: FakeReplica["waits"] = [];
  const end = new AbortController();
  const closing = end.signal;

  let token: string | undefined;

  const hub = createEphemeralHub({
    siteId: () => snapshot.nodeId,
    clock: createSystemClock(),
    logger: createSilentLogger(),
    tell: (news) => emit({ name: "ephemeral", args: [news] }),
    onFault: () => {},
  });

  const replica: FakeReplica = {
    rooms: [],
    calls: [],
    waits,
    stalls: "not",
    get snapshot() {
      return snapshot;
    },
    meet: (peerId) => {
      show({ peers: [{ peerId, state: "ready", pending: { changes: 0, bytes: 0 }, digest: "same" }] });
      emit({ name: "peer-join", args: [peerId] });
      emit({ name: "peer-ready", args: [peerId] });
    },
    emit,
    ephemeral: async (request) => hub.serve(request),
    call: async <C extends ReplicaCall>(call: C) => (await answer(call)) as AnswerTo<C>,
    get token() {
      return token;
    },
    connect: async (url, secret) => {
      replica.rooms.push(`${url} ${secret}`);
      token = secret;
      if (file.refusal !== undefined) throw file.refusal;
      show({ signaling: "connected" });
      emit({ name: "connected", args: [] });
    },
    disconnect: async () => {
      if (snapshot.signaling === "off") return;
      replica.rooms.push("left");
      token = undefined;
      const { peers } = snapshot;
      show({ signaling: "off", peers: [] });
      for (const { peerId } of peers) emit({ name: "peer-leave", args: [peerId] });
      emit({ name: "disconnected", args: [] });
    },
    forgetRoom: async (secret) => {
      if (secret === token) await replica.disconnect();
      replica.rooms.push(`forgot ${secret}`);
    },
    onEvent: (listener) => events.on("event", listener),
    onReopened: () => () => {},
    onSnapshot: (listener) => events.on("snapshot", listener),
    close: async () => {
      end.abort();
      await replica.disconnect();
      give();
    },
  };
  return replica;
};
