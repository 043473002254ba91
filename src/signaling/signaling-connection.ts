/**
 * One attempt at the signaling server: one socket, one member id, from the join to the end. Does not retry.
 *
 * Must: report `onEnd` exactly once unless closed by the owner, and nothing after it; never throw on what the server
 * sends; never put the room, the URL or the bearer into an error.
 */

import { bytesToBase64url } from "../common/base64url.ts";
import type { Clock } from "../common/clock.ts";
import { LedgerError } from "../common/errors.ts";
import type { MemberId, RoomId } from "../common/ids.ts";
import { decodeServerFrame, maxMembers, type ServerFrame } from "./server-frame.ts";
import type { SuggestedIceServer } from "./signaling.ts";

/** The part of a WebSocket that is used; the browser's class and that of `ws` both fit. */
export interface SignalingSocket {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
}

export type SignalingSocketConstructor = new (url: string, protocols?: string[]) => SignalingSocket;

/** What the server's operator lets clients in by; a function is asked anew for every connection. */
export type Bearer = string | (() => string | Promise<string>);

export interface ConnectionOptions {
  readonly url: string;
  readonly roomId: RoomId;
  readonly self: MemberId;
  readonly webSocket: SignalingSocketConstructor;
  readonly clock: Clock;
  /** Including the time that `bearer` takes. */
  readonly connectTimeoutMs: number;
  readonly bearer?: Bearer | undefined;
  readonly onJoined: (members: readonly MemberId[], iceServers: readonly SuggestedIceServer[] | undefined) => void;
  /** After `onJoined`; consistent: a member joins once, leaves once, and speaks only in between. */
  readonly onFrame: (frame: TellingFrame) => void;
  readonly onEnd: (error: LedgerError) => void;
}

/** What is not dealt with here. */
export type TellingFrame = Exclude<ServerFrame, { type: "joined" | "error" }>;

export interface SignalingConnection {
  /** Undefined where the server does not relay, or no longer. */
  readonly relayCredit: number | undefined;
  /** False when there is not enough credit; drops silently as `send` does. */
  relay(to: MemberId, payload: Uint8Array<ArrayBuffer>): boolean;
  /** Drops silently when not joined or `to` is not there. */
  send(to: MemberId, payload: Uint8Array<ArrayBuffer>): void;
  /** Does nothing when not joined, or when the server named none: it would take the question for a fault. */
  renewIceServers(): void;
  /** No callback follows. Idempotent. */
  close(): void;
}

const protocolVersion = 1;

/** A relayed frame costs its payload's characters, but at least this. */
const leastRelayCost = 1_024;

/** Why a server says no, by the code of its `error` frame. Anything else of it gets the general sentence. */
const refusals = new Map([
  ["version-unsupported", "it speaks another version of the signaling protocol; update Ledger or the server"],
  ["room-full", "the room is full; raise MAX_ROOM_MEMBERS on the server"],
  ["origin-refused", "this page's origin is not in the server's ALLOWED_ORIGINS"],
  ["rate-limited", "this client sent too much at once"],
  ["member-taken", "the member id is taken"],
]);

