import { expect, test } from "vitest";
import { finishInstall, installImage } from "../../src/database/install-image.ts";
import type { VfsDirectory, VfsFile } from "../../src/database/vfs.ts";
import { createSeededRandom } from "../support/seeded-random.ts";

const name = "ledger.db";
const magic = [...new TextEncoder().encode("SQLite format 3\0")];

const imageOf = (size: number, fill: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(size).fill(fill);
  bytes.set(magic);
  return bytes;
};

/** Files of which each can lose, in a crash, what was not synced. */
const createDisk = () => {
  const files = new Map<string, { now: Uint8Array<ArrayBuffer>; durable: Uint8Array<ArrayBuffer> }>();
  let operations = 0;
  let crashAt = Infinity;
  let fault: (() => Error) | undefined;

  const operate = (): void => {
    operations += 1;
    if (operations >= crashAt) throw (fault ?? (() => new Error("crashed")))();
  };
  const resized = (bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> => {
    const next = new Uint8Array(size);
    next.set(bytes.subarray(0, size));
    return next;
  };

  const directory: VfsDirectory = {
    exists: (path) => files.has(path),
    open: (path, create): VfsFile | undefined => {
      if (!files.has(path)) {
        if (!create) return undefined;
        operate();
        files.set(path, { now: new Uint8Array(0), durable: new Uint8Array(0) });
      }
      const file = files.get(path) as { now: Uint8Array<ArrayBuffer>; durable: Uint8Array<ArrayBuffer> };
      return {
        read: (into, offset) => {
          const part = file.now.subarray(offset, offset + into.length);
          into.set(part);
          return part.length;
        },
        write: (from, offset) => {
          operate();
          if (offset + from.length > file.now.length) file.now = resized(file.now, offset + from.length);
          file.now.set(from, offset);
        },
        truncate: (size) => {
          operate();
          file.now = resized(file.now, size);
        },
        size: () => file.now.length,
        sync: () => {
          operate();
          file.durable = file.now.slice();
        },
        close: () => {},
      };
    },
    delete: (path) => {
      operate();
      files.delete(path);
    },
  };

  return {
    directory,
    put: (path: string, bytes: Uint8Array<ArrayBuffer>) => void files.set(path, { now: bytes, durable: bytes.slice() }),
    bytes: (path: string): Uint8Array | undefined => files.get(path)?.now,
    names: (): readonly string[] => [...files.keys()].sort(),
    failAt: (operation: number, error?: () => Error) => {
      operations = 0;
      crashAt = operation;
      fault = error;
    },
    /** Back up after a crash: of each file what was synced, or what was written since as well. */
    restart: (keeps: () => boolean) => {
      crashAt = Infinity;
      for (const file of files.values()) {
        if (!keeps()) file.now = file.durable.slice();
      }
    },
  };
};

const sizes: readonly (readonly [number, number])[] = [
  [4_096, 2_500_000],
  [2_500_000, 4_096],
  [1_048_576, 1_048_576],
];

test.each(sizes)("puts a file of %i bytes out and one of %i in its place", async (oldSize, newSize) => {
  const disk = createDisk();
  disk.put(name, imageOf(oldSize, 1));
  disk.put(`${name}-journal`, new Uint8Array(100));

  await installImage(disk.directory, name, new Blob([imageOf(newSize, 2)]));

  expect(Buffer.compare(disk.bytes(name) ?? new Uint8Array(0), imageOf(newSize, 2))).toBe(0);
  expect(disk.names()).toEqual([name]);
});

test.each(sizes)(
  "leaves the old or the new file whole wherever it crashes, %i to %i bytes",
  async (oldSize, newSize) => {
    const outcomes = new Set<string>();
    const random = createSeededRandom(oldSize);
    for (let operation = 1; operation < 40; operation += 1) {
      const disk = createDisk();
      disk.put(name, imageOf(oldSize, 1));
      disk.failAt(operation);

      const crashed = await installImage(disk.directory, name, new Blob([imageOf(newSize, 2)])).then(
        () => false,
        () => true,
      );
      if (!crashed) break;
      disk.restart(() => random.unit() < 0.5);
      finishInstall(disk.directory, name);

      const found = disk.bytes(name) ?? new Uint8Array(0);
      // Room that was reserved behind the old file means nothing: SQLite counts pages by the header.
      const isOld = Buffer.compare(found.subarray(0, oldSize), imageOf(oldSize, 1)) === 0;
      const isNew = Buffer.compare(found, imageOf(newSize, 2)) === 0;
      expect(isOld || isNew, `operation ${operation}`).toBe(true);
      outcomes.add(isNew ? "new" : "old");
    }
    expect([...outcomes].sort()).toEqual(["new", "old"]);
  },
);

test("changes nothing and leaves nothing behind when there is no space", async () => {
  const disk = createDisk();
  disk.put(name, imageOf(4_096, 1));
  disk.failAt(3, () => {
    disk.failAt(Infinity); // Giving space back needs none.
    return new DOMException("full", "QuotaExceededError");
  });

  await expect(installImage(disk.directory, name, new Blob([imageOf(3_000_000, 2)]))).rejects.toThrow("full");

  expect(disk.bytes(name)).toEqual(imageOf(4_096, 1));
  expect(disk.names()).toEqual([name]);
});
