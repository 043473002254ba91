/** Just enough lexing of SQL to know a statement's first words without being fooled by comments and quotes. */

/**
 * `sql` with comments as one blank, string literals as `''` and quoted identifiers unwrapped to their bare content when
 * that is a plain word, else to `"quoted"`.
 */
export const stripSql = (sql: string): string =>
  sql.replace(
    /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"((?:[^"]|"")*)"|`((?:[^`]|``)*)`|\[([^\]]*)\]/g,
    (match: string, double?: string, back?: string, bracket?: string) => {
      if (match.startsWith("'")) return "''";
      const name = double ?? back ?? bracket;
      if (name === undefined) return " ";
      return /^\w+$/.test(name) ? name : '"quoted"';
    },
  );

/** The first words of stripped SQL in lower case. */
export const leadingWords = (strippedSql: string, count: number): string[] =>
  strippedSql
    .trim()
    .replace(/^[;\s]+/, "")
    .toLowerCase()
    .split(/[^\w$]+/, count + 1)
    .slice(0, count);

/** Text that SQLite's UTF-8 cannot hold: it would be cut at the NUL or have its lone surrogates replaced. */
export const isStorableText = (text: string): boolean => !/[\0\p{Surrogate}]/u.test(text);

/** Whether there is nothing to run in `sql`. */
export const isBlankSql = (sql: string): boolean => /^[;\s]*$/.test(stripSql(sql));

export const isVacuum = (sql: string): boolean => /vacuum/i.test(sql) && leadingWords(stripSql(sql), 1)[0] === "vacuum";
