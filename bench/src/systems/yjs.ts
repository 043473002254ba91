/** A Yjs document in y-indexeddb: what both ways of connecting share. */

import { IndexeddbPersistence } from "y-indexeddb";
import * as Y from "yjs";
import type { Row } from "../row.ts";
import type { PeerOptions, System } from "../system.ts";

export interface YjsPeer {
  readonly doc: Y.Doc;
  readonly system: System;
}

export const createYjs = (connect: (doc: Y.Doc, options: PeerOptions) => Promise<void>): System => {
  const doc = new Y.Doc();
  const notes = doc.getMap<Y.Map<unknown>>("notes");
  let persistence: IndexeddbPersistence;
  let options: PeerOptions;

  const put = (row: Row): void => {
    notes.set(row.id, new Y.Map(Object.entries(row)));
  };
  /** y-indexeddb tells nobody when it has stored: a transaction after its own is done when that one is. */
  const stored = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const database = (persistence as unknown as { db: IDBDatabase }).db;
      const request = database.transaction(["updates"], "readonly").objectStore("updates").count();
      request.addEventListener("success", () => resolve());
      request.addEventListener("error", () => reject(new Error("indexedDB failed")));
    });

  return {
    open: async (given) => {
      options = given;
      persistence = new IndexeddbPersistence(given.name, doc);
      await persistence.whenSynced;
    },
    insert: async (row) => {
      doc.transact(() => put(row));
      await stored();
    },
    insertAll: async (rows) => {
      doc.transact(() => rows.forEach(put));
      await stored();
    },
    count: async () => notes.size,
    latest: async () =>
      [...notes.values()]
        .map((note) => note.toJSON() as Row)
        .sort((a, b) => b.updated - a.updated)
        .slice(0, 50),
    connect: () => connect(doc, options),
    onRemoteChange: (listener) => {
      doc.on("update", (_update: Uint8Array, _origin: unknown, _doc: Y.Doc, transaction: Y.Transaction) => {
        if (!transaction.local) listener();
      });
    },
  };
};
