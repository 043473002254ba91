/** Prepared statements by their text, the least recently used one leaving first. */

export interface StatementCache<Entry> {
  get(sql: string): Entry | undefined;
  /** @returns the entry that had to leave, for its owner to finalize */
  set(sql: string, entry: Entry): Entry | undefined;
  /** Empties the cache; the caller finalizes. */
  takeAll(): Entry[];
}

export const createStatementCache = <Entry>(capacity: number): StatementCache<Entry> => {
  const entries = new Map<string, Entry>();
  /** What a loop asks for again and again has its place already. */
  let newest: string | undefined;
  return {
    get: (sql) => {
      const entry = entries.get(sql);
      if (entry === undefined || sql === newest) return entry;
      newest = sql;
      entries.delete(sql);
      entries.set(sql, entry);
      return entry;
    },
    set: (sql, entry) => {
      newest = sql;
      entries.set(sql, entry);
      if (entries.size <= capacity) return undefined;
      const [oldest] = entries as Iterable<[string, Entry]>;
      if (oldest === undefined) return undefined;
      entries.delete(oldest[0]);
      return oldest[1];
    },
    takeAll: () => {
      const all = [...entries.values()];
      entries.clear();
      return all;
    },
  };
};
