/** A console for SQL on the database that is open: runs what is typed, and keeps a query current while it is shown. */

import { LedgerError, type Ledger, type SqlValue } from "ledger";
import { find, make, setText } from "./dom.ts";

export interface SqlConsoleOptions {
  readonly ledger: Ledger;
  readonly onClose: () => void;
}

export interface SqlConsole {
  open(): void;
  /** @returns false when it was not open */
  close(): boolean;
}

/** More rows than this are counted, not shown. */
const mostRows = 200;
/** More of one value is cut off, characters. */
const mostCharacters = 200;
/** Statements that the arrow keys bring back. */
const mostRemembered = 50;

type Table = readonly (readonly (SqlValue | undefined)[])[];

const isQuery = (sql: string): boolean => /^\s*(select|with|values)\b/i.test(sql);

const isNumber = (value: SqlValue | undefined): boolean => typeof value === "number" || typeof value === "bigint";

const showValue = (value: SqlValue | undefined): HTMLTableCellElement => {
  const cell = make("td", "");
  if (value === null || value === undefined) cell.append(make("span", "sql-null", "NULL"));
  else if (value instanceof Uint8Array) cell.append(make("span", "sql-null", `${value.length} bytes`));
  else {
    const text = String(value);
    cell.append(text.length > mostCharacters ? `${text.slice(0, mostCharacters)}…` : text);
    if (isNumber(value)) cell.className = "is-number";
  }
  return cell;
};

const count = (number: number, thing: string): string =>
  `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;

export const createSqlConsole = ({ ledger, onClose }: SqlConsoleOptions): SqlConsole => {
  const dialog = find("sql", HTMLDialogElement);
  const text = find("sql-text", HTMLTextAreaElement);
  const status = find("sql-status", HTMLElement);
  const failure = find("sql-error", HTMLElement);
  const head = find("sql-head", HTMLTableSectionElement);
  const body = find("sql-body", HTMLTableSectionElement);
  const result = find("sql-result", HTMLElement);
  const narrow = matchMedia("(max-width: 719px)");
  const remembered: string[] = [];
  /** Which of them is in the field; its length: none. */
  let recalled = 0;
  /** Ends what keeps the shown query current. */
  let showing = new AbortController();

  const showTable = (columns: readonly string[], rows: Table): void => {
    result.hidden = columns.length === 0;
    const titles = columns.map((column, index) => {
      const title = make("th", isNumber(rows[0]?.[index]) ? "is-number" : "", column);
      title.scope = "col";
      return title;
    });
    head.replaceChildren(make("tr", "", ...titles));
    body.replaceChildren(...rows.slice(0, mostRows).map((row) => make("tr", "", ...row.map(showValue))));
  };

  const showFailure = (error: unknown): void => {
    const words = error instanceof LedgerError ? `${error.message} (${error.code})` : String(error);
    setText(failure, words);
    failure.hidden = false;
    setText(status, "");
    showTable([], []);
  };

  const rowWords = (rows: number): string =>
    rows > mostRows ? `The first ${mostRows} of ${count(rows, "row")}` : count(rows, "row");

  /** From now on the table follows the database. */
  const follow = (sql: string, columns: readonly string[], tookMs: number, signal: AbortSignal): void => {
    let renewed = -1;
    ledger.live(sql, [], { signal, onError: showFailure }).subscribe((rows) => {
      renewed += 1;
      failure.hidden = true;
      showTable(
        columns,
        rows.map((row) => columns.map((column) => row[column])),
      );
      const news = renewed === 0 ? `${tookMs.toFixed(1)} ms` : `renewed ${renewed === 1 ? "once" : `${renewed} times`}`;
      setText(status, `${rowWords(rows.length)} · ${news} · live`);
    });
  };

  const run = async (): Promise<void> => {
    const sql = text.value.trim();
    if (sql === "") return;
    if (remembered.at(-1) !== sql) remembered.push(sql);
    if (remembered.length > mostRemembered) remembered.shift();
    recalled = remembered.length;
    showing.abort();
    showing = new AbortController();
    const { signal } = showing;
    try {
      const startMs = performance.now();
      const { columns, rows, rowsAffected } = await ledger.exec(sql, undefined, { rowMode: "array" });
      const tookMs = performance.now() - startMs;
      if (signal.aborted) return;
      failure.hidden = true;
      showTable(columns, rows);
      const words = columns.length > 0 ? rowWords(rows.length) : `Done, ${count(rowsAffected, "row")} changed`;
      setText(status, `${words} · ${tookMs.toFixed(1)} ms`);
      // Rows of a live query are known by column names.
      if (isQuery(sql) && new Set(columns).size === columns.length) follow(sql, columns, tookMs, signal);
    } catch (error) {
      if (!signal.aborted) showFailure(error);
    }
  };

  /** @returns whether there was one */
  const recall = (step: number): boolean => {
    const sql = remembered[recalled + step];
    if (sql === undefined) return false;
    recalled += step;
    text.value = sql;
    return true;
  };

  const close = (): boolean => {
    if (!dialog.open) return false;
    showing.abort();
    dialog.close();
    onClose();
    return true;
  };

  text.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const isFirstLine = !text.value.slice(0, text.selectionStart).includes("\n");
    const isLastLine = !text.value.slice(text.selectionEnd).includes("\n");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void run();
    else if (event.key === "ArrowUp" && isFirstLine && recall(-1)) text.setSelectionRange(0, 0);
    else if (event.key === "ArrowDown" && isLastLine && recall(1)) text.setSelectionRange(-1, -1);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    close();
  });
  // The browser's own way out of a modal dialog, such as a phone's back gesture.
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  find("sql-run", HTMLButtonElement).addEventListener("click", () => void run());
  find("sql-close", HTMLButtonElement).addEventListener("click", close);
  for (const example of dialog.querySelectorAll<HTMLButtonElement>("[data-sql]")) {
    example.addEventListener("click", () => {
      text.value = example.dataset["sql"] ?? "";
      void run();
    });
  }

  return {
    open: () => {
      if (dialog.open) return;
      // Where it covers everything nothing behind it is to be reached.
      if (narrow.matches) dialog.showModal();
      else dialog.show();
      text.focus();
      void run();
    },
    close,
  };
};
