import { describe, expect, it } from "vitest";
import { createDisposer } from "../../src/common/disposer.ts";

const create = () => {
  const failures: unknown[] = [];
  return { disposer: createDisposer((error) => failures.push(error)), failures };
};

describe("a disposer", () => {
  it("releases in the opposite order, one after the other", async () => {
    const { disposer } = create();
    const released: string[] = [];
    disposer.defer(() => void released.push("first taken"));
    disposer.defer(async () => {
      await Promise.resolve();
      released.push("second taken");
    });

    await disposer.dispose();

    expect(released).toEqual(["second taken", "first taken"]);
    expect(disposer.disposed).toBe(true);
  });

  it("reports what a release throws or rejects with, runs the rest and does not reject", async () => {
    const { disposer, failures } = create();
    let released = false;
    disposer.defer(() => void (released = true));
    disposer.defer(() => Promise.reject(new Error("rejected")));
    disposer.defer(() => {
      throw new Error("thrown");
    });

    await expect(disposer.dispose()).resolves.toBeUndefined();

    expect(failures).toEqual([new Error("thrown"), new Error("rejected")]);
    expect(released).toBe(true);
  });

  it("releases once and answers the same promise", async () => {
    const { disposer } = create();
    let releases = 0;
    disposer.defer(() => void (releases += 1));

    const first = disposer.dispose();

    expect(disposer.dispose()).toBe(first);
    await first;
    expect(releases).toBe(1);
  });

  it("releases at once what comes after the end", async () => {
    const { disposer, failures } = create();
    await disposer.dispose();
    let released = false;

    disposer.defer(() => void (released = true));
    disposer.defer(() => {
      throw new Error("late");
    });
    await Promise.resolve();

    expect(released).toBe(true);
    expect(failures).toEqual([new Error("late")]);
  });
});
