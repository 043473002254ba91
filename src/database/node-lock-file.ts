/**
 * One process per database file: a lock file that names its owner. A lock whose process is gone, as after kill -9, is taken over.
 * Process ids are reused, so beside the id the lock holds the process's start time where the system tells it (Linux).
 */

import { LedgerError } from "../common/errors.ts";
import { nodeModule } from "./node-platform.ts";

const takeOverAttempts = 3;

/** Field 22 of /proc/<pid>/stat: clock ticks from boot to the process's start. Empty where there is no /proc. */
const startTimeOf = (pid: number): string => {
  try {
    const stat = nodeModule("node:fs").readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is such a process, of another user.
    return (error as { readonly code?: string }).code === "EPERM";
  }
};

const isStale = (owner: string): boolean => {
  const [pid = "", startTime = ""] = owner.trim().split(" ");
  if (!/^\d+$/.test(pid)) return true;
  return !isAlive(Number(pid)) || startTimeOf(Number(pid)) !== startTime;
};

/**
 * @returns the function that gives the lock up
 * @throws LedgerError LEDGER_STORAGE_BUSY when a live process holds it, also this one
 */
export const takeLockFile = (path: string): (() => void) => {
  const fs = nodeModule("node:fs");
  const content = `${process.pid} ${startTimeOf(process.pid)}`;
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  // Written first and linked then: a lock file must never be seen without its owner in it.
  fs.writeFileSync(draft, content);
  try {
    for (let attempt = 0; attempt < takeOverAttempts; attempt += 1) {
      try {
        fs.linkSync(draft, path);
        return () => fs.rmSync(path, { force: true });
      } catch (error) {
        if ((error as { readonly code?: string }).code !== "EEXIST") throw error;
      }
      let owner: string;
      try {
        owner = fs.readFileSync(path, "utf8");
      } catch {
        continue; // Given up between the two calls.
      }
      if (!isStale(owner)) break;
      fs.rmSync(path, { force: true });
    }
  } finally {
    fs.rmSync(draft, { force: true });
  }
  throw new LedgerError("LEDGER_STORAGE_BUSY", `another Ledger holds this database open (${path}); close it first`);
};
