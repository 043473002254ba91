import { describe, expect, it } from "vitest";
import type { LedgerError } from "../src/common/errors.ts";
import { checkSignalingUrl, optionDefaults, resolveOptions, type LedgerOptions } from "../src/options.ts";

const refusal = (options: unknown): LedgerError => {
  try {
    resolveOptions(options as LedgerOptions, true);
  } catch (error) {
    return error as LedgerError;
  }
  throw new Error("the options were accepted");
};

describe("options", () => {
  it.each<readonly [name: string, values: readonly unknown[]]>([
    ["dbName", ["", 5, null, {}]],
    ["token", ["", 5, null]],
    ["bearer", ["", 5, null, {}]],
    ["directory", ["", 5]],
    ["iceServers", ["stun:example.org", {}, 5, null]],
    ["acceptPeer", [true, "all", {}, null]],
    ["maxLinks", [0, 33, 1.5, NaN, Infinity, "8", -1, 2n]],
    ["linkTimeoutMs", [0, 99, 600_001, 1000.5, "15000"]],
    ["relayAfterMs", [-1, 600_001, 0.5, "5000", true, Infinity]],
    ["relayDelayMs", [-1, 60_001, 0.5, "60"]],
    ["storage", ["disk", "", [], ["memory", "disk"], 5, {}]],
    ["network", [{}, "memory", { join: () => {} }, null]],
    ["logger", [{}, { debug: () => {} }, "console", null]],
    ["workerUrl", ["", 5, {}]],
    ["wasmUrl", ["", 5, {}]],
  ])("refuse a wrong %s and name it", (name, values) => {
    for (const value of values) {
      const error = refusal({ [name]: value });
      expect(error, String(value)).toMatchObject({ name: "LedgerError", code: "LEDGER_OPTION_INVALID" });
      expect(error.message).toContain(name);
    }
  });

  it.each(["", "http://example.org", "wss//example.org", "example.org", 5])(
    "refuse the signaling URL %j",
    (signalingUrl) => {
      expect(refusal({ signalingUrl })).toMatchObject({ code: "LEDGER_OPTION_INVALID" });
      expect(refusal({ signalingUrl }).message).toMatch(/signaling ?URL/i);
    },
  );

  it.each([null, 5, "notes"])("refuse to be %j", (options) => {
    expect(refusal(options)).toMatchObject({ code: "LEDGER_OPTION_INVALID" });
  });

  it("have the documented defaults", () => {
    const resolved = resolveOptions({}, true);

    expect(resolved).toMatchObject(optionDefaults);
    expect(resolved.acceptPeer("aa" as never)).toBe(true);
    expect(resolved.storageLadder).toEqual(["opfs", "idb", "memory"]);
    expect(resolveOptions({}, false).storageLadder).toEqual(["memory"]);
    expect(resolved).not.toHaveProperty("token");
    expect(resolved).not.toHaveProperty("signalingUrl");
  });

  it("are kept as given, at both ends of every range", () => {
    for (const given of [
      { maxLinks: 2, linkTimeoutMs: 100, relayDelayMs: 0, dbName: "ä/b" },
      { maxLinks: 32, linkTimeoutMs: 600_000, relayDelayMs: 60_000, iceServers: [{ urls: "stun:example.org" }] },
    ]) {
      expect(resolveOptions(given, false)).toMatchObject(given);
    }
  });

  it("take false for never relaying", () => {
    expect(resolveOptions({ relayAfterMs: false }, true).relayAfterMs).toBeUndefined();
    expect(resolveOptions({ relayAfterMs: 0 }, true).relayAfterMs).toBe(0);
  });

  it("take one storage or several in order", () => {
    expect(resolveOptions({ storage: "idb" }, true).storageLadder).toEqual(["idb"]);
    expect(resolveOptions({ storage: ["file", "memory"] }, false).storageLadder).toEqual(["file", "memory"]);
  });

  it("stay as they were when the app changes its object later", () => {
    const given: { maxLinks: number } = { maxLinks: 3 };
    const resolved = resolveOptions(given, false);
    given.maxLinks = 99;

    expect(resolved.maxLinks).toBe(3);
  });
});

describe("a signaling URL", () => {
  it.each(["ws://localhost:8081", "wss://example.org/path?query=1", "WSS://EXAMPLE.ORG"])("may be %s", (url) => {
    expect(checkSignalingUrl(url)).toBe(url);
  });
});
