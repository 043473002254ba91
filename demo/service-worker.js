/**
 * Answers from the copy of the page that was made when it was installed, so that the notes open without a network.
 * service-worker-plugin.ts puts two constants above this text at build time:
 *   version - changes with every built file
 *   files - everything the build made, as paths beside this file
 * A new version takes over when the last tab of the old one is closed, so that no page meets files of another build.
 */
/* global version, files */

const cacheName = `notes-${version}`;

self.addEventListener("install", (event) => {
  const requests = files.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(requests)));
});

const removeOldCopies = async () => {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith("notes-") && name !== cacheName).map((name) => caches.delete(name)),
  );
};

self.addEventListener("activate", (event) => {
  event.waitUntil(removeOldCopies().then(() => self.clients.claim()));
});

const answer = async (request) => {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(request.mode === "navigate" ? "./index.html" : request, {
    ignoreSearch: true,
    ignoreVary: true,
  });
  return kept ?? fetch(request);
};

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  event.respondWith(answer(request));
});
