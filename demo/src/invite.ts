/** How others get in: the link, its QR code, and a second window; and how one gets out. */

import { renderSVG } from "uqr";
import { find, make } from "./dom.ts";

/** How long the button says "Copied", milliseconds. */
const copiedMs = 2500;

const isLocal = (): boolean => ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

/** @param say - tells screen readers */
export const showInvitation = (invitation: string, say: (text: string) => void): void => {
  const link = find("invite-link", HTMLInputElement);
  const copy = find("copy-link", HTMLButtonElement);
  const code = make("img", "qr-code");

  link.value = invitation;
  link.addEventListener("focus", () => link.select());
  // Always dark on white, also on a dark page: many cameras do not read it the other way round.
  const svg = renderSVG(invitation, { border: 2, blackColor: "#14211d", whiteColor: "#ffffff" });
  code.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  code.alt = "QR code of the invitation link";
  find("qr", HTMLElement).replaceChildren(code);
  find("local-only", HTMLElement).hidden = !isLocal();
  for (const opener of document.querySelectorAll<HTMLAnchorElement>("a.second-window")) opener.href = invitation;

  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(invitation);
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

/** @param leave - to be called when the person means it */
export const offerLeaving = (leave: () => void): void => {
  find("leave-room", HTMLButtonElement).addEventListener("click", () => {
    if (confirm("Leave this room? You need its invitation link to come back.")) leave();
  });
};
