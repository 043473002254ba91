/**
 * The byte examples of docs/protocol.md: each is made by the encoder and read by the decoder that the library uses.
 * The document holds the bytes in blocks fenced as `hex <name>`, in which `#` starts a comment.
 */

import { base64urlToBytes } from "../../src/common/base64url.ts";
import { bytesToHex, bytesToSiteId, hexToBytes, type Epoch, type MemberId } from "../../src/common/ids.ts";
import type { Random } from "../../src/common/random.ts";
import { createSystemClock } from "../../src/common/system-clock.ts";
import { decodeNote, encodeNote } from "../../src/ephemeral/note-codec.ts";
import type { Note, PresenceId } from "../../src/ephemeral/note.ts";
import { createFrameJoiner, messageToFrames } from "../../src/message-frames.ts";
import type { Change, ChangeGroup } from "../../src/replication/change.ts";
import { decodeMessage, encodeMessage } from "../../src/replication/codec.ts";
import { createDigestBuilder } from "../../src/replication/digest.ts";
import { defaultReplicationLimits } from "../../src/replication/limits.ts";
import { protocolVersion, type Message } from "../../src/replication/message.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import {
  decodeHandshakeMessage,
  encodeAccepted,
  encodeHello,
  encodeRefused,
  type Hello,
} from "../../src/security/handshake-message.ts";
import { authenticate } from "../../src/security/handshake.ts";
import { agreeOnRelayKeys } from "../../src/security/relay-keys.ts";
import { createRelaySealer } from "../../src/security/relay-sealer.ts";
import { createSealer, type ConnectionId } from "../../src/security/sealed-envelope.ts";
import {
  decodeLinkMessage,
  encodeCloseMessage,
  encodeFrameMessage,
  encodeNumberMessage,
} from "../../src/transport/link-messages.ts";
import { decodeAttach, decodeReceived, encodeAttach, encodeReceived } from "../../src/transport/route-messages.ts";
import { fixedRelayPair } from "../support/relay-pairs.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { emptySchema, stampOf } from "../../src/replication/schema-stamp.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface Example {
  readonly name: string;
  /** Makes the bytes. */
  readonly encode: () => Bytes | Promise<Bytes>;
  /** Reads bytes of the document. */
  readonly decode: (bytes: Bytes) => unknown;
  readonly meaning: unknown;
  /** Another encoder may rightly give other bytes: they are only decoded. */
  readonly isOneOfSeveral?: true;
}

const repeated = (byte: number, length = 16): Bytes => new Uint8Array(length).fill(byte);
const hexOf = (byte: number): string => bytesToHex(repeated(byte));
const base64url = (byte: number): string =>
  btoa(String.fromCharCode(...repeated(byte)))
    .replaceAll("=", "")
    .replaceAll("+", "-")
    .replaceAll("/", "_");

const schema = stampOf([{ name: "notes", keyColumns: ["id"], valueColumns: ["title", "body"] }], 3);

export const token = "AAECAwQFBgcICQoLDA0ODw";
const alice = bytesToSiteId(repeated(0xaa));
const bob = bytesToSiteId(repeated(0xbb));
const aliceEpoch = hexOf(0x1a) as Epoch;
const bobEpoch = hexOf(0x1b) as Epoch;
const aliceMember = base64url(0x0a) as MemberId;
const bobMember = base64url(0x0b) as MemberId;
const conn = base64url(0xcc) as ConnectionId;

/** Hands out the byte that was given, as often as asked. */
const constantRandom = (byte: number): Random => ({ bytes: (length) => repeated(byte, length), unit: () => 0.5 });

const announcement = new Uint8Array([...repeated(0xaa), ...repeated(0x1a), 1]);

const sealerOf = async (self: MemberId) =>
  createSealer({ keys: await deriveRoomKeys(token), self, random: constantRandom(0x77) });

const aliceHello: Hello = { version: protocolVersion, nonce: repeated(0xa0), siteId: alice, epoch: aliceEpoch };

/** What Alice, the initiator, says in a handshake with Bob. */
const handshake = async (): Promise<readonly Bytes[]> => {
  const [own, theirs] = ["sha-256 aa:01", "sha-256 bb:02"];
  const pair = createMemoryNetwork().connect({
    fingerprints: { alice: { local: own, remote: theirs }, bob: { local: theirs, remote: own } },
  });
  const said: Bytes[] = [];
  const channel: typeof pair.alice = {
    ...pair.alice,
    send: (message) => {
      said.push(message.slice());
      pair.alice.send(message);
    },
  };
  const common = { keys: await deriveRoomKeys(token), clock: createSystemClock(), protocolVersion };
  await Promise.all([
    authenticate({
      ...common,
      channel,
      role: "initiator",
      self: { siteId: alice, epoch: aliceEpoch },
      random: constantRandom(0xa0),
    }),
    authenticate({
      ...common,
      channel: pair.bob,
      role: "responder",
      self: { siteId: bob, epoch: bobEpoch },
      random: constantRandom(0xb0),
    }),
  ]);
  return said;
};

