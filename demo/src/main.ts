/** Puts the notes app together: opens the room, the database and the page's parts, and lets them know of each other. */

import { Ledger, type LedgerStatus } from "ledger";
import { type Announcer, openAnnouncer } from "./announcer.ts";
import { createBadge } from "./badge.ts";
import { createConflictCard } from "./conflict-card.ts";
import { type Conflicts, openConflicts } from "./conflicts.ts";
import { createConnection } from "./connection.ts";
import { find } from "./dom.ts";
import { createEditor } from "./editor.ts";
import { offerLeaving, showInvitation } from "./invite.ts";
import { showLostNotes } from "./lost-notes.ts";
import { createNotesList } from "./notes-list.ts";
import { type Note, type NotesStore, openNotesStore } from "./notes-store.ts";
import { createNotices, type Notices } from "./notices.ts";
import { keepOfflineCopy } from "./offline-copy.ts";
import { createPanes } from "./panes.ts";
import { createPeople, type People } from "./people.ts";
import { makeVisitor } from "./person.ts";
import { createPresence, type Presence } from "./presence.ts";
import { followAddress, forgetRoom, openRoom } from "./room.ts";
import { summarizeRoom } from "./room-summary.ts";
import { titleOf } from "./search.ts";
import { listenForShortcuts } from "./shortcuts.ts";
import { createSqlConsole, type SqlConsole } from "./sql-console.ts";
import { claimDatabase } from "./tab-slot.ts";
import { createToasts } from "./toast.ts";

/** STUN and TURN servers. None: enough for windows of one computer or one network. See demo/README.md. */
const iceServers: readonly RTCIceServer[] = [];

/** When more notes than this arrive at once, as on joining a room, none of them lights up. */
const mostGlowing = 3;

const memoryNotice =
  "This browser does not let the page store anything (a private window?). Notes last until this tab closes.";

interface Parts {
  readonly store: NotesStore;
  readonly notices: Notices;
  readonly announcer: Announcer;
  readonly presence: Presence;
  readonly conflicts: Conflicts;
  readonly people: People;
  readonly sqlConsole: SqlConsole;
}

