// Files of this build: fetched with the hash that the page pins for them, or not at all.

/** Why the page cannot go on; the slug of an error code. */
export class Stop extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * Fetches what a `<link>` of the page names, with its hash.
 * @param {HTMLLinkElement} link
 * @returns {Promise<Response>}
 */
export async function fetchPinned(link) {
  const integrity = link.dataset.integrity;
  if (!integrity) throw new Stop("build-altered");
  // Bytes that were altered once stay in the browser's cache: the second try goes past it.
  for (const cache of /** @type {RequestCache[]} */ (["default", "reload"])) {
    try {
      const response = await fetch(link.href, { integrity, cache });
      if (response.ok) return response;
    } catch {
      // A hash that does not fit and a network that is down are the same bare TypeError: find out below which it was.
    }
  }
  throw new Stop(await whyRefused(link.href, integrity));
}

/** @param {string} url @param {string} integrity @returns {Promise<string>} */
async function whyRefused(url, integrity) {
  try {
    const response = await fetch(url, { cache: "no-store" });
    if (response.status >= 500) return "server-unreachable";
    if (!response.ok) return (await isReplaced()) ? "build-replaced" : "build-altered";
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-384", await response.arrayBuffer()));
    const found = `sha384-${btoa(String.fromCharCode(...digest))}`;
    return found === integrity ? "server-unreachable" : "build-altered";
  } catch {
    return "server-unreachable";
  }
}

/** Whether the server has another build by now: a server keeps the files of one. @returns {Promise<boolean>} */
async function isReplaced() {
  const build = document.querySelector('meta[name="glimpse-build"]')?.getAttribute("content");
  const html = await (await fetch(location.pathname, { cache: "no-store" })).text();
  const there = /name="glimpse-build" content="([0-9a-f]{64})"/.exec(html)?.[1];
  return Boolean(there) && there !== build;
}

/** Why a module or a style sheet of this build did not come: the browser says no more than that. @returns {Promise<string>} */
export async function whyImportFailed() {
  const { integrity } = JSON.parse(document.querySelector("script[type=importmap]")?.textContent ?? '{"integrity":{}}');
  const styles = [...document.querySelectorAll("link[integrity]")].map((link) => [link.getAttribute("href"), link.getAttribute("integrity")]);
  const reasons = await Promise.all([...Object.entries(integrity), ...styles].map(([url, hash]) => whyRefused(url, hash)));
  return ["build-altered", "build-replaced"].find((reason) => reasons.includes(reason)) ?? "server-unreachable";
}
