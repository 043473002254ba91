/** Limit: a data channel alone. A row is 250 bytes of noise, stored nowhere. */

import { openPlainChannel, type PlainChannel } from "../plain-channel.ts";
import { serve } from "../serve.ts";
import type { PeerOptions } from "../system.ts";

const rowBytes = 250;
let channel: PlainChannel | undefined;
let options: PeerOptions;
let own = 0;
let others = 0;
let listener = (): void => {};

const send = async (rows: number): Promise<void> => {
  for (let left = rows; left > 0; left -= 200) {
    await channel?.send(crypto.getRandomValues(new Uint8Array(Math.min(left, 200) * rowBytes)));
  }
};

serve({
  open: async (given) => {
    options = given;
  },
  insert: async () => {
    own += 1;
    await send(1);
  },
  insertAll: async (rows) => {
    own += rows.length;
    await send(rows.length);
  },
  count: async () => own + others,
  latest: async () => [],
  connect: async () => {
    channel = await openPlainChannel(options.initiator);
    channel.onMessage((message) => {
      others += message.length / rowBytes;
      listener();
    });
    await send(own);
  },
  onRemoteChange: (next) => {
    listener = next;
  },
});
