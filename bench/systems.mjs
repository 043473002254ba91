// @ts-check
/** What is measured, and in which workloads each takes part. */

/**
 * @typedef {object} SystemEntry
 * @property {string} title - for tables
 * @property {"ledger" | "rxdb" | "y-webrtc" | "runner" | "none"} signaling - what introduces the two peers
 * @property {boolean} stores - whether W1, W2 and W5 make sense
 * @property {boolean} syncs - whether W3, W4, W8 and W9 do
 * @property {boolean} isQuick - whether it is part of `--quick`
 * @property {boolean} [isLimit] - nothing that an app could use in place of Ledger
 * @property {boolean} [neverSyncs] - W3 is known never to end: it is looked at only shortly
 * @property {number} [manyRows] - rows of the large W3 and of W7
 * @property {string} [remark]
 */

/** @type {Readonly<Record<string, SystemEntry>>} */
export const systems = {
  ledger: { title: "Ledger", signaling: "ledger", stores: true, syncs: true, isQuick: true, manyRows: 100_000 },
  "rxdb-documented": {
    title: "RxDB 17, Dexie, WebRTC, as documented",
    signaling: "rxdb",
    stores: true,
    syncs: true,
    isQuick: false,
    remark: "IndexedDB with relaxed durability",
  },
  "rxdb-tuned": {
    title: "RxDB 17, batchSize 500",
    signaling: "rxdb",
    stores: true,
    syncs: true,
    isQuick: false,
    remark: "IndexedDB with relaxed durability",
  },
  "yjs-webrtc": {
    title: "Yjs 13, y-webrtc, y-indexeddb",
    signaling: "y-webrtc",
    stores: true,
    syncs: true,
    isQuick: false,
    neverSyncs: true,
    remark: "sends the document as one message, which does not fit a data channel: W3 never ends at 10,000 rows",
  },
  "yjs-channel": {
    title: "Yjs 13 over a chunked channel",
    signaling: "runner",
    stores: true,
    syncs: true,
    isQuick: false,
    remark: "arrival counts in memory, not on the disk",
  },
  tinybase: {
    title: "TinyBase 10 MergeableStore",
    signaling: "runner",
    stores: true,
    syncs: true,
    isQuick: false,
    remark: "arrival counts in memory, not on the disk",
  },
  "crsqlite-wrapper": {
    title: "cr-sqlite wrapper as shipped, the tutorials' JSON sync",
    signaling: "runner",
    stores: true,
    syncs: true,
    isQuick: false,
  },
  "bare-engine": {
    title: "limit: our engine bare in a worker",
    isLimit: true,
    signaling: "none",
    stores: true,
    syncs: false,
    isQuick: true,
  },
  "sqlite-wasm": {
    title: "limit: official sqlite-wasm, opfs-sahpool, plain table",
    isLimit: true,
    signaling: "none",
    stores: true,
    syncs: false,
    isQuick: true,
  },
  "raw-channel": {
    title: "limit: a data channel alone",
    isLimit: true,
    signaling: "runner",
    stores: false,
    syncs: true,
    isQuick: true,
    remark: "250 bytes a row, nothing stored",
  },
};

export const systemNames = Object.keys(systems);
