// The Worker that holds the keys. Its code is a blob made of verified bytes, under the page's one Trusted Types policy.

import { fetchPinned, Stop } from "./pinned.js";

/** @typedef {{ type: string } & Record<string, unknown>} Intent What the person did, for the view model in the Worker. */
/** @typedef {{ kind: string } & Record<string, any>} Report What the Worker tells. */

/** A Worker tells of itself every second. After this many looks in a row that saw nothing of it, it is dead. */
const SILENT_LOOKS = 8;
const LOOK_MILLIS = 2_500;

export class Engine {
  /** @type {Worker | null} */
  #worker = null;
  /** @type {ArrayBuffer} */
  #wasm;
  /** Modules that are not needed at first, by the id of their link: each comes with one of its intents. */
  #later;
  /** @type {Map<string, ArrayBuffer>} */
  #modules = new Map();
  /** @type {Set<string>} */
  #coming = new Set();
  /** A TrustedScriptURL, where the browser knows them. @type {string} */
  #trusted;
  #heard = false;
  #watch = 0;

  /** @param {string} trusted @param {ArrayBuffer} wasm @param {Record<string, string[]>} later */
  constructor(trusted, wasm, later) {
    this.#later = later;
    this.#trusted = trusted;
    this.#wasm = wasm;
  }

  /**
   * Fetches and checks what it takes to begin.
   * @param {Record<string, string[]>} later modules that come later, by the id of their link, and the intents with which they do
   * @returns {Promise<Engine>}
   */
  static async load(later) {
    const [worker, wasm] = await Promise.all([file("worker"), file("wasm")]);
    return new Engine(trust(worker), wasm, later);
  }

  /** Another one, of the same checked bytes, for a second Worker. @param {Record<string, string[]>} later @returns {Engine} */
  beside(later) {
    return new Engine(this.#trusted, this.#wasm, later);
  }

  /**
   * Starts a Worker with an empty memory.
   * @param {(report: Report) => void} hear
   * @param {() => void} died
   * @param {{ ticks?: boolean, more?: Record<string, unknown> }} [kind] whether it tells of itself all the time, so that its silence
   *   means that it is dead; and what its setting holds besides
   */
  start(hear, died, { ticks = true, more = {} } = {}) {
    this.stop();
    const worker = new Worker(this.#trusted, { name: "glimpse" });
    worker.onmessage = ({ data }) => {
      this.#heard = true;
      hear(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      died();
    };
    worker.onmessageerror = died;
    // The Worker's own base is its blob, so it is told where the server is.
    const meta = (/** @type {string} */ name) => document.querySelector(`meta[name="${name}"]`)?.getAttribute("content");
    const wasm = this.#wasm.slice(0);
    const setting = {
      server: meta("glimpse-server") ?? location.origin,
      origin: location.origin,
      build: meta("glimpse-build") ?? "",
      program: program(),
      ...more,
    };
    worker.postMessage({ wasm, setting }, [wasm]);
    this.#worker = worker;
    for (const id of this.#modules.keys()) this.#give(id);
    if (!ticks) return;
    // Counted in looks and not by a clock: a machine that slept misses looks as well.
    let silent = 0;
    this.#watch = setInterval(() => {
      silent = this.#heard ? 0 : silent + 1;
      this.#heard = false;
      if (silent >= SILENT_LOOKS) died();
    }, LOOK_MILLIS);
  }

  /** @param {Intent} intent @param {Transferable[]} [transfer] what is handed over with it, and not copied */
  send(intent, transfer = []) {
    this.#worker?.postMessage(intent, transfer);
    for (const [id, intents] of Object.entries(this.#later)) {
      if (intents.includes(intent.type)) void this.#fetch(id);
    }
  }

  /** Fetches a module, once; whatever waits for it hears of it, or why it cannot be had. @param {string} id */
  async #fetch(id) {
    if (this.#modules.has(id) || this.#coming.has(id)) return;
    this.#coming.add(id);
    try {
      this.#modules.set(id, await file(id));
      this.#give(id);
    } catch (error) {
      this.#worker?.postMessage({ type: id, failure: error instanceof Stop ? error.code : "server-unreachable" });
    }
    this.#coming.delete(id);
  }

  /** @param {string} id */
  #give(id) {
    const wasm = this.#modules.get(id)?.slice(0);
    if (wasm) this.#worker?.postMessage({ type: id, wasm }, [wasm]);
  }

  /** Ends the Worker: its memory, and every key in it, is gone. */
  stop() {
    clearInterval(this.#watch);
    if (this.#worker) {
      // What is still on its way from it is for nobody.
      this.#worker.onmessage = this.#worker.onerror = this.#worker.onmessageerror = null;
      this.#worker.terminate();
    }
    this.#worker = null;
  }
}

/** The address of a Worker made of checked bytes: the one that this page lets run. @param {ArrayBuffer} worker @returns {string} */
function trust(worker) {
  const own = URL.createObjectURL(new Blob([worker], { type: "text/javascript" }));
  const rules = {
    /** @param {string} url */
    createScriptURL(url) {
      if (url !== own) throw new TypeError("only the page's own worker");
      return url;
    },
  };
  const types = /** @type {any} */ (globalThis).trustedTypes;
  return types?.createPolicy("glimpse-worker", rules).createScriptURL(own) ?? own;
}

/** The bytes of a file that the page pins under this id. @param {string} id @returns {Promise<ArrayBuffer>} */
async function file(id) {
  const link = /** @type {HTMLLinkElement} */ (document.getElementById(id));
  return (await fetchPinned(link)).arrayBuffer();
}

/** What this browser says it is. A claim, and shown as one. @returns {string} */
function program() {
  const data = /** @type {any} */ (navigator).userAgentData;
  const agent = navigator.userAgent;
  const brand = data?.brands?.find((/** @type {{brand: string}} */ each) => /Chrome|Edge|Opera/.test(each.brand))?.brand;
  const name = brand ?? /(Firefox|Edg|Chrome|Safari)\//.exec(agent)?.[1] ?? "a browser";
  const system = data?.platform ?? /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent)?.[1];
  return system ? `${name}, ${system}` : name;
}
