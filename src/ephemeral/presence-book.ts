/**
 * Who is present in the room, and what each link is still to be told of it. Pure: no timers, clock, sockets; time comes
 * as an argument, and whoever calls looks at `dueAtMs` and `due`.
 *
 * Entries flood over the links of the room, however many it has of them. Rules:
 * 1. Only an entry with a higher beat than the one held is news; at the same beat, that a tab is there counts for more
 *    than that it is gone or in doubt, which others than its replica may have said. News goes to every link but the one it came over and
 *    those of replicas that the sender is linked with too, who have it from there.
 * 2. A link is told the newest of each tab, once: what a slow link has not been told yet is replaced by what is newer.
 * 3. Whoever is told something older than it holds answers with what it holds. Whoever is told of a beat without having
 *    the state says `gone` at beat 0, which is older than anything.
 * 4. Only a replica itself says for good what its tabs are. A replica that hears anything else of its own tabs at their
 *    beat or above says it again, at a higher one.
 * 5. When a link breaks, the peer's tabs are in doubt: they are gone unless a newer beat comes within `doubtMs`. When the
 *    peer said goodbye they are gone at once.
 * 6. Whoever is not heard of for `expiryMs` is gone. What is held is bounded: beyond it newcomers are not taken up.
 */

import type { LinkId, SiteId } from "../common/ids.ts";
import type { PresenceEntry, PresenceId } from "./note.ts";

/** A tab in the room and its state. */
export interface Present {
  readonly id: PresenceId;
  readonly siteId: SiteId;
  /** JSON text. */
  readonly state: string;
}

/** What has changed for those who look at the room. */
export interface PresenceChange {
  readonly present: readonly Present[];
  readonly gone: readonly PresenceId[];
}

/** How long a tab in doubt is still shown, milliseconds: its own word may come another way. */
export const doubtMs = 400;

/** Silence after which a tab is gone, milliseconds: five beats, and two of a page whose timers run once a minute. */
export const expiryMs = 150_000;

/** Tabs in a room and of one replica, and tabs gone that are remembered so that old news does not bring them back. */
export const presenceLimits = { tabs: 1_024, tabsOfSite: 32, gone: 2_048 } as const;

export interface PresenceBook {
  /** Everyone held at present, own tabs included. */
  all(): readonly Present[];
  /** What has changed since this was last asked. */
  takeChange(): PresenceChange | undefined;
  /** An own tab says what it is; undefined: not present any more. */
  set(id: PresenceId, siteId: SiteId, state: string | undefined, nowMs: number): void;
  /** Own tabs are of `siteId` from now on. */
  moveOwn(siteId: SiteId, nowMs: number): void;
  /** Own tabs say that they are still there. */
  beat(nowMs: number): void;
  linked(link: LinkId, siteId: SiteId): void;
  /** @param isFinal - the peer said goodbye */
  unlinked(link: LinkId, isFinal: boolean, nowMs: number): void;
  neighboursOf(link: LinkId, sites: readonly SiteId[]): void;
  /** Whether what came over `source` reaches `link` another way. */
  isSpared(link: LinkId, source: LinkId): boolean;
  received(link: LinkId, entries: readonly PresenceEntry[], nowMs: number): void;
  /** Time passed: removes who is gone by now. */
  elapsed(nowMs: number): void;
  /** When `elapsed` has something to do next; undefined: never. */
  readonly dueAtMs: number | undefined;
  /** What a link is to be told, as long as `fits` says so. */
  due(link: LinkId, fits: (entry: PresenceEntry) => boolean): readonly PresenceEntry[];
  /** The link was told what `due` has just answered. */
  told(link: LinkId, entries: readonly PresenceEntry[]): void;
}

interface Tab {
  readonly isOwn: boolean;
  siteId: SiteId;
  beat: number;
  since: number;
  state: string;
  heardAtMs: number;
  /** In doubt: gone at this time. */
  goneAtMs: number | undefined;
}

interface Told {
  readonly beat: number;
  readonly isThere: boolean;
  /** Of the state that it was told of last. */
  readonly since: number | undefined;
}

interface BookLink {
  readonly siteId: SiteId;
  neighbours: ReadonlySet<SiteId>;
  /** What the peer knows. */
  readonly told: Map<PresenceId, Told>;
  readonly due: Set<PresenceId>;
  /** Whose states the peer is asked for. */
  readonly wanted: Set<PresenceId>;
}

