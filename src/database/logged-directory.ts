/** A directory in which one file, the database, is opened with a log of commits beside it. */

import type { VfsDirectory, VfsFile } from "./vfs.ts";
import { openLoggedFile, type WriteAheadLogLimits } from "./write-ahead-log.ts";

/** Files beside the database `fileName`. */
export const logNameOf = (fileName: string): string => `${fileName}-log`;
export const journalNameOf = (fileName: string): string => `${fileName}-journal`;

const defaultLimits: WriteAheadLogLimits = { checkpointBytes: 2 * 1024 * 1024, mostBytes: 8 * 1024 * 1024 };

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
