/** Notes to bytes and back. Decoding never throws: bytes from a peer become a Result. */

import { bytesToHex, bytesToSiteId, hexToBytes, siteIdToBytes } from "../common/ids.ts";
import { err, ok, type Result } from "../common/result.ts";
import { createByteReader, MalformedError, type ByteReader } from "../replication/byte-reader.ts";
import { createByteWriter, type ByteWriter } from "../replication/byte-writer.ts";
import { noteLimits, type BroadcastNote, type Note, type PresenceEntry, type PresenceId } from "./note.ts";

const tags = { presence: 1, broadcast: 2, neighbours: 3 } as const;
const entryTypes = ["state", "beat", "gone", "doubt"] as const;
const jsonForm = 0;
const bytesForm = 1;

/** Bytes of an entry of presence other than its state's, at most. */
export const entryHeadBytes = 1 + 8 + 8 + 8 + 16 + 2;

export const encodeNote = (note: Note): Uint8Array<ArrayBuffer> => {
  const writer = createByteWriter();
  writer.byte(tags[note.type]);
  switch (note.type) {
    case "presence":
      writer.varint(note.entries.length);
      for (const entry of note.entries) encodeEntry(writer, entry);
      break;
    case "broadcast":
      encodeBroadcast(writer, note);
      break;
    case "neighbours":
      writer.varint(note.sites.length);
      for (const site of note.sites) writer.raw(siteIdToBytes(site));
      break;
  }
  return writer.finish();
};

/** The rule that the bytes break, for the log and the link's close code. */
export const decodeNote = (bytes: Uint8Array): Result<Note, string> => {
  try {
    const reader = createByteReader(bytes);
    const note = decodeByTag(reader.byte(), reader);
    if (reader.remaining > 0) return err("trailing bytes");
    return ok(note);
  } catch (error) {
    if (error instanceof MalformedError) return err(error.message);
    throw error;
  }
};

const encodeEntry = (writer: ByteWriter, entry: PresenceEntry): void => {
  writer.byte(entryTypes.indexOf(entry.type));
  writer.raw(hexToBytes(entry.id));
  writer.varint(entry.beat);
  if (entry.type === "gone" || entry.type === "doubt") return;
  writer.varint(entry.since);
  if (entry.type === "beat") return;
  writer.raw(siteIdToBytes(entry.siteId));
  writer.text(entry.state);
};

const encodeBroadcast = (writer: ByteWriter, note: BroadcastNote): void => {
  writer.raw(hexToBytes(note.id));
  writer.varint(note.number);
  writer.raw(siteIdToBytes(note.siteId));
  writer.byte(note.hops);
  writer.text(note.topic);
  writer.byte(typeof note.payload === "string" ? jsonForm : bytesForm);
  if (typeof note.payload === "string") writer.text(note.payload);
  else writer.block(note.payload);
};

const decodeByTag = (tag: number, reader: ByteReader): Note => {
  switch (tag) {
    case tags.presence:
      return { type: "presence", entries: list(reader, 10, () => decodeEntry(reader)) };
    case tags.broadcast:
      return decodeBroadcast(reader);
    case tags.neighbours: {
      const sites = list(reader, 16, () => bytesToSiteId(reader.raw(16)));
      if (sites.length > noteLimits.neighbours) throw new MalformedError("too many neighbours");
      return { type: "neighbours", sites };
    }
    default:
      throw new MalformedError("note tag");
  }
};

const list = <T>(reader: ByteReader, leastBytes: number, decode: () => T): readonly T[] =>
  Array.from({ length: reader.count(leastBytes) }, decode);

const decodeEntry = (reader: ByteReader): PresenceEntry => {
  const type = entryTypes[reader.byte()];
  if (type === undefined) throw new MalformedError("entry type");
  const [id, beat] = [decodeId(reader), reader.varint()];
  if (type === "gone" || type === "doubt") return { type, id, beat };
  const since = reader.varint();
  if (since > beat) throw new MalformedError("state of a later beat");
  if (type === "beat") return { type, id, beat, since };
  return { type, id, beat, since, siteId: bytesToSiteId(reader.raw(16)), state: json(reader, noteLimits.stateBytes) };
};

const decodeBroadcast = (reader: ByteReader): BroadcastNote => {
  const [id, number, siteId, hops] = [
    decodeId(reader),
    reader.varint(),
    bytesToSiteId(reader.raw(16)),
    reader.byte(),
  ] as const;
  if (hops > noteLimits.hops) throw new MalformedError("too many hops");
  const topic = reader.text(noteLimits.topicBytes);
  const form = reader.byte();
  if (form > bytesForm) throw new MalformedError("payload form");
  // Bytes are copied: the note is a view into what came over the link.
  const payload =
    form === jsonForm ? json(reader, noteLimits.payloadBytes) : reader.block(noteLimits.payloadBytes).slice();
  return { type: "broadcast", id, number, siteId, hops, topic, payload };
};

const decodeId = (reader: ByteReader): PresenceId => bytesToHex(reader.raw(8)) as PresenceId;

/** Whoever passes a note on answers for it: text that no tab can read goes no further. */
const json = (reader: ByteReader, maxBytes: number): string => {
  const text = reader.text(maxBytes);
  try {
    JSON.parse(text);
  } catch {
    throw new MalformedError("not JSON"); // The only thing that parsing text throws.
  }
  return text;
};
