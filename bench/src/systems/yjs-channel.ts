/** Yjs over the plain channel: state vectors first, then updates. */

import * as Y from "yjs";
import { openPlainChannel } from "../plain-channel.ts";
import { serve } from "../serve.ts";
import { createYjs } from "./yjs.ts";

const tagged = (tag: number, bytes: Uint8Array): Uint8Array => {
  const message = new Uint8Array(bytes.length + 1);
  message[0] = tag;
  message.set(bytes, 1);
  return message;
};

serve(
  createYjs(async (doc, { initiator }) => {
    const channel = await openPlainChannel(initiator);
    channel.onMessage((message) => {
      if (message[0] === 0) void channel.send(tagged(1, Y.encodeStateAsUpdate(doc, message.subarray(1))));
      else Y.applyUpdate(doc, message.subarray(1), "remote");
    });
    doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin !== "remote") void channel.send(tagged(1, update));
    });
    await channel.send(tagged(0, Y.encodeStateVector(doc)));
  }),
);
