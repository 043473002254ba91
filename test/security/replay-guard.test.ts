import { describe, expect, it } from "vitest";
import type { MemberId } from "../../src/common/ids.ts";
import { createReplayGuard } from "../../src/security/replay-guard.ts";
import type { ConnectionId } from "../../src/security/sealed-envelope.ts";

const [alice, bob, carol] = ["alice", "bob", "carol"] as MemberId[] as [MemberId, MemberId, MemberId];
const message = (seq: number, conn = "first", from = bob) => ({ self: alice, from, conn: conn as ConnectionId, seq });

describe("createReplayGuard", () => {
  it("lets rising numbers through, with gaps, from 0", () => {
    const guard = createReplayGuard();

    expect([0, 1, 5, 0xffff_ffff].map((seq) => guard.admit(message(seq)).ok)).toEqual([true, true, true, true]);
  });

  it("turns away what comes again or was overtaken", () => {
    const guard = createReplayGuard();
    guard.admit(message(3));

    expect(guard.admit(message(3))).toEqual({ ok: false, error: "REPLAYED" });
    expect(guard.admit(message(2))).toEqual({ ok: false, error: "REPLAYED" });
  });

  it("counts each connection and each sender on its own", () => {
    const guard = createReplayGuard();
    guard.admit(message(3));

    expect(guard.admit(message(0, "second")).ok).toBe(true);
    expect(guard.admit(message(0, "first", carol)).ok).toBe(true);
  });

  it("turns away our own messages", () => {
    const guard = createReplayGuard();

    expect(guard.admit(message(0, "first", alice))).toEqual({ ok: false, error: "REFLECTED" });
  });

  it("forgets the longest unused connection first and remembers no more than it may", () => {
    const guard = createReplayGuard({ maxConnections: 2 });
    guard.admit(message(0, "first"));
    guard.admit(message(0, "second"));
    guard.admit(message(1, "first"));
    guard.admit(message(0, "third"));

    expect(guard.admit(message(1, "first")).ok).toBe(false);
    expect(guard.admit(message(0, "third")).ok).toBe(false);
    expect(guard.admit(message(0, "second")).ok).toBe(true);
  });
});
