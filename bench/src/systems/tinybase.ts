/** TinyBase's MergeableStore with its IndexedDB persister, synchronized over the plain channel. */

import { createMergeableStore } from "tinybase";
import { createIndexedDbPersister, type IndexedDbPersister } from "tinybase/persisters/persister-indexed-db";
import { createCustomSynchronizer, type Receive } from "tinybase/synchronizers";
import { openPlainChannel } from "../plain-channel.ts";
import type { Row } from "../row.ts";
import { serve } from "../serve.ts";
import type { PeerOptions } from "../system.ts";

const store = createMergeableStore();
let persister: IndexedDbPersister;
let options: PeerOptions;
let isMine = false;
/** Stands for what JSON has no word for. */
const missing = "￼";

const put = ({ id, ...cells }: Row): void => {
  store.setRow("notes", id, cells);
};
const mine = (work: () => void): void => {
  isMine = true;
  store.transaction(work);
  isMine = false;
};

serve({
  open: async (given) => {
    options = given;
    persister = createIndexedDbPersister(store, given.name);
    await persister.load();
  },
  insert: async (row) => {
    mine(() => put(row));
    await persister.save();
  },
  insertAll: async (rows) => {
    mine(() => rows.forEach(put));
    await persister.save();
  },
  count: async () => store.getRowCount("notes"),
  latest: async () => store.getSortedRowIds("notes", "updated", true, 0, 50).map((id) => store.getRow("notes", id)),
  connect: async () => {
    const channel = await openPlainChannel(options.initiator);
    const encoder = new TextEncoder();
    const decoder = new TextDecoder();
    const synchronizer = createCustomSynchronizer(
      store,
      (_toClient, requestId, message, body) => {
        const text = JSON.stringify([requestId, message, body], (_key, value: unknown) =>
          value === undefined ? missing : value,
        );
        void channel.send(encoder.encode(text));
      },
      (receive: Receive) => {
        channel.onMessage((bytes) => {
          const [requestId, message, body] = JSON.parse(decoder.decode(bytes), (_key, value: unknown) =>
            value === missing ? undefined : value,
          ) as [string | null, number, unknown];
          receive("peer", requestId, message as never, body);
        });
      },
      () => channel.close(),
      10,
    );
    await persister.startAutoSave();
    await synchronizer.startSync();
  },
  onRemoteChange: (listener) => {
    store.addRowListener("notes", null, () => {
      if (!isMine) listener();
    });
  },
});
