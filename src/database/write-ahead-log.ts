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

import type { VfsDirectory, VfsFile } from "./vfs.ts";

/** Files beside the database `fileName`. */
export const logNameOf = (fileName: string): string => `${fileName}-log`;
export const journalNameOf = (fileName: string): string => `${fileName}-journal`;

export interface WriteAheadLogLimits {
  /** From this length on the log's pages are brought into the file soon. Default 2 MiB; SQLite's own log has 4 MiB. */
  readonly checkpointBytes: number;
  /** From this length on they are before the next commit. Default 8 MiB. */
  readonly mostBytes: number;
}

const defaultLimits: WriteAheadLogLimits = { checkpointBytes: 2 * 1024 * 1024, mostBytes: 8 * 1024 * 1024 };
/** Records are written in pieces of at most so many bytes. */
const pieceBytes = 256 * 1024;

/** The log grows in such steps, so that most flushes find a file of the size that it had. */
const growthBytes = 512 * 1024;

const magic = 0x4c67_4c31; // "LgL1"
/** Log: magic, 0, salt, salt, then zeros. */
const headerBytes = 32;
/** Record: frames, page size, database size in pages, 0, salt, salt, checksum, checksum; then its frames. */
const recordHeadBytes = 32;
const checksumAt = 24;
/** Frame: page number from 0 on, 0; then the page. */
const frameHeadBytes = 8;

type Checksum = readonly [number, number];

interface LoggedFileOptions {
  /** The database. */
  readonly file: VfsFile;
  readonly log: VfsFile;
  readonly limits: WriteAheadLogLimits;
  /** Calls `work` when nothing else has to be done. */
  later(work: () => void): void;
}

/** Two 32-bit numbers that no other header of this log has. */
const newSalt = (): Checksum => {
  const [first = 0, second = 0] = crypto.getRandomValues(new Uint32Array(2));
  return [first, second];
};

/** @see https://www.sqlite.org/fileformat2.html#checksum_algorithm */
const addToChecksum = ([before0, before1]: Checksum, bytes: Uint8Array): Checksum => {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let first = before0;
  let second = before1;
  for (let index = 0; index < words.length; index += 2) {
    first = (first + (words[index] as number) + second) | 0;
    second = (second + (words[index + 1] as number) + first) | 0;
  }
  return [first >>> 0, second >>> 0];
};

export interface LoggedDirectory extends VfsDirectory {
  /** Whether SQLite holds its rollback journal open. As long as it does, it offers no commit to the log. */
  readonly isJournalOpen: boolean;
  /** Writes nothing any more. To be called when the engine has crashed, before another one opens the files. */
  abandon(): void;
}

/** Opens `fileName` of `directory` with a log beside it, and everything else as it is. */
export const withWriteAheadLog = (
  directory: VfsDirectory,
  fileName: string,
  limits: WriteAheadLogLimits = defaultLimits,
  later: (work: () => void) => void = (work) => setTimeout(work),
): LoggedDirectory => {
  let openJournals = 0;
  let isAbandoned = false;
  const openLogged = (file: VfsFile): VfsFile => {
    const log = directory.open(logNameOf(fileName), true);
    if (log === undefined) throw new Error("the log cannot be opened");
    return openLoggedFile({ file, log, limits, later: (work) => later(() => (isAbandoned ? undefined : work())) });
  };
  const openJournal = (file: VfsFile): VfsFile => {
    openJournals += 1;
    return {
      ...file,
      close: () => {
        openJournals -= 1;
        file.close();
      },
    };
  };
  return {
    ...directory,
    open: (path, create) => {
      const file = directory.open(path, create);
      if (file === undefined) return undefined;
      if (path === fileName) return openLogged(file);
      return path === journalNameOf(fileName) ? openJournal(file) : file;
    },
    get isJournalOpen() {
      return openJournals > 0;
    },
    abandon: () => {
      isAbandoned = true;
    },
  };
};

