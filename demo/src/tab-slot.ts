/**
 * Which database this tab uses. Every tab is a person of its own and takes the first that is free: `notes-<room>-1`,
 * `-2`, … The claim is a Web Lock, so it ends with the page however the page ends, and a tab opened later finds the notes.
 */

/** How long a reloaded tab waits for its former self to go, milliseconds. */
const reloadWaitMs = 1500;

/** More tabs of one room than anybody opens; stops a browser with broken locks from looping. */
const mostSlots = 64;

/** Name of the database that this tab may use for as long as it lives. */
export const claimDatabase = async (roomPart: string): Promise<string> => {
  const nameOf = (slot: number): string => `notes-${roomPart}-${slot}`;
  const memory = `notes-slot-${roomPart}`;
  const mine = Number(sessionStorage.getItem(memory) ?? 0);

  if (mine > 0 && (await claim(nameOf(mine), { signal: AbortSignal.timeout(reloadWaitMs) }))) return nameOf(mine);
  for (let slot = 1; slot <= mostSlots; slot += 1) {
    if (!(await claim(nameOf(slot), { ifAvailable: true }))) continue;
    sessionStorage.setItem(memory, String(slot));
    return nameOf(slot);
  }
  throw new Error("too many tabs of this room are open");
};

/** Whether the lock was granted; it is then held until the page is gone. */
const claim = (name: string, options: LockOptions): Promise<boolean> =>
  new Promise((resolve) => {
    const untilPageEnds = new Promise<void>(() => {});
    navigator.locks
      .request(`claim:${name}`, options, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : untilPageEnds;
      })
      .catch(() => resolve(false));
  });
