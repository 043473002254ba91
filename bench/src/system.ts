/** Port: what the benchmark asks of a system, on the page of one peer. */

import type { Row } from "./row.ts";

export interface PeerOptions {
  /** Of the database; the same name finds the same rows after the page is opened again. */
  readonly name: string;
  /** Any text that nobody can guess, to Ledger a token of `createToken()`: stretching a passphrase would be measured too. */
  readonly room: string;
  /** Where the system's own signaling server is. Unused by systems over the plain channel. */
  readonly signalingUrl: string;
  /** One of the two makes the offer. */
  readonly initiator: boolean;
}

export interface System {
  /** Opens the database, with its table and index-free schema. */
  open(options: PeerOptions): Promise<void>;
  /** Resolves when the row is stored, as durably as the system says so. */
  insert(row: Row): Promise<void>;
  /** In the way that the system recommends for many rows. */
  insertAll(rows: readonly Row[]): Promise<void>;
  count(): Promise<number>;
  /** The 50 rows that were updated last: what an app's first page shows. */
  latest(): Promise<readonly unknown[]>;
  /** Sets the title of rows. Undefined where W7 is not run. */
  retitle?(ids: readonly string[], title: string): Promise<void>;
  /** Of these rows. */
  countTitled?(ids: readonly string[], title: string): Promise<number>;
  /** Time at which a peer was linked last, milliseconds since the epoch. */
  linkedAt?(): number | undefined;
  /** Begins to replicate. Undefined where there is nothing to replicate with. */
  connect?(): Promise<void>;
  /** Stops replicating; connect() begins again. */
  disconnect?(): Promise<void>;
  /** Calls `listener` whenever rows may have come from the other peer. */
  onRemoteChange?(listener: () => void): void;
}

/** Undefined answers are of workloads that a system does not take part in. */
export interface BenchPage {
  open(options: PeerOptions): Promise<void>;
  /** @returns milliseconds */
  insertOneByOne(count: number, from: number): Promise<number>;
  insertAll(count: number, from: number): Promise<number>;
  /** @returns the row's time of being asked for, in milliseconds since the epoch */
  insertAt(from: number): Promise<number>;
  /** Of `count` of the first `rows` rows. */
  retitle(count: number, rows: number, title: string): Promise<void>;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** Time at which there are so many rows, milliseconds since the epoch. */
  reached(count: number): Promise<number>;
  /** Time at which the rows that `retitle` changes have this title. */
  reachedTitled(count: number, rows: number, title: string): Promise<number>;
  linkedAt(): number | undefined;
  /** Begins to listen for the next remote change. */
  awaitChange(): void;
  /** Time of the change that was listened for, milliseconds since the epoch. */
  changeSeen(): Promise<number>;
  /** Milliseconds from the start of the navigation to the answer of the first query, and how many rows it had. */
  coldStart(options: PeerOptions): Promise<{ readonly ms: number; readonly rows: number }>;
  /** Bytes that came over data channels so far. */
  bytesReceived(): Promise<number>;
  /** The longest task of the page since the last call, milliseconds; 0 when none took 50. */
  longestTask(): number;
}

declare global {
  interface Window {
    bench: BenchPage;
    /** Of the runner: brings a message to the other peer's page. */
    toOtherPeer(message: string): Promise<void>;
    /** Called by the runner with what the other peer's page sent. */
    fromOtherPeer(message: string): void;
  }
}
