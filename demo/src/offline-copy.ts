/** Keeps a copy of the page itself in the browser, so that it opens without a network. */

/** Registers the service worker that the build makes; while developing there is none. */
export const keepOfflineCopy = (): void => {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register(`${import.meta.env.BASE_URL}service-worker.js`).catch((error: unknown) => {
    // The page works without; it just cannot be reloaded offline.
    console.warn("No offline copy of the page:", error);
  });
};
