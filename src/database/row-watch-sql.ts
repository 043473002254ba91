/**
 * The SQL by which rows of a watched table are remembered as they were before a transaction touched them. Temporary
 * triggers see every way in which a row changes: statements, triggers, REPLACE and the merging of a peer's changes, which
 * the engine's update hook would tell without the old values. Nothing of it is there for a table that nobody watches.
 */

import type { SyncedTable } from "./database.ts";
import { quoteName } from "./synced-tables.ts";

/** Rows of a table that are remembered of one transaction; more are too many to be told one by one. */
export const maxWatchedRows = 10_000;

export interface RowWatchSql {
  readonly install: string;
  readonly uninstall: string;
  /** Answers how many rows are remembered, one more than {@link maxWatchedRows} when there were too many. */
  readonly count: string;
  /**
   * One row for each remembered one, in the order in which they were touched first: whether it was there, whether it is
   * there, the key columns, the value columns as they were, the value columns as they are.
   */
  readonly read: string;
  readonly forget: string;
}

export const rowWatchSql = ({ name, keyColumns, valueColumns }: SyncedTable): RowWatchSql => {
  const seen = quoteName(`${name}__ledger_seen`);
  const table = `main.${quoteName(name)}`;
  const keys = keyColumns.map((_, index) => `k${index}`);
  const olds = valueColumns.map((_, index) => `o${index}`);
  const columns = [...keys, "existed", ...olds].join(", ");
  const triggers = ["insert", "inserted", "update", "delete"].map((when) => quoteName(`${name}__ledger_seen_${when}`));
  const list = (prefix: string, names: readonly string[]): string[] => names.map((each) => prefix + quoteName(each));

  /** No ON CONFLICT: the clause of the statement that fires a trigger takes its place, and REPLACE would forget. */
  const remember = (trigger: number, when: string, row: "new" | "old", what: string): string => {
    // `+` takes the column's affinity away, without which the index could not be used.
    const isKey = keyColumns.map((key, index) => `k${index} = +${row}.${quoteName(key)}`).join(" and ");
    return `create temp trigger if not exists ${triggers[trigger]} ${when} on ${table}
      when not exists (select 1 from ${seen} where ${isKey}) and not exists (select 1 from ${seen} where n > ${maxWatchedRows})
      begin insert into ${seen} (${columns}) ${what}; end;`;
  };
  const before = keyColumns.map((key) => `t.${quoteName(key)} = new.${quoteName(key)}`).join(" and ");
  const asItIs = `values (${[...list("old.", keyColumns), "1", ...list("old.", valueColumns)].join(", ")})`;
  const asItWas = [...list("new.", keyColumns), `t.${quoteName(keyColumns[0] as string)} is not null`];
  const absent = [...list("new.", keyColumns), "0", ...olds.map(() => "null")];

  return {
    install: [
      `create temp table if not exists ${seen} (n integer primary key, ${columns});`,
      `create index if not exists temp.${quoteName(`${name}__ledger_seen_key`)} on ${seen} (${keys.join(", ")});`,
      // The row may be there: INSERT may replace or update it.
      remember(
        0,
        "before insert",
        "new",
        `select ${[...asItWas, ...list("t.", valueColumns)].join(", ")} from (select 1) left join ${table} t on ${before}`,
      ),
      // A key that SQLite chooses is known only now.
      remember(1, "after insert", "new", `values (${absent.join(", ")})`),
      remember(2, "before update", "old", asItIs),
      remember(3, "before delete", "old", asItIs),
    ].join("\n"),
    uninstall: [
      ...triggers.map((trigger) => `drop trigger if exists temp.${trigger};`),
      `drop table if exists temp.${seen};`,
    ].join("\n"),
    count: `select coalesce(max(n), 0) from temp.${seen}`,
    read: `select s.existed, t.${quoteName(keyColumns[0] as string)} is not null,
      ${[...keys.map((key) => `s.${key}`), ...olds.map((old) => `s.${old}`), ...list("t.", valueColumns)].join(", ")}
      from temp.${seen} s left join ${table} t on ${keyColumns.map((key, index) => `t.${quoteName(key)} = s.k${index}`).join(" and ")}
      order by s.n`,
    forget: `delete from temp.${seen}`,
  };
};
