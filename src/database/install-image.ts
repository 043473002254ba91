/**
 * Puts a database file in place of another one in a directory that cannot rename. Rules:
 * 1. The image is staged beside the database first. Its first bytes, which make it a database, are written last, when all
 *    the others are durable: from then on it counts.
 * 2. A staged image that counts is copied over the database, now or when the database is opened next, and only then
 *    removed. Copying again does no harm.
 * 3. The database's file has its final size at least before the image counts: what is only overwritten needs no space.
 */

import type { VfsDirectory, VfsFile } from "./vfs.ts";
import { journalNameOf, logNameOf } from "./logged-directory.ts";

/** File in which the image for `fileName` waits. */
export const stagedName = (fileName: string): string => `${fileName}-import`;

const magic = new TextEncoder().encode("SQLite format 3\0");
const pieceBytes = 1024 * 1024;

/** The connection must be closed. Throws what the files throw; then nothing has changed. */
export const installImage = async (directory: VfsDirectory, fileName: string, image: Blob): Promise<void> => {
  const staged = open(directory, stagedName(fileName));
  try {
    await stage(staged, image, () => reserve(directory, fileName, image.size));
  } catch (error) {
    staged.truncate(0);
    staged.close();
    directory.delete(stagedName(fileName));
    throw error;
  }
  staged.close();
  finishInstall(directory, fileName);
};

/** To be called before a database is opened. Does nothing when no image waits. */
export const finishInstall = (directory: VfsDirectory, fileName: string): void => {
  const name = stagedName(fileName);
  if (!directory.exists(name)) return;
  const staged = open(directory, name);
  const head = new Uint8Array(magic.length);
  staged.read(head, 0);
  // Keeps 1 and 2.
  if (head.every((byte, index) => byte === magic[index])) copyOver(directory, fileName, staged);
  staged.close();
  directory.delete(name);
};

const open = (directory: VfsDirectory, name: string): VfsFile => {
  const file = directory.open(name, true);
  if (file === undefined) throw new Error(`${name} cannot be opened`);
  return file;
};

/** Keeps 1. */
const stage = async (staged: VfsFile, image: Blob, reserveRoom: () => void): Promise<void> => {
  staged.truncate(0);
  for (let start = 0; start < image.size; start += pieceBytes) {
    const piece = new Uint8Array(await image.slice(start, start + pieceBytes).arrayBuffer());
    if (start === 0) piece.fill(0, 0, magic.length);
    staged.write(piece, start);
  }
  staged.sync();
  reserveRoom();
  staged.write(magic, 0);
  staged.sync();
};

/** Keeps 3. SQLite takes no notice of what is behind the pages that the file's header counts. */
const reserve = (directory: VfsDirectory, fileName: string, size: number): void => {
  const file = open(directory, fileName);
  const zeros = new Uint8Array(pieceBytes);
  for (let at = file.size(); at < size; at += pieceBytes)
    file.write(zeros.subarray(0, Math.min(pieceBytes, size - at)), at);
  file.sync();
  file.close();
};

/** Keeps 2. */
const copyOver = (directory: VfsDirectory, fileName: string, staged: VfsFile): void => {
  // Of the database that is replaced: they must not find their way into the new one.
  directory.delete(journalNameOf(fileName));
  directory.delete(logNameOf(fileName));
  const file = open(directory, fileName);
  const piece = new Uint8Array(pieceBytes);
  const size = staged.size();
  for (let at = 0; at < size; at += pieceBytes) file.write(piece.subarray(0, staged.read(piece, at)), at);
  file.truncate(size);
  file.sync();
  file.close();
};
