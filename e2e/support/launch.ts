/** How each browser is started, for the projects in playwright.config.ts and for specs that launch both. */

import type { LaunchOptions } from "@playwright/test";
import { findBrowser } from "../../scripts/browsers.mjs";

const path = (name: "chromium" | "firefox"): { executablePath?: string } => {
  const executablePath = findBrowser(name);
  return executablePath === undefined ? {} : { executablePath };
};

export const chromiumOptions: LaunchOptions = {
  ...path("chromium"),
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Plain addresses as candidates: mDNS needs permissions that CI machines often lack.
    // And no popup of the address bar, which is a second renderer for every page and half the cost of opening one.
    "--disable-features=WebRtcHideLocalIpsWithMdns,WebUIOmniboxPopup,WebUIOmniboxAimPopup",
  ],
};

/** A stock Firefox over WebDriver BiDi; Playwright's patched build is not needed. */
export const firefoxOptions: LaunchOptions = {
  ...path("firefox"),
  channel: "moz-firefox",
  firefoxUserPrefs: {
    "media.peerconnection.ice.obfuscate_host_addresses": false,
    // navigator.storage.persist() is a prompt, which never settles without someone to click.
    "dom.storageManager.prompt.testing": true,
    "dom.storageManager.prompt.testing.allow": true,
  },
};