const noteKey = hexToBytes("010b016e"); // One column, text of one byte of length: "n".
const noteChange = (change: Partial<Change>): Change => ({
  table: "notes",
  pk: noteKey,
  cid: "title",
  valueClass: 3,
  value: "hello",
  colVersion: 1,
  cl: 1,
  seq: 0,
  ...change,
});

const groups: readonly ChangeGroup[] = [
  {
    site: alice,
    originVersion: 7,
    changes: [noteChange({}), noteChange({ cid: "stars", valueClass: 1, value: -2, colVersion: 3, seq: 1 })],
  },
  {
    site: bob,
    originVersion: 2,
    changes: [
      noteChange({ pk: hexToBytes("010901"), cid: "size", valueClass: 1, value: 2n ** 53n, seq: 0 }),
      noteChange({ pk: hexToBytes("010901"), cid: "ratio", valueClass: 2, value: 0.5, seq: 1 }),
      noteChange({ pk: hexToBytes("010902"), cid: "-1", valueClass: 5, value: null, colVersion: 2, cl: 2, seq: 0 }),
    ],
  },
];

/** Keys differ by identity from what a decoder gives; compared by their hex instead. */
const withHexKeys = (message: unknown): unknown =>
  JSON.parse(
    JSON.stringify(message, (_, value: unknown) => {
      if (value instanceof Uint8Array) return bytesToHex(value);
      if (value instanceof Map) return Object.fromEntries(value);
      return typeof value === "bigint" ? `${value}n` : value;
    }),
  );

const replication = (name: string, message: Message): Example => ({
  name,
  encode: () => encodeMessage(message),
  decode: (bytes) => {
    const decoded = decodeMessage(bytes, defaultReplicationLimits);
    return decoded.ok ? withHexKeys(decoded.value) : decoded;
  },
  meaning: withHexKeys(message),
});

const tab = (byte: number): PresenceId => bytesToHex(repeated(byte, 8)) as PresenceId;

const note = (name: string, meaning: Note): Example => ({
  name,
  encode: () => encodeNote(meaning),
  decode: (bytes) => {
    const decoded = decodeNote(bytes);
    return decoded.ok ? decoded.value : decoded;
  },
  meaning,
});

const link = (name: string, encode: () => Bytes, meaning: unknown): Example => ({
  name,
  encode,
  decode: (bytes) => {
    const decoded = decodeLinkMessage(bytes);
    return decoded.ok ? withHexKeys(decoded.value) : decoded;
  },
  meaning,
});

const handshakeMessage = (name: string, encode: () => Bytes | Promise<Bytes>, meaning: unknown): Example => ({
  name,
  encode,
  decode: (bytes) => {
    const decoded = decodeHandshakeMessage(bytes, protocolVersion);
    return decoded.ok ? withHexKeys(decoded.value) : decoded;
  },
  meaning,
});

const progress = encodeMessage({ type: "progress", taken: 9, frontier: new Map([[alice, 300]]) });
const long: Message = {
  type: "digest",
  tables: Array.from({ length: 80 }, () => ({ table: "notes", hash: "0011223344556677", changes: 1 })),
};

const firstFrame = async (message: Bytes): Promise<Bytes> => (await messageToFrames(message))[0] as Bytes;
const frame = (name: string, message: Bytes): Example => ({
  name,
  encode: () => firstFrame(message),
  decode: async (bytes) => {
    const joined = await createFrameJoiner(defaultReplicationLimits.maxMessageBytes).add(bytes);
    return joined.ok && joined.value !== undefined ? bytesToHex(joined.value) : joined;
  },
  meaning: bytesToHex(message),
});

const goodbye = new Uint8Array([0, ...encodeCloseMessage("GOODBYE")]);

/** The first record of one end, between pairs that everyone may know. */
const relaySealerOf = async (role: "initiator" | "responder") => {
  const [ofAlice, ofBob] = await Promise.all([fixedRelayPair(0xa1), fixedRelayPair(0xb2)]);
  const [own, theirs] = role === "initiator" ? [ofAlice, ofBob] : [ofBob, ofAlice];
  const agreed = await agreeOnRelayKeys({
    keys: await deriveRoomKeys(token),
    conn,
    role,
    own,
    theirs: theirs.publicKey,
  });
  if (!agreed.ok) throw new Error(agreed.error);
  return createRelaySealer(agreed.value);
};

