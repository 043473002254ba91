/**
 * The shell around presence and broadcasts of one replica, in the page that owns its links: moves notes between the book,
 * the links and the tabs, and owns the timers. Nothing here is stored.
 */

import type { Clock } from "../common/clock.ts";
import type { LinkId, SiteId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import { maxNoteBytes, type PeerLink } from "../transport/link.ts";
import { createSeenBroadcasts } from "./seen-broadcasts.ts";
import type { EphemeralNews, EphemeralRequest } from "./ephemeral-request.ts";
import { createInboundPace } from "./inbound-pace.ts";
import { decodeNote, encodeNote, entryHeadBytes } from "./note-codec.ts";
import { noteLimits, type BroadcastNote, type Note, type PresenceEntry } from "./note.ts";
import { createPresenceBook } from "./presence-book.ts";

/** How often own tabs say that they are still there, milliseconds. */
export const beatEveryMs = 30_000;

/** What others say is collected this long before it is passed on, milliseconds. */
export const passOnDelayMs = 20;

export interface EphemeralHub {
  /** Talks over `link` until it closes. */
  attach(link: PeerLink): void;
  serve(request: EphemeralRequest): void;
  /** `siteId` answers another one now. */
  identityChanged(): void;
  close(): void;
}

export interface EphemeralHubOptions {
  /** The replica's id at present. */
  readonly siteId: () => SiteId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tell: (news: EphemeralNews) => void;
  /** A peer broke a rule; its link was closed. */
  readonly onFault: (peer: SiteId, rule: string) => void;
}

interface HubLink {
  readonly link: PeerLink;
  /** Broadcasts that are still to be sent. */
  readonly outbox: Uint8Array<ArrayBuffer>[];
  /** Whether the peer is still to be told of the present neighbours. */
  neighboursDue: boolean;
}

/** Broadcasts that wait for a slow link; beyond it the oldest are dropped. */
const maxWaiting = 64;

export const createEphemeralHub = ({ siteId, clock, logger, tell, onFault }: EphemeralHubOptions): EphemeralHub => {
  const book = createPresenceBook();
  const seen = createSeenBroadcasts();
  const links = new Map<LinkId, HubLink>();
  let cancelPassOn: (() => void) | undefined;
  let cancelDue: (() => void) | undefined;
  let cancelBeat: (() => void) | undefined;
  let isClosed = false;

  const tellChange = (): void => {
    const change = book.takeChange();
    if (change !== undefined) tell({ type: "presence", whole: false, ...change });
  };

  const watchTime = (): void => {
    cancelDue?.();
    const { dueAtMs } = book;
    cancelDue =
      dueAtMs === undefined
        ? undefined
        : clock.setTimer(Math.max(0, dueAtMs - clock.nowMs()), () => {
            book.elapsed(clock.nowMs());
            settle();
          });
  };

  const beat = (): void => {
    cancelBeat = clock.setTimer(beatEveryMs, beat);
    book.beat(clock.nowMs());
    pump();
  };

  /** After anything happened to the book. */
  const settle = (): void => {
    tellChange();
    watchTime();
    cancelPassOn ??= clock.setTimer(passOnDelayMs, () => {
      cancelPassOn = undefined;
      pump();
    });
  };

  const pump = (): void => {
    for (const each of [...links.values()]) pumpLink(each);
  };

  const pumpLink = (each: HubLink): void => {
    const { link, outbox } = each;
    if (each.neighboursDue && !link.notes.send(neighbours())) return;
    each.neighboursDue = false;
    for (let next = outbox[0]; next !== undefined; next = outbox[0]) {
      if (!link.notes.send(next)) return;
      outbox.shift();
    }
    while (sendPresence(link));
  };

  /** One note of what the link is due. @returns whether there may be more */
  const sendPresence = (link: PeerLink): boolean => {
    let bytes = 0;
    const entries = book.due(link.id, (entry) => {
      bytes += entryBytes(entry);
      return bytes <= maxNoteBytes - noteHeadBytes;
    });
    if (entries.length === 0 || !link.notes.send(encodeNote({ type: "presence", entries }))) return false;
    book.told(link.id, entries);
    return true;
  };

  const neighbours = (): Uint8Array<ArrayBuffer> => {
    const sites = new Set([...links.values()].map(({ link }) => link.peer.siteId));
    return encodeNote({ type: "neighbours", sites: [...sites].slice(0, noteLimits.neighbours) });
  };

  const neighboursChanged = (): void => {
    for (const each of links.values()) each.neighboursDue = true;
    pump();
  };

  const passOn = (note: BroadcastNote, source: LinkId | undefined): void => {
    if (note.hops > noteLimits.hops) return;
    const bytes = encodeNote(note);
    for (const [id, each] of links) {
      if (id === source || (source !== undefined && book.isSpared(id, source))) continue;
      each.outbox.push(bytes);
      if (each.outbox.length > maxWaiting) {
        each.outbox.shift();
        logger.warn("a link is too slow for the broadcasts of the room; one was dropped", { link: id });
      }
      pumpLink(each);
    }
  };

  const spreadBroadcast = (note: BroadcastNote, source: LinkId | undefined): void => {
    if (!seen.add(note.id, note.number)) return;
    const { id, topic, payload } = note;
    tell({ type: "broadcast", id, siteId: note.siteId, topic, payload });
    passOn({ ...note, hops: note.hops + 1 }, source);
  };

  const take = (link: LinkId, note: Note): void => {
    switch (note.type) {
      case "presence":
        book.received(link, note.entries, clock.nowMs());
        return settle();
      case "broadcast":
        return spreadBroadcast(note, link);
      case "neighbours":
        book.neighboursOf(link, note.sites);
        return settle();
    }
  };

  return {
    attach: (link) => {
      if (isClosed) return;
      const each: HubLink = { link, outbox: [], neighboursDue: true };
      const pace = createInboundPace(clock);
      links.set(link.id, each);
      book.linked(link.id, link.peer.siteId);
      link.on("close", (reason) => {
        pace.close();
        if (!links.delete(link.id)) return;
        book.unlinked(link.id, reason === "GOODBYE", clock.nowMs());
        neighboursChanged();
        settle();
        if (links.size > 0) return;
        cancelBeat?.();
        cancelBeat = undefined;
      });
      link.notes.onRoom(() => pumpLink(each));
      link.notes.onNote((bytes, consumed) =>
        pace.admit(bytes.length, () => {
          if (links.get(link.id) !== each) return;
          consumed();
          const note = decodeNote(bytes);
          if (note.ok) return take(link.id, note.value);
          link.close(`NOTE_MALFORMED ${note.error}`);
          onFault(link.peer.siteId, note.error);
        }),
      );
      neighboursChanged();
      cancelBeat ??= clock.setTimer(beatEveryMs, beat);
    },
    serve: (request) => {
      if (isClosed) return;
      if (request.type === "broadcast") return spreadBroadcast({ ...request, siteId: siteId(), hops: 0 }, undefined);
      book.set(request.id, siteId(), request.state, clock.nowMs());
      tellChange();
      // Everyone is told, so that the list has its place among the changes.
      if (request.isNew) tell({ type: "presence", whole: true, present: book.all(), gone: [] });
      pump();
    },
    identityChanged: () => {
      book.moveOwn(siteId(), clock.nowMs());
      tellChange();
      pump();
    },
    close: () => {
      isClosed = true;
      for (const cancel of [cancelPassOn, cancelDue, cancelBeat]) cancel?.();
    },
  };
};

/** Of a note of presence, beside its entries. */
const noteHeadBytes = 8;

/** At most: a unit of text takes three bytes of UTF-8 or fewer. */
const entryBytes = (entry: PresenceEntry): number =>
  entryHeadBytes + (entry.type === "state" ? Math.min(entry.state.length * 3, noteLimits.stateBytes) : 0);
