/**
 * A database file whose commits go to a log first: one write and one flush each, where SQLite's rollback journal needs four
 * flushes. SQLite offers such a file all pages of a commit between "begin atomic write" and "commit atomic write".
 * 1. A record counts when it is complete: its salt is that of the log's header, and its checksum goes on from the one before.
 *    What follows a record that does not count does not count either.
 * 2. Before anything is written over a record that counts, all pages of the log are in the file, the file is flushed, and
 *    then a header with a new salt is, so that no record counts any more.
 * 3. The file itself is written only while no record counts. So the log and a rollback journal, which SQLite uses for what
 *    outgrows its memory, are never needed both.
 * 4. A commit that fails here fails for the app. SQLite must not be told of an I/O error: it would write the same through its
 *    journal, of which it then flushes nothing before the file is written.
 */

import {
  addToChecksum,
  encodeHead,
  encodeHeader,
  frameHeadBytes,
  headerBytes,
  newSalt,
  readHeader,
  readRecord,
  recordHeadBytes,
  type Checksum,
  type LogRecord,
} from "./log-record.ts";
import type { VfsFile } from "./vfs.ts";

/** Records are written in pieces of at most so many bytes. */
const pieceBytes = 256 * 1024;

/** The log grows in such steps, so that most flushes find a file of the size that it had. */
const growthBytes = 512 * 1024;

export interface WriteAheadLogLimits {
  /** From this length on the log's pages are brought into the file soon. Default 2 MiB; SQLite's own log has 4 MiB. */
  readonly checkpointBytes: number;
  /** From this length on they are before the next commit. Default 8 MiB. */
  readonly mostBytes: number;
}

export interface LoggedFileOptions {
  /** The database. */
  readonly file: VfsFile;
  readonly log: VfsFile;
  readonly limits: WriteAheadLogLimits;
  /** Calls `work` when nothing else has to be done. */
  later(work: () => void): void;
}

