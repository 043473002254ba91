/** Node's modules, taken without an import statement, so that a bundle for browsers has nothing of Node in it. */

/** Also under jsdom, which has a window; not in a renderer of Electron, which is a browser with Node in it. */
export const isNode = (): boolean =>
  typeof process !== "undefined" &&
  typeof process.getBuiltinModule === "function" &&
  (process as { readonly type?: string }).type !== "renderer";

interface NodeModules {
  "node:fs": typeof import("node:fs");
  "node:module": typeof import("node:module");
  "node:path": typeof import("node:path");
  "node:url": typeof import("node:url");
}

/** Must only be called when {@link isNode}. */
export const nodeModule = <Name extends keyof NodeModules>(name: Name): NodeModules[Name] =>
  process.getBuiltinModule(name) as NodeModules[Name];
