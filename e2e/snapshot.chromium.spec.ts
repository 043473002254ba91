/** A newcomer's snapshot in a real browser: raced by local writes, interrupted, and forged. */

import type { Forgery, WorkerTask } from "../test/browser/database/worker.ts";
import { expect, expectSame, test, type Replica } from "./support/test.ts";

const countOf = async (replica: Replica): Promise<unknown> =>
  (await replica.rows("SELECT count(*) AS n FROM notes"))[0];

const fill = (replica: Replica, rows: number) =>
  replica.exec(
    `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
     INSERT INTO notes (id, title) SELECT 'note ' || i, hex(randomblob(200)) FROM n`,
  );

test("keeps what a newcomer writes while everything comes to it", async ({ newReplica }) => {
  const [alice, bob] = [await newReplica(), await newReplica()];
  await fill(alice, 1_000);

  await alice.call("connect");
  await bob.call("connect");
  for (let index = 0; index < 20; index += 1) await bob.exec("INSERT INTO notes (id) VALUES (?)", [`Bob's ${index}`]);

  await expect.poll(() => countOf(alice)).toEqual({ n: 1_020 });
  await expect.poll(() => countOf(bob)).toEqual({ n: 1_020 });
  await expectSame([alice, bob], "SELECT * FROM notes ORDER BY id");
});

/** Makes the page leave the room as soon as so many bytes have come over a data channel; answers when it has. */
const leaveAfter = (replica: Replica, bytes: number): Promise<void> =>
  replica.page.evaluate(async (limit) => {
    const Native = window.RTCPeerConnection;
    await new Promise<void>((resolve) => {
      let received = 0;
      const watch = (channel: RTCDataChannel): void =>
        channel.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer>) => {
          received += data.byteLength;
          if (received < limit) return;
          received = -Infinity;
          void window.callLedger("main", "disconnect", []).then(() => resolve());
        });
      window.RTCPeerConnection = class extends Native {
        constructor(configuration?: RTCConfiguration) {
          super(configuration);
          this.addEventListener("datachannel", ({ channel }) => watch(channel));
        }
        override createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
          const channel = super.createDataChannel(label, options);
          watch(channel);
          return channel;
        }
      };
      void window.callLedger("main", "connect", []);
    });
    window.RTCPeerConnection = Native;
  }, bytes);

test("goes on after a link that broke in the middle", async ({ newReplica }) => {
  const [alice, bob] = [await newReplica(), await newReplica()];
  await fill(alice, 4_000);
  await alice.call("connect");

  await leaveAfter(bob, 300_000);
  expect(await countOf(bob)).toEqual({ n: 0 });
  await bob.call("connect");

  await expect.poll(() => countOf(bob)).toEqual({ n: 4_000 });
  await expectSame([alice, bob], "SELECT count(*), sum(length(title)) FROM notes");
});

const forgeries: readonly (readonly [what: string, how: Forgery, refusal: string])[] = [
  ["another schema", { sql: "ALTER TABLE image.row0 ADD COLUMN more" }, "other-schema"],
  ["a trigger", { sql: "CREATE TRIGGER image.t AFTER INSERT ON row0 BEGIN DELETE FROM row0; END" }, "other-schema"],
  ["broken pages", { everyBytes: 997 }, "malformed"],
];

for (const [what, how, refusal] of forgeries) {
  test(`is refused with ${what}, and changes nothing`, async ({ page }) => {
    await page.goto("/test/browser/database/");
    await page.waitForFunction(() => window.perform !== undefined);
    const task: WorkerTask = { type: "take-forged", storage: "opfs", databaseName: "bob", how };

    const answer = await page.evaluate((given) => window.perform(given, false), task);

    expect(answer).toEqual({ refusal, rowsAfterForged: 0, rows: 3_000, integrity: "ok" });
  });
}