/** Brings what a crash left in the log into the file. */
export const openLoggedFile = ({ file, log, limits, later }: LoggedFileOptions): VfsFile => {
  /** Where in the log the newest version of a page is, by page number. */
  const places = new Map<number, number>();
  let pageBytes = 0;
  /** Size of the database while it is not that of the file. */
  let loggedSize: number | undefined;
  let salt: Checksum = [0, 0];
  let checksum: Checksum = salt;
  let end = headerBytes;
  let allocated = log.size();
  let isFileFlushed = true;
  /** Something failed while the log was written: before the next record it has to begin anew. */
  let isBroken = false;

  /** What is not written yet of the record that is being made; first of all comes its head, which is known last. */
  const piece = new Uint8Array(pieceBytes);
  let pieceEnd = 0;
  /** Where in the log the piece will be. */
  let pieceAt = 0;
  let recordSum: Checksum = salt;
  /** Of the record's frames, in order. */
  let recordPages: number[] = [];
  let recordSize = 0;
  let isInBatch = false;
  /** Rule 4: what is thrown once the commit is asked for. */
  let batchFault: { readonly fault: unknown } | undefined;
  let isCheckpointDue = false;
  let isClosed = false;

  const currentSize = (): number => loggedSize ?? file.size();

  /** What was in the log must be in the file. */
  const reset = (): void => {
    isBroken = true;
    salt = newSalt();
    log.write(encodeHeader(salt), 0);
    log.sync();
    isBroken = false;
    checksum = salt;
    allocated = Math.max(allocated, headerBytes);
    end = headerBytes;
    places.clear();
    loggedSize = undefined;
    // Not before: without the new header, the first ones of the old records would count. Whether it succeeds is all the same.
    if (allocated > limits.mostBytes) {
      log.truncate(limits.checkpointBytes);
      allocated = limits.checkpointBytes;
    }
  };

  /** Pages that follow each other in the log as in the file are brought over together. */
  const copyToFile = (): void => {
    const frameBytes = frameHeadBytes + pageBytes;
    const buffer = new Uint8Array(Math.max(pieceBytes, frameBytes));
    const pages = [...places].sort(([a], [b]) => a - b);
    for (let first = 0; first < pages.length;) {
      const [number, place] = pages[first] as [number, number];
      let count = 1;
      const isNext = ([nextNumber, nextPlace]: [number, number]): boolean =>
        nextNumber === number + count && nextPlace === place + count * frameBytes;
      const most = Math.floor(buffer.length / frameBytes);
      while (count < most && first + count < pages.length && isNext(pages[first + count] as [number, number]))
        count += 1;
      const span = buffer.subarray(0, count * frameBytes - frameHeadBytes);
      if (log.read(span, place) !== span.length) throw new Error("the log is shorter than it was");
      for (let index = 1; index < count; index += 1) {
        buffer.copyWithin(index * pageBytes, index * frameBytes, index * frameBytes + pageBytes);
      }
      file.write(buffer.subarray(0, count * pageBytes), number * pageBytes);
      first += count;
    }
  };

  /** Rule 2. */
  const checkpoint = (): void => {
    if (places.size > 0) copyToFile();
    if (loggedSize !== undefined && file.size() !== loggedSize) file.truncate(loggedSize);
    file.sync();
    isFileFlushed = true;
    reset();
  };

  /** Rule 3. */
  const prepareForDirectWrite = (): void => {
    if (end > headerBytes || isBroken) checkpoint();
    isFileFlushed = false;
  };

  const forgetPagesFrom = (size: number): void => {
    for (const number of [...places.keys()]) if (number * pageBytes >= size) places.delete(number);
  };

  /** The record at `end` counts now. */
  const noteRecord = (record: LogRecord): void => {
    pageBytes = record.pageBytes;
    const frameBytes = frameHeadBytes + pageBytes;
    for (const [index, number] of record.pages.entries()) {
      places.set(number, end + recordHeadBytes + index * frameBytes + frameHeadBytes);
    }
    if (record.size < (loggedSize ?? 0)) forgetPagesFrom(record.size);
    loggedSize = record.size;
    end += recordHeadBytes + record.pages.length * frameBytes;
  };

  const recover = (): void => {
    const found = readHeader(log);
    if (found !== undefined) {
      salt = found;
      checksum = found;
      for (let next = readRecord(log, end, salt, checksum); next !== undefined;) {
        noteRecord(next.record);
        ({ checksum } = next);
        next = readRecord(log, end, salt, checksum);
      }
    }
    // A process that died may have left what counts now, but was never flushed.
    log.sync();
    if (places.size > 0) checkpoint();
    else if (found === undefined) reset();
  };

  /** SQLite reads within one page. */
  const read = (into: Uint8Array, offset: number): number => {
    if (loggedSize === undefined) return file.read(into, offset);
    const wanted = into.subarray(0, Math.max(0, loggedSize - offset));
    const place = places.get(Math.floor(offset / pageBytes));
    return place === undefined ? file.read(wanted, offset) : log.read(wanted, place + (offset % pageBytes));
  };

  const allocate = (size: number): void => {
    if (size <= allocated) return;
    const target = Math.ceil(size / growthBytes) * growthBytes;
    log.write(new Uint8Array(target - allocated), allocated);
    allocated = target;
  };

  const writePiece = (): void => {
    isBroken = true;
    allocate(pieceAt + pieceEnd);
    log.write(piece.subarray(0, pieceEnd), pieceAt);
    pieceAt += pieceEnd;
    pieceEnd = 0;
  };

  const beginRecord = (): void => {
    batchFault = undefined;
    if (isBroken || end > limits.mostBytes) checkpoint();
    piece.fill(0, 0, recordHeadBytes);
    pieceEnd = recordHeadBytes;
    pieceAt = end;
    recordSum = checksum;
    recordPages = [];
    recordSize = currentSize();
    isInBatch = true;
  };

  const addFrame = (page: Uint8Array, offset: number): void => {
    if (recordPages.length === 0 && places.size === 0) pageBytes = page.length;
    const number = offset / pageBytes;
    if (page.length !== pageBytes || !Number.isInteger(number)) throw new Error("not a page");
    if (pieceEnd + frameHeadBytes + pageBytes > piece.length) writePiece();
    const frame = piece.subarray(pieceEnd, pieceEnd + frameHeadBytes + pageBytes);
    frame.set(page, frameHeadBytes);
    new Uint32Array(piece.buffer, pieceEnd, 2).set([number, 0]);
    recordSum = addToChecksum(recordSum, frame);
    pieceEnd += frame.length;
    recordPages.push(number);
    recordSize = Math.max(recordSize, offset + page.length);
  };

  const addFrameOrFault = (page: Uint8Array, offset: number): void => {
    try {
      addFrame(page, offset);
    } catch (fault) {
      batchFault ??= { fault };
    }
  };

  /** That it fails is not told to anybody: what is in the log is safe there, and the next commit tries again. */
  const checkpointSoon = (): void => {
    if (isCheckpointDue || end <= limits.checkpointBytes) return;
    isCheckpointDue = true;
    later(() => {
      isCheckpointDue = false;
      if (isClosed || isInBatch || end <= limits.checkpointBytes) return;
      try {
        checkpoint();
      } catch {
        // As said above.
      }
    });
  };

  const commitRecord = (): void => {
    if (batchFault !== undefined) throw batchFault.fault;
    if (recordPages.length === 0) return;
    const record: LogRecord = { pages: recordPages, pageBytes, size: recordSize };
    const head = encodeHead(record, salt, recordSum);
    const isInPiece = pieceAt === end;
    if (isInPiece) piece.set(head.bytes);
    writePiece();
    if (!isInPiece) log.write(head.bytes, end);
    log.sync();
    isBroken = false;
    ({ checksum } = head);
    noteRecord(record);
    checkpointSoon();
  };

  recover();
  return {
    read,
    write: (from, offset) => {
      if (isInBatch) return addFrameOrFault(from, offset);
      prepareForDirectWrite();
      file.write(from, offset);
    },
    truncate: (size) => {
      if (isInBatch) {
        recordSize = size;
        return;
      }
      if (loggedSize === undefined) {
        isFileFlushed = false;
        return file.truncate(size);
      }
      // The file follows at the next checkpoint; until then SQLite counts the pages by what the first one says.
      loggedSize = size;
      forgetPagesFrom(size);
    },
    size: () => (isInBatch ? recordSize : currentSize()),
    sync: () => {
      if (isFileFlushed) return;
      file.sync();
      isFileFlushed = true;
    },
    close: () => {
      isClosed = true;
      try {
        if (end > headerBytes || isBroken) checkpoint();
      } finally {
        file.close();
        log.close();
      }
    },
    atomic: {
      begin: beginRecord,
      commit: () => {
        commitRecord();
        isInBatch = false;
      },
      abandon: () => {
        isInBatch = false;
      },
    },
  };
};
