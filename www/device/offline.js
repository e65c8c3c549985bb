// Keeps the files of this build for when there is no connection, and says when another build is there.

/** Its own file, under a name that stays. */
const WORKER = "/device-sw.js";
const SCOPE = "/device";

/** Whether there is a service worker in this browser at all. */
export const offered = "serviceWorker" in navigator;

/** Whether this page would come back without a connection. */
export const isKept = () => Boolean(navigator.serviceWorker?.controller);

/** How long a service worker may take to be at work, in milliseconds. The browser itself waits for ever for one that failed. */
const PATIENCE = 20_000;

/**
 * The registration of the service worker, once it is at work; nothing where there is none.
 * @returns {Promise<ServiceWorkerRegistration | undefined>}
 */
export async function ready() {
  const begun = await registered();
  if (!begun) return undefined;
  return Promise.race([navigator.serviceWorker.ready, new Promise((done) => setTimeout(() => done(undefined), PATIENCE))]);
}

/** The same, if there is one by now. @returns {Promise<ServiceWorkerRegistration | undefined>} */
export const registered = async () => navigator.serviceWorker?.getRegistration(SCOPE);

/** @param {(type: string) => void} take is told what the service worker says: `news`, `look` */
export function hearWoken(take) {
  navigator.serviceWorker?.addEventListener("message", ({ data }) => take(String(data?.type)));
}

/** @param {() => void} newer called when the server has another build than this page */
export async function keepForOffline(newer) {
  const workers = navigator.serviceWorker;
  if (!workers) return;
  const build = document.querySelector('meta[name="glimpse-build"]')?.getAttribute("content") ?? "";
  const rules = {
    /** @param {string} url */
    createScriptURL(url) {
      if (url !== WORKER) throw new TypeError("only the page's own service worker");
      return url;
    },
  };
  const types = /** @type {any} */ (globalThis).trustedTypes;
  const url = types?.createPolicy("glimpse-offline", rules).createScriptURL(WORKER) ?? WORKER;
  workers.addEventListener("message", ({ data }) => data?.type === "here" && data.build !== build && newer());
  workers.startMessages();
  try {
    const registration = await workers.register(url, { scope: SCOPE, updateViaCache: "none" });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) registration.update().catch(() => {});
    });
  } catch {
    // Without it the page needs a connection to open, and nothing else is different.
  }
}
