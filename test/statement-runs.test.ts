/** How the statements of a batch travel. */

import { describe, expect, it } from "vitest";
import { runsToRequests, statementsToRuns } from "../src/statement-runs.ts";

const insert = "INSERT INTO t VALUES (?)";

describe("the statements of a batch", () => {
  it("carry a text once for as long as it repeats, and arrive in their order", () => {
    const statements = [
      "DELETE FROM t",
      { sql: insert, params: [1] },
      { sql: insert, params: [new Uint8Array([2])] },
      insert,
      { sql: insert, params: { name: 3n } },
      { sql: "DELETE FROM t", params: [] },
    ];

    const runs = statementsToRuns(statements);

    expect(runs.map(({ sql, params }) => [sql, params.length])).toEqual([
      ["DELETE FROM t", 1],
      [insert, 4],
      ["DELETE FROM t", 1],
    ]);
    expect(runsToRequests(structuredClone(runs))).toStrictEqual(
      statements.map((statement) => (typeof statement === "string" ? { sql: statement } : statement)),
    );
  });

  it("may be none", () => {
    expect(runsToRequests(statementsToRuns([]))).toEqual([]);
  });
});