export const examples: readonly Example[] = [
  {
    name: "sealed",
    encode: async () => (await sealerOf(aliceMember)).seal(bobMember, conn, 5, 1, announcement),
    decode: async (bytes) => withHexKeys(await (await sealerOf(bobMember)).open(aliceMember, bytes)),
    meaning: { ok: true, value: { conn, seq: 5, type: 1, body: bytesToHex(announcement) } },
  },
  {
    name: "relay-record",
    encode: async () => (await relaySealerOf("initiator")).seal(goodbye),
    decode: async (bytes) => withHexKeys(await (await relaySealerOf("responder")).open(bytes)),
    meaning: { ok: true, value: bytesToHex(goodbye) },
  },
  {
    name: "route-attach",
    encode: () => encodeAttach({ name: conn, received: 300 }),
    decode: decodeAttach,
    meaning: { ok: true, value: { name: conn, received: 300 } },
  },
  {
    name: "route-received",
    encode: () => encodeReceived(256),
    decode: decodeReceived,
    meaning: { ok: true, value: 256 },
  },
  handshakeMessage("handshake-hello", () => encodeHello(aliceHello), {
    kind: "hello",
    version: protocolVersion,
    nonce: hexOf(0xa0),
    siteId: alice,
    epoch: aliceEpoch,
  }),
  {
    name: "handshake-proof",
    encode: async () => (await handshake())[1] as Bytes,
    // Its meaning is a proof: the other side's verification, in `encode`, has accepted it.
    decode: (bytes) => [bytes[0], bytes.length],
    meaning: [2, 33],
  },
  handshakeMessage("handshake-refused", () => encodeRefused("UNTRUSTED"), { kind: "refused", code: "UNTRUSTED" }),
  handshakeMessage("handshake-accepted", () => encodeAccepted(), { kind: "accepted" }),
  link("link-frame", () => encodeFrameMessage("frame", hexToBytes("00ff")), { type: "frame", bytes: "00ff" }),
  link("link-fragment", () => encodeFrameMessage("fragment", hexToBytes("01")), { type: "fragment", bytes: "01" }),
  link("link-last", () => encodeFrameMessage("last", hexToBytes("02")), { type: "last", bytes: "02" }),
  link("link-consumed", () => encodeNumberMessage("consumed", 262_144), { type: "consumed", number: 262_144 }),
  link("link-ping", () => encodeNumberMessage("ping", 1), { type: "ping", number: 1 }),
  link("link-pong", () => encodeNumberMessage("pong", 1), { type: "pong", number: 1 }),
  link("link-close", () => encodeCloseMessage("GOODBYE"), { type: "close", reason: "GOODBYE" }),
  link("link-note", () => encodeFrameMessage("note", hexToBytes("0300")), { type: "note", bytes: "0300" }),
  link("link-noted", () => encodeNumberMessage("noted", 16_384), { type: "noted", number: 16_384 }),
  frame("frame-plain", progress),
  { ...frame("frame-deflated", encodeMessage(long)), isOneOfSeveral: true },
  replication("hello", {
    type: "hello",
    schema,
    frontier: new Map([
      [alice, 300],
      [bob, 2],
    ]),
    cursor: { epoch: bobEpoch, position: 17 },
  }),
  replication("hello-new", { type: "hello", schema: emptySchema, frontier: new Map() }),
  replication("schema", { type: "schema", schema }),
  replication("changes", { type: "changes", complete: true, to: 9, frontier: new Map([[alice, 7]]), groups }),
  replication("progress", { type: "progress", taken: 9, frontier: new Map([[alice, 300]]) }),
  replication("digest", {
    type: "digest",
    tables: (() => {
      const builder = createDigestBuilder();
      for (const { changes } of groups) for (const change of changes) builder.add(change);
      return builder.finish();
    })(),
  }),
  replication("rewind", { type: "rewind", frontier: new Map([[alice, 5]]) }),
  replication("want", { type: "want", isEmpty: false, frontier: new Map([[alice, 300]]) }),
  replication("want-empty", { type: "want", isEmpty: true, frontier: new Map() }),
  replication("want-resume", {
    type: "want",
    isEmpty: true,
    resume: { image: 2, offset: 262_144 },
    frontier: new Map(),
  }),
  replication("snapshot", {
    type: "snapshot",
    to: 9,
    frontier: new Map([[alice, 7]]),
    part: { image: 2, size: 300, offset: 0, bytes: new TextEncoder().encode("SQLite") },
  }),
  note("note-presence", {
    type: "presence",
    entries: [
      { type: "state", id: tab(0xa1), beat: 300, since: 300, siteId: alice, state: '{"x":1}' },
      { type: "beat", id: tab(0xb1), beat: 5, since: 2 },
      { type: "gone", id: tab(0xb2), beat: 7 },
    ],
  }),
  note("note-broadcast", {
    type: "broadcast",
    id: tab(0xa1),
    number: 3,
    siteId: alice,
    hops: 0,
    topic: "chat",
    payload: '"hi"',
  }),
  note("note-neighbours", { type: "neighbours", sites: [bob] }),
];

/** The bytes of a `hex` block. */
export const hexBlockToBytes = (block: string): Bytes =>
  hexToBytes(block.replaceAll(/#.*$/gm, "").replaceAll(/\s/g, ""));

/** What the document says that the token gives. */
export const derivedFromToken = async (): Promise<{ readonly roomId: string; readonly members: readonly string[] }> => {
  const { roomId } = await deriveRoomKeys(token);
  for (const id of [aliceMember, bobMember]) if (!base64urlToBytes(id).ok) throw new Error("not a member id");
  return { roomId, members: [aliceMember, bobMember] };
};
