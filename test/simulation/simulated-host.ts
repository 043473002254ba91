/**
 * A host over a simulated disk that opens its database with the engine of an earlier one, once that is closed: most of
 * the time that opening takes goes into making an engine.
 */

import type { EngineHost } from "../../src/database/engine-host.ts";
import type { Engine } from "../../src/database/engine-module.ts";
import { openMemoryConnection, openMemoryHost } from "../../src/database/memory-host.ts";
import type { Vfs } from "../../src/database/vfs.ts";
import { loadEngine } from "../../src/database/wasm-location.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";

export interface EnginePool {
  openHost(disk: SimulatedDisk): Promise<EngineHost>;
}

export const createEnginePool = (): EnginePool => {
  const idle: Engine[] = [];
  return {
    openHost: async (disk) => {
      const host = await openMemoryHost(undefined, disk);
      const engine = idle.pop() ?? reusable(await loadEngine("sync"));
      return {
        ...host,
        openConnection: () => openMemoryConnection(engine, disk),
        release: async () => {
          idle.push(engine);
        },
      };
    },
  };
};

/** An engine in which a file system can take the place of another with its name, which it refuses otherwise. */
const reusable = (engine: Engine): Engine => {
  const current = new Map<string, Vfs>();
  const { module } = engine;
  const register = module.registerVFS.bind(module);
  module.registerVFS = (vfs, makeDefault) => {
    const { name } = vfs;
    const isKnown = current.has(name);
    current.set(name, vfs);
    if (isKnown) return 0;
    const latest = new Proxy(vfs, { get: (_, key) => current.get(name)?.[key as keyof Vfs] });
    return register(latest, makeDefault);
  };
  return engine;
};
