/**
 * Which room this tab is in, which meeting point it uses, whether tabs share their notes.
 *
 *   /?shared&signaling=wss://example.org#ledger=<token>
 *
 * The token of an invitation stands after the # because browsers never send that part to a server. It is taken out of the
 * address at once; a reload finds the room of the tab, and a tab opened without an invitation the room that was used last.
 */

import { Ledger } from "ledger";

export interface Room {
  readonly token: string;
  /** Where people of a room find each other. */
  readonly signalingUrl: string;
  /** Whether all tabs of this browser act as one person. */
  readonly shared: boolean;
  /** Short name of the room for storage; the token cannot be told from it. */
  readonly part: string;
  /** The page as somebody else is to open it, without the invitation. */
  readonly address: string;
}

const memory = "notes-room";

const recallToken = (): string | null => sessionStorage.getItem(memory) ?? localStorage.getItem(memory);

const rememberToken = (token: string): void => {
  sessionStorage.setItem(memory, token);
  localStorage.setItem(memory, token);
};

const shortDigest = async (text: string): Promise<string> => {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** The room of the invitation in the address, or else the last one, or else a new one. */
export const openRoom = async (): Promise<Room> => {
  const token = Ledger.tokenFromUrl() ?? recallToken() ?? Ledger.createToken();
  rememberToken(token);

  const params = new URLSearchParams(location.search);
  const signaling = params.get("signaling");
  const address = new URL(location.pathname, location.href);
  if (signaling !== null) address.searchParams.set("signaling", signaling);

  return {
    token,
    signalingUrl: signaling ?? `ws://${location.hostname}:8081`,
    shared: params.has("shared"),
    part: await shortDigest(`notes demo, room name: ${token}`),
    address: address.href,
  };
};

/** Loads the page anew when somebody pastes another invitation into this tab. */
export const followAddress = (room: Room): void => {
  window.addEventListener("hashchange", () => {
    const token = Ledger.tokenFromUrl();
    if (token === undefined || token === room.token) return;
    rememberToken(token);
    location.reload();
  });
};

/** The next page of this tab makes a new room. */
export const forgetRoom = (room: Room): void => {
  sessionStorage.removeItem(memory);
  // Another tab may have gone to another room since.
  if (localStorage.getItem(memory) === room.token) localStorage.removeItem(memory);
};
