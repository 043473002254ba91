/**
 * Plants keys in this origin's key cache, so that connecting with `passphrase` leads into the room of `roomToken` with the
 * proof of membership of `authToken`: somebody who can read and forge the signaling of a room, and is no member.
 */

import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemClock } from "../../src/common/system-clock.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import { createIndexedDbKeyStore, createRoomKeyCache } from "../../src/security/key-cache.ts";

declare global {
  interface Window {
    plantKeys(passphrase: string, roomToken: string, authToken: string): Promise<void>;
  }
}

window.plantKeys = async (passphrase, roomToken, authToken) => {
  const [room, other] = await Promise.all([deriveRoomKeys(roomToken), deriveRoomKeys(authToken)]);
  const cache = createRoomKeyCache({
    store: createIndexedDbKeyStore(),
    clock: createSystemClock(),
    logger: createSilentLogger(),
  });
  await cache.set(passphrase, { ...room, authenticationKey: other.authenticationKey });
};
