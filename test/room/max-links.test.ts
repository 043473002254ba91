/**
 * makePlace() answers true for a neighbour although no link can be closed for it, because the other places are attempts: the
 * bound is passed and stays so. And closing the spare link runs linkClosed(), whose loop may start an attempt for the very
 * peer (two attempts at once) or give the place away. Proposed: also drop a spare attempt, keep linkClosed() from giving the
 * place away meanwhile (a flag), and answer `openCount() < maxLinks`.
 */
import { expect, test } from "vitest";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import { alice, bob, carol, createWorld, dave } from "../room/rooms.ts";

test("a member of four that may have two links has no third", async () => {
  const world = createWorld(await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw"));
  const members = [alice, bob, carol, dave].map((siteId) => world.enter(siteId, { maxLinks: 2 }));
  await world.settle();
  await world.clock.advance(60_000);
  await world.settle();

  expect(members.map((member) => member.ready().length)).toEqual([2, 2, 2, 2]);
  world.close();
});