/** Brings what a crash left in the log into the file. */
const openLoggedFile = ({ file, log, limits, later }: LoggedFileOptions): VfsFile => {
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
  /** Rule 4. */
  let batchFault: Error | undefined;
  let isCheckpointDue = false;
  let isClosed = false;

  const currentSize = (): number => loggedSize ?? file.size();

  /** What was in the log must be in the file. */
  const reset = (): void => {
    isBroken = true;
    const header = new Uint32Array(headerBytes / 4);
    salt = newSalt();
    header.set([magic, 0, ...salt]);
    log.write(new Uint8Array(header.buffer), 0);
    log.sync();
    isBroken = false;
    checksum = salt;
    allocated = Math.max(allocated, headerBytes);
    // Not before: without the new header, the first ones of the old records would count.
    if (allocated > limits.mostBytes) {
      log.truncate(limits.checkpointBytes);
      allocated = limits.checkpointBytes;
    }
    end = headerBytes;
    places.clear();
    loggedSize = undefined;
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
  const noteRecord = (pages: readonly number[], size: number): void => {
    const frameBytes = frameHeadBytes + pageBytes;
    for (const [index, number] of pages.entries()) {
      places.set(number, end + recordHeadBytes + index * frameBytes + frameHeadBytes);
    }
    if (size < (loggedSize ?? 0)) forgetPagesFrom(size);
    loggedSize = size;
    end += recordHeadBytes + pages.length * frameBytes;
  };

  /** Rule 1. The record at `end`, if one that counts is there. */
  const readRecord = (): { readonly pages: readonly number[]; readonly size: number } | undefined => {
    const head = new Uint32Array(recordHeadBytes / 4);
    if (log.read(new Uint8Array(head.buffer), end) < recordHeadBytes) return undefined;
    const [count = 0, pageSize = 0, size = 0, , salt0, salt1, ...sums] = head;
    const isPlausible = count > 0 && pageSize >= 512 && pageSize <= 65_536 && salt0 === salt[0] && salt1 === salt[1];
    if (!isPlausible || (pageBytes !== 0 && pageSize !== pageBytes)) return undefined;
    const length = count * (frameHeadBytes + pageSize);
    if (end + recordHeadBytes + length > allocated) return undefined;
    const frames = new Uint8Array(length);
    if (log.read(frames, end + recordHeadBytes) < length) return undefined;
    head.fill(0, checksumAt / 4);
    const sum = addToChecksum(addToChecksum(checksum, frames), new Uint8Array(head.buffer));
    if (sum[0] !== sums[0] || sum[1] !== sums[1]) return undefined;
    checksum = sum;
    pageBytes = pageSize;
    const words = new Uint32Array(frames.buffer);
    const pages = Array.from(
      { length: count },
      (_, index) => words[(index * (frameHeadBytes + pageSize)) / 4] as number,
    );
    return { pages, size: size * pageSize };
  };

  const recover = (): void => {
    const header = new Uint32Array(headerBytes / 4);
    log.read(new Uint8Array(header.buffer), 0);
    if (header[0] === magic) {
      salt = [header[2] as number, header[3] as number];
      checksum = salt;
      for (let record = readRecord(); record !== undefined; record = readRecord())
        noteRecord(record.pages, record.size);
    }
    // A process that died may have left what counts now, but was never flushed.
    log.sync();
    if (places.size > 0) checkpoint();
    else if (header[0] !== magic) reset();
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
      batchFault = new Error("a page cannot be logged", { cause: fault });
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
    if (batchFault !== undefined) throw batchFault;
    if (recordPages.length === 0) return;
    const head = new Uint32Array(recordHeadBytes / 4);
    const headBytes = new Uint8Array(head.buffer);
    head.set([recordPages.length, pageBytes, recordSize / pageBytes, 0, ...salt]);
    const sum = addToChecksum(recordSum, headBytes);
    head.set(sum, checksumAt / 4);
    const isInPiece = pieceAt === end;
    if (isInPiece) piece.set(headBytes);
    writePiece();
    if (!isInPiece) log.write(headBytes, end);
    log.sync();
    isBroken = false;
    checksum = sum;
    noteRecord(recordPages, recordSize);
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
