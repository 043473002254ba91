/**
 * Messages to bytes and back. The layout is specified in docs/protocol.md, whose byte examples a test decodes.
 * Decoding never throws: bytes from a peer become a Result.
 */

import { bytesToHex, bytesToSiteId, hexToBytes, siteIdToBytes, type Epoch, type SiteId } from "../common/ids.ts";
import { err, ok, type Result } from "../common/result.ts";
import { createByteReader, MalformedError, type ByteReader } from "./byte-reader.ts";
import { createByteWriter, type ByteWriter } from "./byte-writer.ts";
import { decodeGroups, encodeGroups } from "./groups-codec.ts";
import type { Frontier } from "./frontier.ts";
import { maxImageBytes, maxPartBytes, type ReplicationLimits } from "./limits.ts";
import type { SchemaStamp } from "./schema-stamp.ts";
import type { Changes, Digest, Hello, Message, Progress, SnapshotMessage, TableDigest, Want } from "./message.ts";

const tags = { hello: 1, changes: 2, progress: 3, digest: 4, rewind: 5, want: 6, snapshot: 7, schema: 8 } as const;
const completeFlag = 1;
const partFlag = 2;
const emptyFlag = 1;
const resumeFlag = 2;

/** What is wrong with a message; for the log and the link's close code. */
export interface DecodeError {
  readonly code: "MALFORMED" | "UNKNOWN_MESSAGE";
  readonly rule: string;
}

const encodeFrontier = (writer: ByteWriter, frontier: Frontier): void => {
  writer.varint(frontier.size);
  for (const [site, version] of frontier) {
    writer.raw(siteIdToBytes(site));
    writer.varint(version);
  }
};

const decodeFrontier = (reader: ByteReader, limits: ReplicationLimits): Frontier => {
  const count = reader.count(17);
  if (count > limits.maxSites) throw new MalformedError("too many sites");
  const frontier = new Map<SiteId, number>();
  for (let i = 0; i < count; i += 1) frontier.set(bytesToSiteId(reader.raw(16)), reader.varint());
  if (frontier.size !== count) throw new MalformedError("site twice in a frontier");
  return frontier;
};

const encodeSchema = (writer: ByteWriter, { migration, hash }: SchemaStamp): void => {
  writer.varint(migration);
  writer.raw(hexToBytes(hash));
};

const decodeSchema = (reader: ByteReader): SchemaStamp => ({
  migration: reader.varint(),
  hash: bytesToHex(reader.raw(8)),
});

export const encodeMessage = (message: Message): Uint8Array<ArrayBuffer> => {
  const writer = createByteWriter(message.type === "changes" ? 64 * 1024 : 256);
  writer.byte(tags[message.type]);
  switch (message.type) {
    case "hello":
      encodeFrontier(writer, message.frontier);
      encodeSchema(writer, message.schema);
      writer.byte(message.cursor === undefined ? 0 : 1);
      if (message.cursor !== undefined) {
        writer.raw(hexToBytes(message.cursor.epoch));
        writer.varint(message.cursor.position);
      }
      break;
    case "changes":
      writer.byte(message.complete ? completeFlag : message.part === true ? partFlag : 0);
      writer.varint(message.to);
      encodeFrontier(writer, message.frontier);
      encodeGroups(writer, message.groups);
      break;
    case "progress":
      writer.varint(message.taken);
      encodeFrontier(writer, message.frontier);
      break;
    case "schema":
      encodeSchema(writer, message.schema);
      break;
    case "rewind":
      encodeFrontier(writer, message.frontier);
      break;
    case "want":
      writer.byte((message.isEmpty ? emptyFlag : 0) | (message.resume === undefined ? 0 : resumeFlag));
      encodeFrontier(writer, message.frontier);
      if (message.resume !== undefined) {
        writer.varint(message.resume.image);
        writer.varint(message.resume.offset);
      }
      break;
    case "snapshot":
      writer.varint(message.to);
      encodeFrontier(writer, message.frontier);
      writer.varint(message.part.image);
      writer.varint(message.part.size);
      writer.varint(message.part.offset);
      writer.block(message.part.bytes);
      break;
    case "digest":
      writer.varint(message.tables.length);
      for (const table of message.tables) {
        writer.text(table.table);
        writer.raw(hexToBytes(table.hash));
        writer.varint(table.changes);
      }
      break;
  }
  return writer.finish();
};

