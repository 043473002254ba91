import { describe, expect, it } from "vitest";
import { isBlankSql, isStorableText, leadingWords, stripSql } from "../../src/database/sql-text.ts";

describe("stripSql", () => {
  it.each([
    ["select 'a -- b' -- c", "select ''  "],
    ["select 'it''s' /* x */ from t", "select ''   from t"],
    ['drop table "notes"', "drop table notes"],
    ['drop table "a b"', 'drop table "quoted"'],
    ["drop table [notes] `x`", "drop table notes x"],
    ["/* never closed", " "],
    ["'/*' begin '*/'", "'' begin ''"],
  ])("reads %s", (sql, stripped) => {
    expect(stripSql(sql)).toBe(stripped);
  });
});

describe("leadingWords", () => {
  it.each([
    ["  ;; CREATE\tUnique index", ["create", "unique"]],
    ["vacuum", ["vacuum"]],
    ["", [""]],
    ["select(1)", ["select", "1"]],
  ])("of %j", (sql, words) => {
    expect(leadingWords(sql, 2).filter((word, index) => word !== "" || index === 0)).toEqual(words);
  });
});

describe("isBlankSql", () => {
  it("sees through comments and semicolons, and nothing else", () => {
    expect(["", " ;\n;", "-- x", "/* x */ ; -- y"].map(isBlankSql)).toEqual([true, true, true, true]);
    expect(["x", "''", "-- x\ny"].map(isBlankSql)).toEqual([false, false, false]);
  });
});

describe("isStorableText", () => {
  it("refuses NUL and half a surrogate pair", () => {
    expect(["a", "", "🦀", "\u{10ffff}", "\ufeff"].map(isStorableText)).toEqual([true, true, true, true, true]);
    expect(["a\0", "\ud83e", "\udd80x", "\udd80\ud83e"].map(isStorableText)).toEqual([false, false, false, false]);
  });
});
