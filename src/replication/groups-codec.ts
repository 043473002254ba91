/**
 * The rows of a `changes` message: columnar, with dictionaries for sites, column references and keys, so that what
 * repeats is written once and what is left deflates well. Rows of one key stand together in practice; a key is then one
 * byte after its first row.
 */

import { bytesToSiteId, siteIdToBytes, type SiteId } from "../common/ids.ts";
import { MalformedError, type ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Change, ChangeGroup, Value, ValueClass } from "./change.ts";
import type { ReplicationLimits } from "./limits.ts";
import { checkChange, checkColumn, checkKey } from "./validate.ts";

/** Value tags on the wire: SQLite's type codes, and 6 for integers beyond 2^52 as 8 bytes. */
const largeIntegerTag = 6;
const varintRange = 2 ** 52;
const sameKey = 0;
const nextKey = 1;

const createDictionary = <T>(): { readonly entries: T[]; indexOf(key: string, entry: T): number } => {
  const indexByKey = new Map<string, number>();
  const entries: T[] = [];
  return {
    entries,
    indexOf: (key, entry) => {
      let index = indexByKey.get(key);
      if (index === undefined) {
        index = entries.length;
        indexByKey.set(key, index);
        entries.push(entry);
      }
      return index;
    },
  };
};

/** Arguments that every engine takes in one call. */
const spreadBytes = 8192;

/** The bytes as a text to look them up by. */
const keyText = (bytes: Uint8Array): string => {
  if (bytes.length <= spreadBytes) return String.fromCharCode(...bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += spreadBytes) {
    text += String.fromCharCode(...bytes.subarray(at, at + spreadBytes));
  }
  return text;
};

const isLargeInteger = (value: number | bigint): boolean =>
  typeof value === "bigint" || value >= varintRange || value <= -varintRange;

const encodeValue = (writer: ByteWriter, change: Change): void => {
  switch (change.valueClass) {
    case 1: {
      const value = change.value as number | bigint;
      if (isLargeInteger(value)) writer.int64(BigInt(value));
      else writer.zigzag(Number(value));
      break;
    }
    case 2:
      writer.float64(change.value as number);
      break;
    case 3:
      writer.text(change.value as string);
      break;
    case 4:
      writer.block(change.value as Uint8Array);
      break;
    case 5:
      break;
  }
};

const valueTag = (change: Change): number =>
  change.valueClass === 1 && isLargeInteger(change.value as number | bigint) ? largeIntegerTag : change.valueClass;

export const encodeGroups = (writer: ByteWriter, groups: readonly ChangeGroup[]): void => {
  const sites = createDictionary<SiteId>();
  const columns = createDictionary<{ readonly table: string; readonly cid: string }>();
  const keys = createDictionary<Uint8Array>();
  const changes = groups.flatMap((group) => group.changes);
  const groupSites = groups.map((group) => sites.indexOf(group.site, group.site));
  const columnRefs = changes.map(({ table, cid }) => columns.indexOf(`${table}\0${cid}`, { table, cid }));

  const keyRefs: number[] = [];
  let previousKey: Uint8Array | undefined;
  let previousIndex = -1;
  for (const { pk } of changes) {
    if (pk === previousKey) {
      keyRefs.push(sameKey);
      continue;
    }
    const known = keys.entries.length;
    const index = keys.indexOf(keyText(pk), pk);
    keyRefs.push(index === previousIndex ? sameKey : index === known ? nextKey : index + 2);
    previousKey = pk;
    previousIndex = index;
  }

  writer.varint(sites.entries.length);
  for (const site of sites.entries) writer.raw(siteIdToBytes(site));
  writer.varint(columns.entries.length);
  for (const { table, cid } of columns.entries) {
    writer.text(table);
    writer.text(cid);
  }
  writer.varint(keys.entries.length);
  for (const key of keys.entries) writer.block(key);

  writer.varint(groups.length);
  for (const [i, group] of groups.entries()) {
    writer.varint(groupSites[i] as number);
    writer.varint(group.originVersion);
    writer.varint(group.changes.length);
  }

  for (const ref of columnRefs) writer.varint(ref);
  for (const ref of keyRefs) writer.varint(ref);
  for (const change of changes) writer.varint(change.colVersion);
  for (const change of changes) writer.varint(change.cl);
  let expectedSeq = 0;
  for (const change of changes) {
    writer.zigzag(change.seq - expectedSeq);
    expectedSeq = change.seq + 1;
  }
  for (const change of changes) writer.byte(valueTag(change));
  for (const change of changes) encodeValue(writer, change);
};

