/**
 * Events of something that may speak before anyone listens: one kind of event waits for a listener, and `close` is told
 * to late listeners too. What waits is not bounded here; its owner looks at `heldCount` or has flow control.
 */

import { createEmitter } from "../common/emitter.ts";
import type { Unsubscribe } from "../common/emitter.ts";

interface Closing {
  close: readonly [reason: string];
}

export interface HoldingEmitter<Events extends { [K in keyof Events]: readonly unknown[] }, Held extends keyof Events> {
  /**
   * What was held is delivered on a microtask, so that a listener may use the `Unsubscribe` it is about to be given.
   * A `close` listener that comes after the end is told on a microtask as well.
   */
  readonly on: <K extends keyof Events>(event: K, listener: (...args: Events[K]) => void) => Unsubscribe;
  emit<K extends keyof Events>(event: K, ...args: Events[K]): void;
  /** Emits the held kind of event, or keeps it while nobody listens to it or earlier ones still wait. */
  offer(...args: Events[Held]): void;
  /** Emits `close` and forgets all listeners and all that was held; later calls do nothing. */
  end(reason: string): void;
  readonly heldCount: number;
}

/**
 * @param held - the kind of event that waits for its listener
 * @param onListenerError - told of every exception a listener throws
 */
export const createHoldingEmitter = <
  Events extends { [K in keyof Events]: readonly unknown[] } & Closing,
  Held extends Exclude<keyof Events, "close">,
>(
  held: Held,
  onListenerError: (error: unknown, event: keyof Events) => void,
): HoldingEmitter<Events, Held> => {
  const emitter = createEmitter<Events>(onListenerError);
  const waiting: Events[Held][] = [];
  let heldListeners = 0;
  let endReason: string | undefined;

  const deliverWaiting = (): void => {
    while (heldListeners > 0 && endReason === undefined) {
      const args = waiting.shift();
      if (args === undefined) return;
      emitter.emit(held, ...args);
    }
  };

  /** A fresh emitter for one listener: it brings the guard against listeners that throw. */
  const tellLate = <K extends keyof Events>(event: K, listener: (...args: Events[K]) => void): Unsubscribe => {
    const late = createEmitter<Events>(onListenerError);
    const off = late.on(event, listener);
    if (event === "close") queueMicrotask(() => late.emit("close", ...([endReason] as unknown as Events["close"])));
    return off;
  };

  return {
    on: (event, listener) => {
      if (endReason !== undefined) return tellLate(event, listener);
      const off = emitter.on(event, listener);
      if ((event as keyof Events) !== held) return off;
      heldListeners += 1;
      if (waiting.length > 0) queueMicrotask(deliverWaiting);
      let listening = true;
      return () => {
        if (listening) heldListeners -= 1;
        listening = false;
        off();
      };
    },
    emit: (event, ...args) => emitter.emit(event, ...args),
    offer: (...args) => {
      if (endReason !== undefined) return;
      if (heldListeners === 0 || waiting.length > 0) waiting.push(args);
      else emitter.emit(held, ...args);
    },
    end: (reason) => {
      if (endReason !== undefined) return;
      endReason = reason;
      waiting.length = 0;
      emitter.emit("close", ...([reason] as unknown as Events["close"]));
      emitter.clear();
    },
    get heldCount() {
      return waiting.length;
    },
  };
};