/** Makes encoded `changes`, which are not complete, a part of what the next ones end. */
export const markAsPart = (encoded: Uint8Array): void => {
  encoded[1] = partFlag;
};

const decodeHello = (reader: ByteReader, limits: ReplicationLimits): Hello => {
  const frontier = decodeFrontier(reader, limits);
  const schema = decodeSchema(reader);
  const hasCursor = reader.byte();
  if (hasCursor > 1) throw new MalformedError("cursor flag");
  if (hasCursor === 0) return { type: "hello", frontier, schema };
  const cursor = { epoch: bytesToHex(reader.raw(16)) as Epoch, position: reader.varint() };
  return { type: "hello", frontier, schema, cursor };
};

const decodeChanges = (reader: ByteReader, limits: ReplicationLimits): Changes => {
  const flags = reader.byte();
  if (flags > partFlag) throw new MalformedError("changes flags");
  return {
    type: "changes",
    complete: flags === completeFlag,
    ...(flags === partFlag ? { part: true } : {}),
    to: reader.varint(),
    frontier: decodeFrontier(reader, limits),
    groups: decodeGroups(reader, limits),
  };
};

const decodeProgress = (reader: ByteReader, limits: ReplicationLimits): Progress => ({
  type: "progress",
  taken: reader.varint(),
  frontier: decodeFrontier(reader, limits),
});

const decodeWant = (reader: ByteReader, limits: ReplicationLimits): Want => {
  const flags = reader.byte();
  if (flags > (emptyFlag | resumeFlag) || flags === resumeFlag) throw new MalformedError("want flags");
  const frontier = decodeFrontier(reader, limits);
  if (flags < resumeFlag) return { type: "want", isEmpty: flags === emptyFlag, frontier };
  return { type: "want", isEmpty: true, resume: { image: reader.varint(), offset: reader.varint() }, frontier };
};

const decodeSnapshot = (reader: ByteReader, limits: ReplicationLimits): SnapshotMessage => {
  const to = reader.varint();
  const frontier = decodeFrontier(reader, limits);
  if (to < 1) throw new MalformedError("snapshot of nothing");
  const [image, size, offset] = [reader.varint(), reader.varint(), reader.varint()];
  if (size > maxImageBytes) throw new MalformedError("image too large");
  const bytes = reader.block(maxPartBytes);
  if (bytes.length === 0 || bytes.length > size - offset) throw new MalformedError("image part");
  return { type: "snapshot", to, frontier, part: { image, size, offset, bytes } };
};

const decodeDigest = (reader: ByteReader, limits: ReplicationLimits): Digest => {
  const count = reader.count(10);
  if (count > limits.maxTables) throw new MalformedError("too many tables");
  const tables: TableDigest[] = [];
  for (let i = 0; i < count; i += 1) {
    tables.push({
      table: reader.text(limits.maxNameLength),
      hash: bytesToHex(reader.raw(8)),
      changes: reader.varint(),
    });
  }
  return { type: "digest", tables };
};

const decodeByTag = (tag: number, reader: ByteReader, limits: ReplicationLimits): Message | undefined => {
  switch (tag) {
    case tags.hello:
      return decodeHello(reader, limits);
    case tags.changes:
      return decodeChanges(reader, limits);
    case tags.progress:
      return decodeProgress(reader, limits);
    case tags.digest:
      return decodeDigest(reader, limits);
    case tags.rewind:
      return { type: "rewind", frontier: decodeFrontier(reader, limits) };
    case tags.want:
      return decodeWant(reader, limits);
    case tags.snapshot:
      return decodeSnapshot(reader, limits);
    case tags.schema:
      return { type: "schema", schema: decodeSchema(reader) };
    default:
      return undefined;
  }
};

/** One whole message; bytes left over are an error. */
export const decodeMessage = (bytes: Uint8Array, limits: ReplicationLimits): Result<Message, DecodeError> => {
  try {
    const reader = createByteReader(bytes);
    const message = decodeByTag(reader.byte(), reader, limits);
    if (message === undefined) return err({ code: "UNKNOWN_MESSAGE", rule: "message tag" });
    if (reader.remaining > 0) return err({ code: "MALFORMED", rule: "trailing bytes" });
    return ok(message);
  } catch (error) {
    if (error instanceof MalformedError) return err({ code: "MALFORMED", rule: error.message });
    throw error;
  }
};
