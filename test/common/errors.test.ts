import { describe, expect, it } from "vitest";
import { errorCodes, errorFromWire, errorToWire, LedgerError, toLedgerError } from "../../src/common/errors.ts";

/** Through a message port. */
const overTheWire = (thrown: unknown): LedgerError => errorFromWire(structuredClone(errorToWire(thrown)));

describe("a LedgerError", () => {
  it("is an Error with a name, a code, a message and a cause", () => {
    const cause = new TypeError("inner");
    const error = new LedgerError("LEDGER_CLOSED", "too late", { cause });

    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: "LedgerError", code: "LEDGER_CLOSED", message: "too late" });
    expect(error.cause).toBe(cause);
    expect("cause" in new LedgerError("LEDGER_CLOSED", "")).toBe(false);
    expect(`${error.stack}`).toContain("too late");
  });

  it("survives a message port, whatever its cause is", () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const causes = [new TypeError("inner"), "text", 5, { any: () => {} }, circular, Symbol("s"), null, false];

    for (const cause of causes) {
      const arrived = overTheWire(new LedgerError("LEDGER_SQL_ERROR", "no such table: x", { cause }));
      expect(arrived).toBeInstanceOf(LedgerError);
      expect(arrived).toMatchObject({ code: "LEDGER_SQL_ERROR", message: "no such table: x" });
      expect(arrived.cause).toBeInstanceOf(Error);
    }
    expect(overTheWire(new LedgerError("LEDGER_SQL_ERROR", "", { cause: causes[0] })).cause).toMatchObject({
      name: "TypeError",
      message: "inner",
    });
    expect("cause" in overTheWire(new LedgerError("LEDGER_CLOSED", ""))).toBe(false);
  });

  it("stands for everything else that is thrown, and keeps it as cause", () => {
    const bug = new RangeError("off by one");

    expect(toLedgerError(bug)).toMatchObject({ code: "LEDGER_INTERNAL", message: "off by one", cause: bug });
    expect(toLedgerError("text")).toMatchObject({ code: "LEDGER_INTERNAL", message: "text", cause: "text" });
    expect(overTheWire(undefined)).toMatchObject({ code: "LEDGER_INTERNAL", message: "undefined" });
    const own = new LedgerError("LEDGER_CLOSED", "");
    expect(toLedgerError(own)).toBe(own);
  });

  it("has a code that says something", () => {
    for (const [code, meaning] of Object.entries(errorCodes)) {
      expect(code).toMatch(/^LEDGER_[A-Z_]+$/);
      expect(meaning.length).toBeGreaterThan(20);
    }
  });
});
