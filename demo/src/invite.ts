/** How others get in: the link, its QR code, and a second window. */

import { renderSVG } from "uqr";
import { find, make } from "./dom.ts";
import type { Room } from "./room.ts";

/** How long the button says "Copied", milliseconds. */
const copiedMs = 2500;

const isLocal = (): boolean => ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

/** @param say - tells screen readers */
export const showInvitation = (room: Room, say: (text: string) => void): void => {
  const link = find("invite-link", HTMLInputElement);
  const copy = find("copy-link", HTMLButtonElement);
  const code = make("img", "qr-code");

  link.value = room.invitation;
  link.addEventListener("focus", () => link.select());
  // Always dark on white, also on a dark page: many cameras do not read it the other way round.
  const svg = renderSVG(room.invitation, { border: 2, blackColor: "#14211d", whiteColor: "#ffffff" });
  code.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  code.alt = "QR code of the invitation link";
  find("qr", HTMLElement).replaceChildren(code);
  find("local-only", HTMLElement).hidden = !isLocal();
  for (const opener of document.querySelectorAll<HTMLAnchorElement>("a.second-window")) opener.href = room.invitation;

  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(room.invitation);
    } catch {
      // Not allowed to write the clipboard: leave the link selected, ready for the person to copy.
      link.select();
      say("Press Ctrl+C to copy the link.");
      return;
    }
    copy.textContent = "Copied";
    say("Invitation link copied.");
    setTimeout(() => (copy.textContent = "Copy link"), copiedMs);
  });
};
