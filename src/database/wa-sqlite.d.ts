/** The two builds of cr-sqlite that `@vlcn.io/wa-sqlite` ships without types. */

declare module "@vlcn.io/wa-sqlite/dist/crsqlite-sync.mjs" {
  import type { EngineModule, EngineModuleOptions } from "./engine-module.ts";
  const load: (options?: EngineModuleOptions) => Promise<EngineModule>;
  export default load;
}

declare module "@vlcn.io/wa-sqlite/dist/crsqlite.mjs" {
  import type { EngineModule, EngineModuleOptions } from "./engine-module.ts";
  const load: (options?: EngineModuleOptions) => Promise<EngineModule>;
  export default load;
}
