/**
 * Both halves of a link's lane for notes: small whole messages with a window apart from the frames'. Nothing is queued on
 * the sending side: whoever sends keeps what does not go, and may have something newer to say by the time it does.
 *
 * Invariants:
 * 1. At most `noteWindowBytes` are kept here: received and not yet reported consumed.
 * 2. What is consumed is reported when it is a quarter of the window; the rest of it always holds a whole note.
 */

import { maxNoteBytes, noteWindowBytes, type NoteLane } from "./link.ts";
import { encodeFrameMessage, encodeNumberMessage, windowCost, type LinkFault } from "./link-messages.ts";

export interface NoteLaneEnds {
  readonly lane: NoteLane;
  receive(note: Uint8Array<ArrayBuffer>): LinkFault | undefined;
  /** The other side has consumed `total` bytes, modulo 2^32. */
  noted(total: number): LinkFault | undefined;
}

type NoteListener = Parameters<NoteLane["onNote"]>[0];

const reportAtBytes = noteWindowBytes / 4;

const costOf = (note: Uint8Array): number => windowCost("frame", note.length);

export const createNoteLane = (send: (message: Uint8Array<ArrayBuffer>) => void): NoteLaneEnds => {
  let unconsumedThere = 0;
  let consumedThere = 0;
  let senderWaits = false;
  let keptHere = 0;
  let consumedHere = 0;
  let unreported = 0;
  let onNote: NoteListener | undefined;
  let onRoom = (): void => {};
  let early: Uint8Array<ArrayBuffer>[] = [];

  const consumer = (cost: number): (() => void) => {
    let isDone = false;
    return () => {
      if (isDone) return;
      isDone = true;
      unreported += cost;
      if (unreported < reportAtBytes) return;
      // Keeps 2.
      keptHere -= unreported;
      consumedHere = (consumedHere + unreported) >>> 0;
      unreported = 0;
      send(encodeNumberMessage("noted", consumedHere));
    };
  };

  return {
    lane: {
      send: (note) => {
        if (note.length === 0 || note.length > maxNoteBytes) {
          throw new RangeError(`a note has 1 to ${maxNoteBytes} bytes, this one ${note.length}`);
        }
        const cost = costOf(note);
        senderWaits = unconsumedThere + cost > noteWindowBytes;
        if (senderWaits) return false;
        unconsumedThere += cost;
        send(encodeFrameMessage("note", note));
        return true;
      },
      onNote: (listener) => {
        onNote = listener;
        const waiting = early;
        early = [];
        for (const note of waiting) listener(note, consumer(costOf(note)));
      },
      onRoom: (listener) => {
        onRoom = listener;
      },
    },
    receive: (note) => {
      // Keeps 1.
      if (note.length > maxNoteBytes || keptHere + costOf(note) > noteWindowBytes) return "LINK_WINDOW_OVERRUN";
      keptHere += costOf(note);
      if (onNote === undefined) early.push(note);
      else onNote(note, consumer(costOf(note)));
      return undefined;
    },
    noted: (total) => {
      const newly = (total - consumedThere) >>> 0;
      if (newly > unconsumedThere) return "LINK_CONSUMED_TOO_MUCH";
      consumedThere = total;
      unconsumedThere -= newly;
      if (!senderWaits) return undefined;
      senderWaits = false;
      onRoom();
      return undefined;
    },
  };
};
