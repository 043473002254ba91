import { describe, expect, it } from "vitest";
import { createWorkQueue } from "../../src/common/work-queue.ts";

describe("a work queue", () => {
  it("runs one piece at a time, in the order asked for", async () => {
    const queue = createWorkQueue();
    const log: string[] = [];
    const work = (name: string, turns: number) => async () => {
      log.push(`${name} begins`);
      for (let i = 0; i < turns; i += 1) await Promise.resolve();
      log.push(`${name} ends`);
      return name;
    };

    const results = await Promise.all([queue.run(work("slow", 20)), queue.run(work("quick", 0))]);

    expect(results).toEqual(["slow", "quick"]);
    expect(log).toEqual(["slow begins", "slow ends", "quick begins", "quick ends"]);
  });

  it("gives a failure to its caller only, thrown or rejected", async () => {
    const queue = createWorkQueue();

    const rejected = queue.run(() => Promise.reject(new Error("rejected")));
    const thrown = queue.run(() => {
      throw new Error("thrown");
    });
    const after = queue.run(async () => "fine");

    await expect(rejected).rejects.toThrow("rejected");
    await expect(thrown).rejects.toThrow("thrown");
    await expect(after).resolves.toBe("fine");
  });

  it("never begins inside the call", () => {
    let began = false;

    void createWorkQueue().run(async () => {
      began = true;
    });

    expect(began).toBe(false);
  });

  it("is idle once everything asked for so far has settled, failed or not", async () => {
    const queue = createWorkQueue();
    const log: string[] = [];
    expect(queue.isIdle).toBe(true);
    queue
      .run(async () => {
        await Promise.resolve();
        log.push("work");
        throw new Error("failed");
      })
      .catch(() => log.push("caught"));
    expect(queue.isIdle).toBe(false);

    await queue.idle();

    expect(log[0]).toBe("work");
    expect(queue.isIdle).toBe(true);
    await expect(createWorkQueue().idle()).resolves.toBeUndefined();
  });
});
