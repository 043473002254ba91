import { afterEach, describe, expect, it } from "vitest";
import { Ledger, type LedgerError } from "../src/index.ts";
import { createTestNetwork } from "../src/testing.ts";

const token = "AAECAwQFBgcICQoLDA0ODw";
const opened: Ledger[] = [];

const create = (options: ConstructorParameters<typeof Ledger>[0]): Ledger => {
  const db = new Ledger({ dbName: crypto.randomUUID(), network: createTestNetwork(), ...options });
  opened.push(db);
  return db;
};

const codeOf = (call: () => unknown): string => {
  try {
    return String(call());
  } catch (error) {
    return (error as LedgerError).code;
  }
};

/** An address bar with one entry. */
const createBar = (href: string) => {
  const bar = { href, state: { page: 3 } as unknown, replaced: 0 };
  const history = {
    get state() {
      return bar.state;
    },
    replaceState: (state: unknown, _: string, url?: string | URL | null) => {
      Object.assign(bar, { state, href: String(url), replaced: bar.replaced + 1 });
    },
  };
  return { bar, history };
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

describe("inviteUrl", () => {
  it.each([
    ["https://app.example", `https://app.example/#ledger=${token}`],
    ["https://app.example/notes?page=2", `https://app.example/notes?page=2#ledger=${token}`],
    ["https://app.example/#/notes/3", `https://app.example/#/notes/3&ledger=${token}`],
    ["https://app.example/#ledger=of-another-room&x=1", `https://app.example/#x=1&ledger=${token}`],
  ])("puts the token into the fragment of %s, and nowhere else", (base, invitation) => {
    const db = create({ token });

    expect(db.inviteUrl(base)).toBe(invitation);
    expect(db.inviteUrl(new URL(base))).toBe(invitation);
  });

  it("says what is missing or wrong", () => {
    expect(codeOf(() => create({}).inviteUrl("https://app.example"))).toBe("LEDGER_NO_TOKEN");
    expect(codeOf(() => create({ token }).inviteUrl())).toBe("LEDGER_OPTION_INVALID");
    expect(codeOf(() => create({ token }).inviteUrl("/notes"))).toBe("LEDGER_OPTION_INVALID");
  });

  it("refuses a base that has the token in its query, without repeating it", () => {
    const refusal = (): unknown => create({ token }).inviteUrl(`https://app.example/?room=${token}`);

    expect(codeOf(refusal)).toBe("LEDGER_OPTION_INVALID");
    expect(refusal).toThrow(/query/);
    expect(refusal).not.toThrow(token);
  });

  it("invites into the room that is entered, and into that of the options before and after", async () => {
    const db = create({ token, signalingUrl: "ws://test" });
    await db.init();
    const invited = (): string | undefined => Ledger.tokenFromUrl(new URL(db.inviteUrl("https://app.example")));

    expect(invited()).toBe(token);
    await db.connect(undefined, "another room");
    expect(invited()).toBe("another room");
    await db.disconnect();
    expect(invited()).toBe(token);
  });
});

describe("tokenFromUrl", () => {
  it.each(["room-token", "ä & b=c #?/+%20", "100%", "a b", token])("gives back the token %j", (secret) => {
    const invitation = create({ token: secret }).inviteUrl("https://app.example/#/notes/3");

    expect(Ledger.tokenFromUrl(new URL(invitation))).toBe(secret);
  });

  it("takes the token out of the address bar and leaves the rest, the state included", () => {
    for (const [href, rest] of [
      [`https://app.example/?a=1#ledger=${token}`, "https://app.example/?a=1"],
      [`https://app.example/#/notes/3&ledger=${token}`, "https://app.example/#/notes/3"],
      [`https://app.example/#x=%20y&ledger=${token}&ledger=twice&z`, "https://app.example/#x=%20y&z"],
      ["https://app.example/#ledger=", "https://app.example/"],
    ] as const) {
      const { bar, history } = createBar(href);

      const taken = Ledger.tokenFromUrl(bar, history);

      expect(taken).toBe(href.endsWith("=") ? undefined : token);
      expect(bar).toEqual({ href: rest, state: { page: 3 }, replaced: 1 });
    }
  });

  it.each([
    "https://app.example/",
    "https://app.example/#section-2",
    `https://app.example/#${token}`,
    "https://app.example/#/notes/3?x=ledger",
    `https://app.example/?ledger=${token}`,
    "https://app.example/#my-ledger=5",
    "https://app.example/#%E0%A4%A",
    "about:blank#x",
  ])("finds none in %s, and touches nothing", (href) => {
    const { bar, history } = createBar(href);

    expect(Ledger.tokenFromUrl(bar, history)).toBeUndefined();
    expect(bar).toMatchObject({ href, replaced: 0 });
  });
});
