// @ts-check
/**
 * Finds the browsers that the tests drive, and installs them where that is safe to do.
 * `node scripts/browsers.mjs` makes sure that both are there; it is what runs before the browser tests.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {"chromium" | "firefox"} BrowserName */

/** @type {Readonly<Record<BrowserName, { env: string, names: readonly string[], paths: readonly string[] }>>} */
const places = {
  chromium: {
    env: "CHROMIUM_PATH",
    names: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    paths: [
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ],
  },
  firefox: {
    env: "FIREFOX_PATH",
    names: ["firefox-esr", "firefox"],
    paths: ["/Applications/Firefox.app/Contents/MacOS/firefox"],
  },
};

/**
 * The browser's executable: the environment variable, then PATH, then the usual places.
 * @param {BrowserName} name
 * @returns {string | undefined}
 * @throws {Error} when the environment variable names a file that does not exist
 */
export const findBrowser = (name) => {
  const { env, names, paths } = places[name];
  const wanted = process.env[env];
  if (wanted !== undefined && wanted !== "") {
    if (existsSync(wanted)) return wanted;
    throw new Error(`${env} is ${wanted}, but there is no such file`);
  }
  const onPath = names.flatMap((file) =>
    [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"].map((dir) => join(dir, file)),
  );
  const downloaded = name === "chromium" ? playwrightChromium() : [];
  return [...onPath, ...paths, ...downloaded].find((path) => existsSync(path));
};

/** Where `npx playwright install chromium` puts it. Playwright's own Firefox is not looked for: the tests drive a stock one. */
const playwrightChromium = () => {
  const caches = [
    process.env["PLAYWRIGHT_BROWSERS_PATH"] ?? "",
    join(homedir(), ".cache/ms-playwright"),
    join(homedir(), "Library/Caches/ms-playwright"),
  ];
  const inside = [
    "chrome-linux/chrome",
    "chrome-linux64/chrome",
    "chrome-mac/Chromium.app/Contents/MacOS/Chromium",
    "chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
  ];
  return caches
    .filter((cache) => cache !== "" && existsSync(cache))
    .flatMap((cache) =>
      readdirSync(cache)
        .filter((dir) => /^chromium-\d+$/.test(dir))
        .map((dir) => join(cache, dir)),
    )
    .flatMap((dir) => inside.map((path) => join(dir, path)));
};

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {boolean} whether it succeeded
 */
const run = (command, args) => {
  console.log(`$ ${command} ${args.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"], env }).status === 0;
};

const isRoot = process.getuid?.() === 0;

/** System packages are for machines that are there for it: root's containers and CI, or when asked for. */
const mayUseApt = () =>
  existsSync("/usr/bin/apt-get") &&
  (isRoot || process.env["CI"] === "true" || process.env["LEDGER_INSTALL_BROWSERS"] === "1");

/** @param {readonly string[]} args */
const apt = (...args) => (isRoot ? run("apt-get", args) : run("sudo", ["-n", "apt-get", ...args]));

/** @param {readonly BrowserName[]} missing */
const install = (missing) => {
  if (mayUseApt()) {
    const packages = missing.map((name) => (name === "firefox" ? "firefox-esr" : "chromium"));
    console.log(`Installing ${packages.join(" and ")} with apt-get …`);
    apt("update", "-qq");
    apt("install", "-y", "-qq", "--no-install-recommends", ...packages, "fonts-liberation");
  }
  if (findBrowser("chromium") === undefined) {
    console.log("Trying Playwright's own Chromium …");
    run("npx", ["playwright", "install", "chromium"]);
  }
};

const ensureBrowsers = () => {
  const names = /** @type {const} */ (["chromium", "firefox"]);
  const missing = names.filter((name) => findBrowser(name) === undefined);
  if (missing.length > 0) install(missing);

  for (const name of names) {
    const path = findBrowser(name);
    if (path !== undefined) {
      console.log(`${name}: ${path}`);
      continue;
    }
    const { env } = places[name];
    const how = name === "firefox" ? "firefox-esr (Debian) or Firefox" : "chromium (Debian) or Google Chrome";
    console.error(`The browser tests need ${name}. Install ${how}, or set ${env} to its executable.`);
    process.exitCode = 1;
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    ensureBrowsers();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
