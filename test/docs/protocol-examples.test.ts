import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { bytesToHex } from "../../src/common/ids.ts";
import { derivedFromToken, examples, hexBlockToBytes, token } from "./protocol-examples.ts";

const text = readFileSync(fileURLToPath(new URL("../../docs/protocol.md", import.meta.url)), "utf8");

const blocksByName = new Map(
  [...text.matchAll(/^```hex ([\w-]+)\n(.*?)^```/gms)].map(([, name = "", block = ""]) => [
    name,
    hexBlockToBytes(block),
  ]),
);

const bytesOf = (name: string): Uint8Array<ArrayBuffer> => blocksByName.get(name) ?? new Uint8Array();

describe("docs/protocol.md", () => {
  it("has the examples that are tested, and no others", () => {
    expect([...blocksByName.keys()].sort()).toEqual(examples.map(({ name }) => name).sort());
  });

  it("tells the room id of its token", async () => {
    const { roomId, members } = await derivedFromToken();

    for (const word of [token, roomId, ...members]) expect(text).toContain(`\`${word}\``);
  });

  it.each(examples)("reads the example $name as what the text says", async ({ name, decode, meaning }) => {
    expect(await decode(bytesOf(name))).toEqual(meaning);
  });

  it.each(examples.filter(({ isOneOfSeveral }) => isOneOfSeveral !== true))(
    "has in the example $name what the library would send",
    async ({ name, encode }) => {
      expect(bytesToHex(bytesOf(name))).toBe(bytesToHex(await encode()));
    },
  );
});
