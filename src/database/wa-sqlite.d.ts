/** The parts of `@vlcn.io/wa-sqlite` that Ledger uses; the package ships no types for them. */

declare module "@vlcn.io/wa-sqlite/dist/crsqlite-sync.mjs" {
  const load: (
    options?: import("./engine-module.ts").EngineModuleOptions,
  ) => Promise<import("./engine-module.ts").EngineModule>;
  export default load;
}

declare module "@vlcn.io/wa-sqlite/dist/crsqlite.mjs" {
  const load: (
    options?: import("./engine-module.ts").EngineModuleOptions,
  ) => Promise<import("./engine-module.ts").EngineModule>;
  export default load;
}

declare module "@vlcn.io/wa-sqlite/src/examples/IDBBatchAtomicVFS.js" {
  export type IDBBatchAtomicVFS = import("./vfs.ts").Vfs & {
    /** Set on registering: suspends the engine while `work` runs. */
    handleAsync: (work: () => unknown) => unknown;
    /** Deletes the pages of `path` that newer ones have replaced. */
    purge(path: string): Promise<void>;
    close(): Promise<void>;
  };
  export const IDBBatchAtomicVFS: new (
    idbDatabaseName: string,
    options: { readonly durability: "default" | "strict" | "relaxed"; readonly purge: "deferred" | "manual" },
  ) => IDBBatchAtomicVFS;
}