export const createPresenceBook = (): PresenceBook => {
  const tabs = new Map<PresenceId, Tab>();
  /** Beats of those who went, oldest first. */
  const goneBeats = new Map<PresenceId, number>();
  const links = new Map<LinkId, BookLink>();
  const changed = new Set<PresenceId>();

  /** Keeps 1 and 2. */
  const spread = (id: PresenceId, source?: LinkId): void => {
    for (const [linkId, link] of links) {
      if (linkId !== source && (source === undefined || !isSpared(linkId, source))) link.due.add(id);
    }
  };

  const isSpared: PresenceBook["isSpared"] = (link, source) => {
    const site = links.get(link)?.siteId;
    return site !== undefined && links.get(source)?.neighbours.has(site) === true;
  };

  const forget = (id: PresenceId, beat: number): void => {
    if (tabs.delete(id)) changed.add(id);
    goneBeats.delete(id);
    goneBeats.set(id, beat);
    for (const oldest of goneBeats.keys()) {
      if (goneBeats.size <= presenceLimits.gone) break;
      goneBeats.delete(oldest);
      for (const { told } of links.values()) told.delete(oldest);
    }
  };

  const admits = (siteId: SiteId): boolean => {
    if (tabs.size >= presenceLimits.tabs) return false;
    let ofSite = 0;
    for (const tab of tabs.values()) if (tab.siteId === siteId) ofSite += 1;
    return ofSite < presenceLimits.tabsOfSite;
  };

  const say = (id: PresenceId, tab: Tab, atLeast: number): void => {
    tab.beat = Math.min(Math.max(tab.beat + 1, atLeast), Number.MAX_SAFE_INTEGER);
    spread(id);
  };

  const takeState = (
    entry: Extract<PresenceEntry, { type: "state" }>,
    tab: Tab | undefined,
    nowMs: number,
  ): boolean => {
    const { id, beat, since, siteId, state } = entry;
    if (tab === undefined && !admits(siteId)) return false;
    if (tab?.state !== state || tab.siteId !== siteId) changed.add(id);
    tabs.set(id, { isOwn: false, siteId, beat, since, state, heardAtMs: nowMs, goneAtMs: undefined });
    goneBeats.delete(id);
    return true;
  };

  /** @returns whether it was taken up and is to be passed on */
  const takeNews = (entry: PresenceEntry, tab: Tab | undefined, nowMs: number): boolean => {
    if (entry.type === "state") return takeState(entry, tab, nowMs);
    if (entry.type === "gone") forget(entry.id, entry.beat);
    if (tab === undefined || entry.type === "gone") return tab !== undefined;
    if (entry.type === "beat" && entry.since !== tab.since) return false;
    tab.beat = entry.beat;
    if (entry.type === "beat") tab.heardAtMs = nowMs;
    tab.goneAtMs = entry.type === "doubt" ? nowMs + doubtMs : undefined;
    return true;
  };

  /** What both ends of `link` know once `entry` went over it. */
  const noteTold = (link: BookLink, entry: PresenceEntry): void => {
    const since = "since" in entry ? entry.since : entry.type === "doubt" ? link.told.get(entry.id)?.since : undefined;
    link.told.set(entry.id, { beat: entry.beat, isThere: saysThere(entry), since });
  };

  const receiveOne = (source: LinkId, link: BookLink, entry: PresenceEntry, nowMs: number): void => {
    const { id, beat } = entry;
    const tab = tabs.get(id);
    const held = { beat: tab?.beat ?? goneBeats.get(id) ?? -1, isThere: tab !== undefined && !isInDoubt(tab) };
    const isNews = isNewer({ beat, isThere: saysThere(entry) }, held);
    if (tab?.isOwn === true && (isNews || (beat === held.beat && !saysThere(entry)))) {
      // Keeps 4.
      noteTold(link, entry);
      return say(id, tab, beat + 1);
    }
    if (isNews && !takeNews(entry, tab, nowMs)) {
      if (entry.type === "beat") link.wanted.add(id);
      return;
    }
    noteTold(link, entry);
    if (isNews) spread(id, source);
    // Keeps 3.
    else if (isNewer(held, { beat, isThere: saysThere(entry) })) link.due.add(id);
  };

  const entryFor = (id: PresenceId, told: BookLink["told"]): PresenceEntry | undefined => {
    const known = told.get(id);
    const tab = tabs.get(id);
    const beat = tab?.beat ?? goneBeats.get(id);
    if (beat === undefined) return undefined;
    const isThere = tab !== undefined && !isInDoubt(tab);
    if (known !== undefined && !isNewer({ beat, isThere }, known)) return undefined;
    if (tab === undefined) return { type: "gone", id, beat };
    // Who has not heard of it yet need not hear of a doubt.
    if (!isThere) return known === undefined ? undefined : { type: "doubt", id, beat };
    const { since, siteId, state } = tab;
    return known?.since === since
      ? { type: "beat", id, beat, since }
      : { type: "state", id, beat, since, siteId, state };
  };

  const set: PresenceBook["set"] = (id, siteId, state, nowMs) => {
    const tab = tabs.get(id);
    if (state === undefined) {
      if (tab === undefined) return;
      forget(id, Math.max(tab.beat + 1, nowMs));
      return spread(id);
    }
    if (tab?.isOwn === true && tab.siteId === siteId && tab.state === state) return;
    if (tab?.siteId !== siteId) for (const { told } of links.values()) told.delete(id);
    const beat = Math.max(tab?.beat ?? 0, goneBeats.get(id) ?? 0);
    const own: Tab = { isOwn: true, siteId, beat, since: 0, state, heardAtMs: nowMs, goneAtMs: undefined };
    tabs.set(id, own);
    goneBeats.delete(id);
    changed.add(id);
    say(id, own, nowMs);
    own.since = own.beat;
  };

  return {
    all: () => [...tabs].map(([id, { siteId, state }]) => ({ id, siteId, state })),
    takeChange: () => {
      if (changed.size === 0) return undefined;
      const present: Present[] = [];
      const gone: PresenceId[] = [];
      for (const id of changed) {
        const tab = tabs.get(id);
        if (tab === undefined) gone.push(id);
        else present.push({ id, siteId: tab.siteId, state: tab.state });
      }
      changed.clear();
      return { present, gone };
    },
    set,
    moveOwn: (siteId, nowMs) => {
      for (const [id, tab] of [...tabs]) if (tab.isOwn) set(id, siteId, tab.state, nowMs);
    },
    beat: (nowMs) => {
      for (const [id, tab] of tabs) if (tab.isOwn) say(id, tab, nowMs);
    },
    linked: (link, siteId) => {
      links.set(link, { siteId, neighbours: new Set(), told: new Map(), due: new Set(tabs.keys()), wanted: new Set() });
    },
    unlinked: (linkId, isFinal, nowMs) => {
      const link = links.get(linkId);
      if (link === undefined) return;
      links.delete(linkId);
      if ([...links.values()].some((other) => other.siteId === link.siteId)) return;
      // Keeps 5.
      for (const [id, tab] of [...tabs]) {
        if (tab.isOwn || tab.siteId !== link.siteId || (tab.goneAtMs !== undefined && !isFinal)) continue;
        tab.beat += 1;
        if (isFinal) forget(id, tab.beat);
        else tab.goneAtMs = nowMs + doubtMs;
        spread(id);
      }
    },
    neighboursOf: (linkId, sites) => {
      const link = links.get(linkId);
      if (link === undefined) return;
      const before = link.neighbours;
      link.neighbours = new Set(sites);
      // Those it no longer reaches may lack what it was trusted to tell them.
      for (const other of links.values()) {
        if (!before.has(other.siteId) || link.neighbours.has(other.siteId)) continue;
        for (const id of tabs.keys()) other.due.add(id);
      }
    },
    isSpared,
    received: (linkId, entries, nowMs) => {
      const link = links.get(linkId);
      if (link === undefined) return;
      for (const entry of entries) receiveOne(linkId, link, entry, nowMs);
    },
    elapsed: (nowMs) => {
      // Keeps 5 and 6.
      for (const [id, tab] of [...tabs]) {
        if (tab.isOwn || (tab.goneAtMs ?? tab.heardAtMs + expiryMs) > nowMs) continue;
        forget(id, tab.beat);
      }
    },
    get dueAtMs() {
      let dueAtMs: number | undefined;
      for (const tab of tabs.values()) {
        if (tab.isOwn) continue;
        const atMs = tab.goneAtMs ?? tab.heardAtMs + expiryMs;
        if (dueAtMs === undefined || atMs < dueAtMs) dueAtMs = atMs;
      }
      return dueAtMs;
    },
    due: (linkId, fits) => {
      const link = links.get(linkId);
      const entries: PresenceEntry[] = [];
      if (link === undefined) return entries;
      for (const id of link.wanted) {
        const entry: PresenceEntry = { type: "gone", id, beat: 0 };
        if (!fits(entry)) return entries;
        entries.push(entry);
      }
      for (const id of link.due) {
        const entry = entryFor(id, link.told);
        if (entry === undefined) link.due.delete(id);
        else if (fits(entry)) entries.push(entry);
        else return entries;
      }
      return entries;
    },
    told: (linkId, entries) => {
      const link = links.get(linkId);
      if (link === undefined) return;
      for (const entry of entries) {
        if (link.wanted.delete(entry.id)) continue;
        link.due.delete(entry.id);
        noteTold(link, entry);
      }
    },
  };
};

const isInDoubt = ({ goneAtMs }: Tab): boolean => goneAtMs !== undefined;

const saysThere = ({ type }: PresenceEntry): boolean => type === "state" || type === "beat";

/** Keeps 1. */
const isNewer = (one: Pick<Told, "beat" | "isThere">, other: Pick<Told, "beat" | "isThere">): boolean =>
  one.beat > other.beat || (one.beat === other.beat && one.isThere && !other.isThere);
