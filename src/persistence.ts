/**
 * Whether the browser promises to keep what this origin stores when space runs short. It is a promise to the origin, not to
 * one database; without it a browser may throw away everything that is stored for a site that was not visited for long.
 */

export interface Persistence {
  /** As of the last look. Undefined before the first, and where there is no such promise. */
  readonly isPersistent: boolean | undefined;
  /** Looks, and asks where that puts no question to the user. Never rejects. */
  start(): Promise<void>;
  /** Asks, which may put a question to the user. Never rejects; false where there is no such promise. */
  request(): Promise<boolean>;
}

export interface PersistenceOptions {
  /** Undefined where there is none: in Node, and in pages that are not secure. */
  readonly storage: Pick<StorageManager, "persist" | "persisted"> | undefined;
  /** Whether this browser decides by itself. Chromium goes by how the site is used; Firefox asks the user. */
  readonly decidesSilently: boolean;
  readonly onChange: () => void;
}

export const createPersistence = ({ storage, decidesSilently, onChange }: PersistenceOptions): Persistence => {
  let isPersistent: boolean | undefined;

  const see = (next: boolean): boolean => {
    const isNew = next !== isPersistent;
    isPersistent = next;
    if (isNew) onChange();
    return next;
  };

  const request = async (): Promise<boolean> => {
    if (storage === undefined) return false;
    // Rejects in frames without an origin of their own.
    return see(await storage.persist().catch(() => false));
  };

  return {
    get isPersistent() {
      return isPersistent;
    },
    request,
    start: async () => {
      if (storage === undefined) return;
      const isAlready = await storage.persisted().catch(() => false);
      if (isAlready || !decidesSilently) see(isAlready);
      else await request();
    },
  };
};

/** Only Chromium has it, and only Chromium is known to ask nobody. */
export const decidesPersistenceSilently = (): boolean => "userAgentData" in navigator;
