import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSystemRandom } from "../../src/common/random.ts";
import { createToken, generatedTokenToBytes, isGeneratedToken } from "../../src/security/token.ts";

describe("createToken", () => {
  it("spells 16 random bytes in 22 characters that are recognised again", () => {
    const token = createToken({ unit: () => 0, bytes: (length) => new Uint8Array(length).fill(255) });

    expect(token).toBe("_____________________w");
    expect(isGeneratedToken(token)).toBe(true);
    expect(generatedTokenToBytes(token)).toEqual(new Uint8Array(16).fill(255));
  });

  it("never gives the same token twice", () => {
    const random = createSystemRandom();

    expect(new Set(Array.from({ length: 1_000 }, () => createToken(random))).size).toBe(1_000);
  });
});

describe("isGeneratedToken", () => {
  it.each(["", "room-token", "_____________________x", "AAECAwQFBgcICQoLDA0ODw=", "AAECAwQFBgcICQoLDA0OD+"])(
    "takes %j for a passphrase",
    (token) => {
      expect(isGeneratedToken(token)).toBe(false);
    },
  );

  it("answers for any string", () => {
    fc.assert(fc.property(fc.string(), (token) => typeof isGeneratedToken(token) === "boolean"));
  });
});
