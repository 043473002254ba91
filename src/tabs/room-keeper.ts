/**
 * Connects the replica that several tabs share. Each tab of an app calls connect() on its own: the first call enters the
 * room, and those that ask for the room that is entered already take part in it instead of entering anew.
 */

import type { Host } from "../host.ts";
import type { RoomChoice } from "./tab-message.ts";

export interface RoomKeeper {
  /** The room that the replica is meant to be in, reached or not. */
  readonly choice: RoomChoice | undefined;
  /** As Host.connect. */
  connect(choice: RoomChoice): Promise<void>;
  disconnect(): Promise<void>;
  /** As Host.forgetRoom. */
  forget(token: string): Promise<void>;
}

export interface RoomKeeperOptions {
  readonly host: Host;
  readonly onChoice: (choice: RoomChoice | undefined) => void;
}

export const createRoomKeeper = ({ host, onChoice }: RoomKeeperOptions): RoomKeeper => {
  let choice: RoomChoice | undefined;
  let entering: Promise<void> | undefined;

  const choose = (next: RoomChoice | undefined): void => {
    choice = next;
    entering = undefined;
    onChoice(next);
  };

  const isChosen = ({ url, token }: RoomChoice): boolean => choice?.url === url && choice.token === token;

  const enter = async (next: RoomChoice): Promise<void> => {
    try {
      await host.connect(next.url, next.token);
    } catch (error) {
      // While the host goes on trying, the room is still the one that is wanted.
      if (choice === next && host.snapshot.signaling === "off") choose(undefined);
      throw error;
    } finally {
      if (choice === next) entering = undefined;
    }
  };

  const connect = (next: RoomChoice): Promise<void> => {
    if (isChosen(next)) {
      if (entering !== undefined) return entering;
      if (host.snapshot.signaling === "connected") return Promise.resolve();
    }
    choose(next);
    entering = enter(next);
    return entering;
  };

  return {
    get choice() {
      return choice;
    },
    connect,
    disconnect: () => {
      choose(undefined);
      return host.disconnect();
    },
    forget: (token) => {
      if (choice?.token === token) choose(undefined);
      return host.forgetRoom(token);
    },
  };
};
