/** WebSockets that do what a test says. `createFakeSockets().webSocket` is the class to inject; the newest is `last()`. */

import type { SignalingSocket, SignalingSocketConstructor } from "../../src/signaling/signaling-connection.ts";

type SocketListener = (event: { readonly data: unknown; readonly code: number }) => void;

export interface FakeSocket {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: readonly string[];
  /** The code our side closed with. */
  readonly closedWith: number | undefined;
  open(): void;
  receive(frame: unknown): void;
  /** As the platform does after a close or a broken connection. */
  drop(code?: number): void;
}

export const createFakeSockets = (onConstruct: (url: string) => void = () => {}) => {
  const sockets: FakeSocket[] = [];

  class Socket implements SignalingSocket {
    readonly #listenersByType = new Map<string, SocketListener[]>();
    readonly #sent: string[] = [];
    #closedWith: number | undefined;

    constructor(url: string, protocols: readonly string[] = []) {
      onConstruct(url);
      const emit = (type: string, data?: unknown, code = 1006): void => {
        for (const listener of this.#listenersByType.get(type) ?? []) listener({ data, code });
      };
      const closedWith = () => this.#closedWith;
      sockets.push({
        url,
        protocols,
        sent: this.#sent,
        get closedWith() {
          return closedWith();
        },
        open: () => emit("open"),
        receive: (frame) => emit("message", typeof frame === "string" ? frame : JSON.stringify(frame)),
        drop: (code) => {
          emit("error");
          emit("close", undefined, code);
        },
      });
    }

    send(text: string): void {
      this.#sent.push(text);
    }

    close(code?: number): void {
      this.#closedWith ??= code ?? 1005;
    }

    addEventListener(type: string, listener: SocketListener | (() => void)): void {
      const listeners = this.#listenersByType.get(type) ?? [];
      this.#listenersByType.set(type, [...listeners, listener]);
    }
  }

  return {
    webSocket: Socket as SignalingSocketConstructor,
    sockets: sockets as readonly FakeSocket[],
    last: (): FakeSocket => {
      const socket = sockets.at(-1);
      if (socket === undefined) throw new Error("no socket was opened yet");
      return socket;
    },
  };
};
