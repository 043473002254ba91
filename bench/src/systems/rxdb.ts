/** RxDB over Dexie with its WebRTC replication; `batchSize` undefined is as documented. */

import { addRxPlugin, createRxDatabase, type RxCollection } from "rxdb/plugins/core";
import {
  getConnectionHandlerSimplePeer,
  replicateWebRTC,
  type RxWebRTCReplicationPool,
} from "rxdb/plugins/replication-webrtc";
import { RxDBLeaderElectionPlugin } from "rxdb/plugins/leader-election";
import { getRxStorageDexie } from "rxdb/plugins/storage-dexie";
import type { Row } from "../row.ts";
import { serve } from "../serve.ts";
import type { PeerOptions } from "../system.ts";

// RxDB's documentation asks for these where there is no Node: https://rxdb.info/replication-webrtc.html
Object.assign(window, { global: window, process: { nextTick: queueMicrotask, env: {} } });

const schema = {
  version: 0,
  primaryKey: "id",
  type: "object",
  properties: {
    id: { type: "string", maxLength: 36 },
    title: { type: "string" },
    body: { type: "string" },
    done: { type: "boolean" },
    updated: { type: "number" },
  },
  required: ["id", "title", "body", "done", "updated"],
} as const;

export const serveRxdb = (batchSize: number | undefined): void => {
  addRxPlugin(RxDBLeaderElectionPlugin);
  let notes: RxCollection<Row>;
  let options: PeerOptions;
  let pool: RxWebRTCReplicationPool<Row, never> | undefined;

  serve({
    open: async (given) => {
      options = given;
      const database = await createRxDatabase({
        name: given.name,
        storage: getRxStorageDexie(),
        multiInstance: false,
      });
      ({ notes } = (await database.addCollections({ notes: { schema } })) as unknown as { notes: RxCollection<Row> });
    },
    insert: async (row) => {
      await notes.insert({ ...row });
    },
    insertAll: async (rows) => {
      await notes.bulkInsert(rows.map((row) => ({ ...row })));
    },
    count: () => notes.count().exec(),
    latest: async () => notes.find({ sort: [{ updated: "desc" }], limit: 50 }).exec(),
    connect: async () => {
      const batch = batchSize === undefined ? {} : { batchSize };
      pool = (await replicateWebRTC({
        collection: notes,
        topic: options.room,
        connectionHandlerCreator: getConnectionHandlerSimplePeer({
          signalingServerUrl: options.signalingUrl,
          config: { iceServers: [] } as never,
        }),
        pull: batch,
        push: batch,
      })) as never;
    },
    disconnect: async () => {
      await pool?.cancel();
    },
    onRemoteChange: (listener) => {
      notes.$.subscribe(({ isLocal }) => {
        if (!isLocal) listener();
      });
    },
  });
};