export const openSignalingConnection = (options: ConnectionOptions): SignalingConnection => {
  const members = new Set<MemberId>();
  let socket: SignalingSocket | undefined;
  let phase: "joining" | "joined" | "ended" = "joining";
  let relayCredit: number | undefined;
  let hasIceServers = false;

  const shut = (closeCode: number): void => {
    phase = "ended";
    cancelTimeout();
    try {
      socket?.close(closeCode);
    } catch {
      // A socket that cannot even be closed is given up all the same; nothing is expected from it any more.
    }
  };

  const end = (error: LedgerError, closeCode = 1000): void => {
    if (phase === "ended") return;
    shut(closeCode);
    options.onEnd(error);
  };

  const cancelTimeout = options.clock.setTimer(options.connectTimeoutMs, () =>
    end(unreachable(`did not answer within ${options.connectTimeoutMs} ms`)),
  );

  const receive = (content: unknown): void => {
    if (phase === "ended") return;
    const decoded = decodeServerFrame(content);
    if (!decoded.ok) return end(unreachable(`sent a frame that is not valid (${decoded.error})`), 4400);
    const frame = decoded.value;
    if (frame.type === "error") return end(refused(frame.code, options.bearer !== undefined), 1000);
    if (frame.type === "joined") return join(frame);
    if (phase !== "joined") return end(unreachable("sent a frame before letting us in"), 4400);
    pass(frame);
  };

  const join = (frame: Extract<ServerFrame, { type: "joined" }>): void => {
    if (phase !== "joining") return end(unreachable("let us in twice"), 4400);
    relayCredit = frame.relayCredit;
    for (const member of frame.members) if (member !== options.self) members.add(member);
    phase = "joined";
    cancelTimeout();
    hasIceServers = frame.iceServers !== undefined;
    options.onJoined([...members], frame.iceServers);
  };

  const pass = (frame: TellingFrame): void => {
    switch (frame.type) {
      case "member-joined":
        if (members.has(frame.member) || frame.member === options.self) return;
        if (members.size >= maxMembers) return end(unreachable("named too many members"), 4400);
        members.add(frame.member);
        return options.onFrame(frame);
      case "member-left":
        return members.delete(frame.member) ? options.onFrame(frame) : undefined;
      case "ice-servers":
        return options.onFrame(frame);
      case "relay-credit":
        if (relayCredit === undefined) return;
        relayCredit += frame.amount;
        return options.onFrame(frame);
      case "relay-over":
        relayCredit = undefined;
        return options.onFrame(frame);
      case "message":
        // One from ourselves is a reflection: whoever opens it counts it.
        return members.has(frame.from) || frame.from === options.self ? options.onFrame(frame) : undefined;
      case "relay":
        return members.has(frame.from) ? options.onFrame(frame) : undefined;
    }
  };

  const joinFrame = JSON.stringify({
    type: "join",
    version: protocolVersion,
    room: options.roomId,
    member: options.self,
  });

  const openSocket = (protocols: readonly string[]): void => {
    try {
      socket = new options.webSocket(options.url, [...protocols]);
      const opened = socket;
      opened.addEventListener("open", () => {
        if (phase === "joining") opened.send(joinFrame);
      });
      opened.addEventListener("message", (event) => receive(event.data));
      // The error event says nothing; the close event that follows ends the attempt.
      opened.addEventListener("error", () => {});
      opened.addEventListener("close", (event) => end(unreachable(`closed the connection (${event.code})`)));
    } catch (cause) {
      // As a secure page's `new WebSocket("ws://…")` does. Told later, as all other failures are.
      queueMicrotask(() => end(unreachable("cannot be reached from this page", cause)));
    }
  };

  const openWith = (bearer: unknown): void => {
    if (phase === "ended") return;
    if (typeof bearer === "string" && bearer !== "") return openSocket(bearerToProtocols(bearer));
    end(new LedgerError("LEDGER_OPTION_INVALID", "option bearer must give a non-empty string"));
  };

  const { bearer } = options;
  if (bearer === undefined) openSocket([]);
  else if (typeof bearer === "string") openWith(bearer);
  else {
    Promise.resolve()
      .then(bearer)
      .then(openWith, (cause: unknown) => end(bearerFailed(cause)));
  }

  return {
    get relayCredit() {
      return relayCredit;
    },
    relay: (to, payload) => {
      const coded = bytesToBase64url(payload);
      const cost = Math.max(coded.length, leastRelayCost);
      if (relayCredit === undefined || cost > relayCredit) return false;
      if (phase !== "joined" || !members.has(to)) return true;
      relayCredit -= cost;
      socket?.send(JSON.stringify({ type: "relay", to, payload: coded }));
      return true;
    },
    send: (to, payload) => {
      if (phase !== "joined" || !members.has(to)) return;
      socket?.send(JSON.stringify({ type: "send", to, payload: bytesToBase64url(payload) }));
    },
    renewIceServers: () => {
      if (phase === "joined" && hasIceServers) socket?.send(JSON.stringify({ type: "ice-servers" }));
    },
    close: () => {
      if (phase !== "ended") shut(1000);
    },
  };
};

const unreachable = (what: string, cause?: unknown): LedgerError =>
  new LedgerError(
    "LEDGER_SIGNALING_UNREACHABLE",
    `the signaling server ${what}; Ledger goes on trying`,
    cause === undefined ? undefined : { cause },
  );

const bearerFailed = (cause: unknown): LedgerError =>
  new LedgerError("LEDGER_LISTENER_FAILED", "option bearer threw or rejected; Ledger goes on asking it", { cause });

/** Browsers cannot set headers on a WebSocket, but the names of subprotocols. */
const bearerToProtocols = (bearer: string): readonly string[] => [
  "ledger.v1",
  `bearer.${bytesToBase64url(new TextEncoder().encode(bearer))}`,
];

const refused = (code: string, hasBearer: boolean): LedgerError => {
  // The server's own wait for our join ran out: a slow network, not a decision.
  if (code === "join-timeout") return unreachable("did not get our join in time");
  const reason = code === "unauthorized" ? unauthorized(hasBearer) : (refusals.get(code) ?? `code ${code}`);
  return new LedgerError("LEDGER_SIGNALING_REFUSED", `the signaling server refused this client: ${reason}`);
};

const unauthorized = (hasBearer: boolean): string =>
  hasBearer
    ? "it does not take what option bearer gave; give it a new one"
    : "it asks for a bearer token; set option bearer to one that its operator gave you";
