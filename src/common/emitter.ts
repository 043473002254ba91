/**
 * Typed events over nanoevents, with the two guarantees it leaves out: a listener that throws is reported and does not
 * stop the rest, and unsubscribing twice removes nothing else.
 */

import { createNanoEvents } from "nanoevents";

export type Unsubscribe = () => void;

/** Event name to the tuple of its listener's arguments. */
export type EventMap = Record<string, readonly unknown[]>;

export interface Emitter<Events extends { [K in keyof Events]: readonly unknown[] }> {
  on<K extends keyof Events>(event: K, listener: (...args: Events[K]) => void): Unsubscribe;
  emit<K extends keyof Events>(event: K, ...args: Events[K]): void;
  clear(): void;
}

/**
 * @param onListenerError - told of every exception a listener throws, with the event's name
 */
export const createEmitter = <Events extends { [K in keyof Events]: readonly unknown[] }>(
  onListenerError: (error: unknown, event: keyof Events) => void,
): Emitter<Events> => {
  type Listeners = { [K in keyof Events]: (...args: Events[K]) => void };
  const events = createNanoEvents<Listeners>();

  return {
    on: (event, listener) => {
      // A fresh function per registration: nanoevents removes by identity, so the same listener twice would leave twice.
      const guarded = ((...args: Events[typeof event]) => {
        try {
          listener(...args);
        } catch (error) {
          onListenerError(error, event);
        }
      }) as Listeners[typeof event];
      return events.on(event, guarded);
    },
    emit: (event, ...args) => {
      events.emit(event, ...(args as unknown as Parameters<Listeners[typeof event]>));
    },
    clear: () => {
      events.events = {};
    },
  };
};
