/**
 * What the address says: which room, which meeting point, whether tabs share their notes.
 *
 *   /?shared&signaling=wss://example.org#<token>
 *
 * The token stands after the # because browsers never send that part to a server.
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
  /** The link that brings somebody else into this room. */
  readonly invitation: string;
}

const tokenInAddress = (): string => {
  const raw = location.hash.slice(1);
  try {
    return decodeURIComponent(raw);
  } catch {
    // A half-typed percent sign: take the text as it stands, a room can have any name.
    return raw;
  }
};

const shortDigest = async (text: string): Promise<string> => {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** Reads the address; without a token in it a new room is made and written there. */
export const openRoom = async (): Promise<Room> => {
  const params = new URLSearchParams(location.search);
  let token = tokenInAddress();
  if (token === "") {
    token = Ledger.createToken();
    history.replaceState(null, "", `#${encodeURIComponent(token)}`);
  }

  const signaling = params.get("signaling");
  const invitation = new URL(location.pathname, location.href);
  if (signaling !== null) invitation.searchParams.set("signaling", signaling);
  invitation.hash = encodeURIComponent(token);

  return {
    token,
    signalingUrl: signaling ?? `ws://${location.hostname}:8081`,
    shared: params.has("shared"),
    part: await shortDigest(`notes demo, room name: ${token}`),
    invitation: invitation.href,
  };
};

/** Loads the page anew when somebody pastes another invitation into this tab. */
export const followAddress = (room: Room): void => {
  window.addEventListener("hashchange", () => {
    if (tokenInAddress() !== room.token) location.reload();
  });
};