interface GroupHeader {
  readonly site: SiteId;
  readonly originVersion: number;
  readonly count: number;
}

const entry = <T>(entries: readonly T[], index: number): T => {
  const found = entries[index];
  if (found === undefined) throw new MalformedError("dictionary index");
  return found;
};

const decodeList = <T>(reader: ByteReader, leastBytes: number, most: number, read: () => T): T[] => {
  const count = reader.count(leastBytes);
  if (count > most) throw new MalformedError("too many entries");
  const list: T[] = [];
  for (let i = 0; i < count; i += 1) list.push(read());
  return list;
};

const decodeKeyRefs = (reader: ByteReader, keys: readonly Uint8Array[], total: number): Uint8Array[] => {
  const refs: Uint8Array[] = [];
  let seen = 0;
  let index = -1;
  for (let i = 0; i < total; i += 1) {
    const ref = reader.varint();
    if (ref === nextKey) {
      index = seen;
      seen += 1;
    } else if (ref !== sameKey) {
      index = ref - 2;
    }
    refs.push(entry(keys, index));
  }
  return refs;
};

const decodeNumbers = (total: number, read: () => number): number[] => {
  const numbers: number[] = [];
  for (let i = 0; i < total; i += 1) numbers.push(read());
  return numbers;
};

const decodeValue = (reader: ByteReader, tag: number, limits: ReplicationLimits): Value => {
  switch (tag) {
    case 1:
      return reader.zigzag();
    case 2: {
      const value = reader.float64();
      if (Number.isNaN(value)) throw new MalformedError("NaN"); // SQLite stores NaN as NULL: no replica can hold one.
      return value;
    }
    case 3:
      return reader.text(limits.maxValueBytes);
    case 4:
      return reader.block(limits.maxValueBytes);
    case 5:
      return null;
    case largeIntegerTag: {
      const value = reader.int64();
      const narrow = Number(value);
      if (Number.isSafeInteger(narrow)) {
        if (!isLargeInteger(narrow)) throw new MalformedError("integer not minimal");
        return narrow;
      }
      return value;
    }
    default:
      throw new MalformedError("value tag");
  }
};

export const decodeGroups = (reader: ByteReader, limits: ReplicationLimits): ChangeGroup[] => {
  const sites = decodeList(reader, 16, limits.maxChanges, () => bytesToSiteId(reader.raw(16)));
  const columns = decodeList(reader, 2, limits.maxChanges, () => {
    const table = reader.text(limits.maxNameLength);
    const cid = reader.text(limits.maxNameLength);
    checkColumn(table, cid);
    return { table, cid };
  });
  const keys = decodeList(reader, 1, limits.maxChanges, () => {
    const key = reader.block(limits.maxKeyBytes);
    checkKey(key);
    return key;
  });
  const headers = decodeList(reader, 3, limits.maxChanges, (): GroupHeader => {
    const site = entry(sites, reader.varint());
    return { site, originVersion: reader.varint(), count: reader.varint() };
  });

  const total = headers.reduce((sum, header) => sum + header.count, 0);
  if (total * 6 > reader.remaining) throw new MalformedError("count beyond the message");
  if (total > limits.maxChanges) throw new MalformedError("too many changes");

  const columnRefs = decodeNumbers(total, () => reader.varint());
  const keyRefs = decodeKeyRefs(reader, keys, total);
  const colVersions = decodeNumbers(total, () => reader.varint());
  const cls = decodeNumbers(total, () => reader.varint());
  let expectedSeq = 0;
  const seqs = decodeNumbers(total, () => {
    const seq = reader.zigzag() + expectedSeq;
    expectedSeq = seq + 1;
    return seq;
  });
  const valueTags = decodeNumbers(total, () => reader.byte());

  let at = 0;
  return headers.map(({ site, originVersion, count }) => {
    if (originVersion < 1) throw new MalformedError("origin version");
    const changes: Change[] = [];
    for (const end = at + count; at < end; at += 1) {
      const { table, cid } = entry(columns, columnRefs[at] as number);
      const tag = valueTags[at] as number;
      const change: Change = {
        table,
        cid,
        pk: keyRefs[at] as Uint8Array,
        colVersion: colVersions[at] as number,
        cl: cls[at] as number,
        seq: seqs[at] as number,
        valueClass: (tag === largeIntegerTag ? 1 : tag) as ValueClass,
        value: decodeValue(reader, tag, limits),
      };
      checkChange(change);
      changes.push(change);
    }
    return { site, originVersion, changes };
  });
};
