// The service worker of the phone page, and of no other: it keeps the files of one build, checked by their hashes, and gives
// them when the server cannot be reached. It never answers for anything else, so that no answer of the API passes through
// it, and it holds no key. `cargo xtask pin` puts `BUILD` and `FILES` (paths and hashes) before it.

/* global BUILD, FILES */

const PAGE = "/device";
/** The page for somebody who wants to see what happened; `app.js` knows it. */
const LOOK = PAGE + "#inbox";
const PREFIX = "glimpse-device-";
const NAME = PREFIX + BUILD;
/**
 * How long the server may take for its page, in milliseconds. A network that lets a request out and nothing back in is no
 * connection either.
 */
const PATIENCE = 4_000;
/** Builds whose files are kept: this one, and the one that an open page may still be of. */
const KEPT = 2;

self.addEventListener("install", (event) => {
  // Where the browser lets it, this Worker is not even asked about the API.
  try {
    event.addRoutes?.({ condition: { urlPattern: { pathname: "/v1/*" } }, source: "network" });
  } catch {
    // It passes it on below.
  }
  event.waitUntil(keep());
});

async function keep() {
  const page = await fetch(PAGE, { cache: "no-store", redirect: "error" });
  const html = await page.clone().text();
  // Between this script and the page another build may have been put up: then the next try fits.
  if (!page.ok || !Object.keys(FILES).every((path) => !path.endsWith(".js") || html.includes(path.slice(1)))) throw new Error("another build");
  const cache = await caches.open(NAME);
  const one = async ([path, integrity]) => {
    const response = await fetch(path, { integrity });
    if (!response.ok) throw new Error(path);
    await cache.put(path, response);
  };
  await Promise.all(Object.entries(FILES).map(one));
  await cache.put(PAGE, page);
  await self.skipWaiting();
}

self.addEventListener("activate", (event) => event.waitUntil(begin()));

async function begin() {
  const kept = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
  await Promise.all(kept.slice(0, Math.max(0, kept.length - (KEPT - 1))).map((name) => caches.delete(name)));
  await self.clients.claim();
  const html = await (await caches.match(PAGE, { cacheName: NAME }))?.text();
  const build = /name="glimpse-build" content="([0-9a-f]{64})"/.exec(html ?? "")?.[1];
  if (!build) return;
  for (const client of await self.clients.matchAll({ type: "window" })) client.postMessage({ type: "here", build });
}

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin) return;
  if (mode === "navigate" && pathname === PAGE) event.respondWith(page());
  else if (pathname.startsWith("/assets/")) event.respondWith(file(event.request));
});

/** The server's page where there is a connection, so that a build that was mended is used at once; else the one that is kept. */
async function page() {
  const sound = (response) => (response.status < 500 ? response : undefined);
  const asked = fetch(PAGE, { cache: "no-store" }).then(sound, () => undefined);
  const late = new Promise((done) => setTimeout(done, PATIENCE));
  return (await Promise.race([asked, late])) ?? (await caches.match(PAGE, { cacheName: NAME })) ?? (await asked) ?? Response.error();
}

/** A push holds a random id; what happened, nobody but a device can say. @type {Record<string, string>} */
const WOKEN = {
  en: "Something happened in your account. Open Glimpse to look.",
  de: "In Ihrem Konto ist etwas geschehen. Öffnen Sie Glimpse, um nachzusehen.",
  ar: "حدث شيء في حسابك. افتح Glimpse لتطّلع عليه.",
};

self.addEventListener("push", (event) => event.waitUntil(wake()));

async function wake() {
  const language = (self.navigator.language ?? "en").slice(0, 2);
  const lang = language in WOKEN ? language : "en";
  // One at a time: many events are one reason to look. Nothing of the push itself is shown.
  await self.registration.showNotification("Glimpse", { body: WOKEN[lang], lang, dir: lang === "ar" ? "rtl" : "ltr", tag: "glimpse", renotify: true });
  for (const client of await self.clients.matchAll({ type: "window" })) client.postMessage({ type: "news" });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(look());
});

async function look() {
  const [open] = await self.clients.matchAll({ type: "window" });
  if (!open) return self.clients.openWindow(LOOK);
  // Told first: it goes there even where the browser does not bring it to the front.
  open.postMessage({ type: "look" });
  await open.focus();
}

/** Names are made of content, so that a name never means two things. */
async function file(request) {
  const kept = await caches.match(new URL(request.url).pathname, { ignoreVary: true });
  return kept ?? fetch(request);
}