/** Connects the parts of the page that show and change notes. */
const showNotes = ({ store, notices, announcer, presence, conflicts, people, sqlConsole }: Parts): void => {
  const toasts = createToasts();
  const panes = createPanes(() => list.focus(editor.openId()));

  const open = (note: Note | undefined): void => {
    editor.open(note);
    list.setOpen(note?.id);
  };

  const createNote = (): void => {
    list.clearSearch();
    open(store.create());
    panes.show("editor");
    editor.focusTitle();
  };

  const deleteNote = async (id: string): Promise<void> => {
    const next = list.neighborOf(id);
    if (editor.openId() === id) open(panes.isNarrow() ? undefined : next);
    const note = await store.remove(id);
    panes.back();
    if (!list.focus(next?.id)) find("new-note", HTMLButtonElement).focus();
    if (note === undefined) return;
    toasts.show(`Deleted “${titleOf(note)}”`, {
      label: "Undo",
      run: () => void undoDelete(note).catch(notices.showError),
    });
  };

  const undoDelete = async (note: Note): Promise<void> => {
    await store.restore(note);
    open(store.get(note.id));
    list.focus(note.id);
    announcer.say(`“${titleOf(note)}” is back.`);
  };

  const startDelete = (id: string): void => void deleteNote(id).catch(notices.showError);

  const here = find("here", HTMLElement);
  const visitorsOf = (id: string | undefined) => presence.others().filter(({ noteId }) => noteId === id);

  /** Beside the open note: who else is in it. */
  const showHere = (): void => {
    const id = editor.openId();
    here.replaceChildren(...(id === undefined ? [] : visitorsOf(id).slice(0, 5).map(makeVisitor)));
  };

  const showVisits = (): void =>
    people.showVisitors(presence.others(), (id) => {
      const note = store.get(id);
      return note === undefined ? undefined : titleOf(note);
    });

  const editor = createEditor({
    store,
    deletedBy: (id) => announcer.deletion(id)?.who,
    onOpen: (id) => {
      presence.setOpen(id);
      card.show(id);
      showHere();
    },
    onType: presence.typed,
    onDelete: startDelete,
    onError: notices.showError,
  });
  const card = createConflictCard({
    store,
    conflicts,
    say: announcer.say,
    onDone: ({ field }) => editor.focusField(field),
    onError: notices.showError,
  });
  const list = createNotesList({
    store,
    marksOf: (id) => ({ visitors: visitorsOf(id), hasConflict: conflicts.of(id).length > 0 }),
    onDelete: startDelete,
    onOpen: (note, walking) => {
      if (walking && panes.isNarrow()) return;
      open(note);
      if (walking) return;
      panes.show("editor");
      if (panes.isNarrow()) find("back", HTMLButtonElement).focus();
      else editor.focusBody();
    },
  });

  let touched: readonly string[] = [];
  announcer.onTouched((ids) => {
    touched = [...touched, ...ids];
  });
  store.onUpdate(() => {
    list.setOpen(editor.openId());
    if (touched.length <= mostGlowing) list.glow(touched);
    touched = [];
    showVisits();
  });
  presence.onChange(() => {
    showHere();
    showVisits();
    list.showMarks();
  });
  conflicts.onChange(list.showMarks);
  showLostNotes({ store, conflicts, announcer, notices, onBack: (id) => open(store.get(id)) });
  listenForShortcuts({
    newNote: createNote,
    search: () => {
      panes.show("list");
      list.focusSearch();
    },
    escape: () => {
      if (sqlConsole.close()) return;
      list.clearSearch();
      panes.back();
      list.focus(editor.openId());
    },
    undo: toasts.runAction,
  });
  for (const button of document.querySelectorAll(".new-note")) button.addEventListener("click", createNote);
  for (const button of document.querySelectorAll(".back")) button.addEventListener("click", panes.back);
  find("show-room", HTMLButtonElement).addEventListener("click", () => {
    panes.show("room");
    find("room-heading", HTMLElement).focus();
  });
  find("open-sql", HTMLButtonElement).addEventListener("click", sqlConsole.open);
  window.addEventListener("pagehide", editor.flush);
  document.addEventListener("visibilitychange", editor.flush);

  const [first] = store.all();
  if (!panes.isNarrow()) open(first);
};

const start = async (notices: Notices): Promise<void> => {
  if (!window.isSecureContext) {
    notices.show("insecure", "Browsers allow this page on https:// or on localhost only. Open it there.");
    return;
  }
  const room = await openRoom();
  followAddress(room);
  const dbName = room.shared ? `notes-${room.part}-shared` : await claimDatabase(room.part);
  const ledger = new Ledger({ dbName, token: room.token, signalingUrl: room.signalingUrl, iceServers });
  const badge = createBadge();
  const people = createPeople();
  const connection = createConnection({ ledger, onChange: () => show(ledger.status()), onError: notices.showError });

  const show = (status: LedgerStatus): void => {
    badge.show(summarizeRoom(status, connection.wantsOnline()));
    people.show(status, connection.wantsOnline());
    if (status.storage === "memory") notices.show("memory", memoryNotice);
  };

  ledger.on("error", notices.showError);
  ledger.on("status", show);
  await ledger.init();
  const store = await openNotesStore(ledger, notices.showError);
  const announcer = await openAnnouncer(ledger);
  const conflicts = await openConflicts(ledger, store, notices.showError);
  const presence = createPresence(ledger);
  const sqlConsole = createSqlConsole({ ledger, onClose: () => find("open-sql", HTMLButtonElement).focus() });
  showInvitation(ledger.inviteUrl(room.address), announcer.say);
  offerLeaving(() => {
    const left = ledger.forgetRoom().then(() => {
      forgetRoom(room);
      location.reload();
    });
    left.catch(notices.showError);
  });
  showNotes({ store, notices, announcer, presence, conflicts, people, sqlConsole });
  document.body.removeAttribute("aria-busy");
  connection.start();
  keepOfflineCopy();
};

const notices = createNotices();
start(notices).catch(notices.showError);
