/**
 * Vite plugin: writes `service-worker.js` with the list of everything the build made. It reads the finished folder
 * rather than Vite's bundle, so that files of workers and of `public/` are on the list as well.
 */

import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import type { Plugin } from "vite";

const outputName = "service-worker.js";
const template = new URL("./service-worker.js", import.meta.url);

const filesBelow = async (directory: string): Promise<readonly string[]> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => path !== outputName && !path.endsWith(".map"))
    .toSorted();
};

export const notesServiceWorker = (): Plugin => {
  let outDir = "";

  const write = async (): Promise<void> => {
    const files = await filesBelow(outDir);
    const source = await readFile(template, "utf8");
    const hash = createHash("sha256").update(source);
    for (const file of files) hash.update(file).update(await readFile(join(outDir, file)));
    const version = hash.digest("hex").slice(0, 16);
    const constants = `const version = ${JSON.stringify(version)};\nconst files = ${JSON.stringify(files)};\n`;
    await writeFile(join(outDir, outputName), constants + source);
  };

  return {
    name: "notes-service-worker",
    apply: "build",
    configResolved: (config) => {
      outDir = resolve(config.root, config.build.outDir);
    },
    closeBundle: { order: "post", sequential: true, handler: write },
  };
};
