/**
 * A text field that is saved as one types and that takes in what others write, without moving the caret or the focus.
 *
 * 1. What a person types is never replaced by a reading that is older than it.
 * 2. Edits of others go into the field only where they do not touch what was typed and not yet saved.
 */

import { rebaseSplice, spliceBetween } from "./text-merge.ts";

/** Longest time that typed text waits before it is saved, milliseconds. */
const saveDelayMs = 250;

type TextField = HTMLInputElement | HTMLTextAreaElement;

export interface SyncedField {
  /** Starts anew with another text, as when another note is opened. */
  open(text: string): void;
  /** Takes in the stored text after something changed. */
  receive(stored: string): void;
  /** Saves now what was typed. */
  flush(): void;
  /** Whether something typed is not saved yet. */
  isDirty(): boolean;
}

/**
 * @param save - stores the text; must not reject
 * @param onDirty - told when the answer of `isDirty` may have changed
 */
export const createSyncedField = (
  field: TextField,
  save: (text: string) => Promise<void>,
  onDirty: () => void,
): SyncedField => {
  /** The newest text that is known to be stored or on its way there. */
  let base = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let saving = 0;
  let composing = false;
  /** What arrived while an input method was composing a word. */
  let waiting: string | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (field.value === base) return;
    base = field.value;
    saving += 1;
    void save(base).finally(() => {
      saving -= 1;
      onDirty();
    });
  };

  const receive = (stored: string): void => {
    if (saving > 0) return; // (1): another reading follows every write
    if (composing) {
      waiting = stored;
      return;
    }
    if (stored === base) return;
    const splice = field.value === base ? spliceBetween(base, stored) : rebaseSplice(base, field.value, stored); // (2)
    base = stored;
    if (splice === undefined) return;
    // Unlike an assignment to `value`, this keeps selection and scroll position.
    field.setRangeText(splice.insert, splice.start, splice.end, "preserve");
  };

  field.addEventListener("input", () => {
    timer ??= setTimeout(flush, saveDelayMs);
    onDirty();
  });
  field.addEventListener("blur", flush);
  field.addEventListener("compositionstart", () => {
    composing = true;
  });
  field.addEventListener("compositionend", () => {
    composing = false;
    if (waiting !== undefined) receive(waiting);
    waiting = undefined;
  });

  return {
    open: (text) => {
      clearTimeout(timer);
      timer = undefined;
      waiting = undefined;
      base = text;
      field.value = text;
      field.setSelectionRange(text.length, text.length);
      field.scrollTop = 0;
    },
    receive,
    flush,
    isDirty: () => saving > 0 || field.value !== base,
  };
};
