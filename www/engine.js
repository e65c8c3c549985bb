// The Worker that holds the keys. Its code is a blob made of verified bytes, under the page's one Trusted Types policy.

import { fetchPinned } from "./pinned.js";

/** @typedef {{ type: string } & Record<string, unknown>} Intent What the person did, for the view model in the Worker. */
/** @typedef {{ kind: string } & Record<string, any>} Report What the Worker tells. */

export class Engine {
  /** @type {Worker | null} */
  #worker = null;
  /** @type {string} */
  #url;
  /** @type {ArrayBuffer} */
  #wasm;
  /** A TrustedScriptURL, where the browser knows them. @type {string} */
  #trusted;

  /** @param {ArrayBuffer} glue @param {ArrayBuffer} worker @param {ArrayBuffer} wasm */
  constructor(glue, worker, wasm) {
    this.#url = URL.createObjectURL(new Blob([glue, "\n", worker], { type: "text/javascript" }));
    this.#wasm = wasm;
    const own = this.#url;
    const rules = {
      /** @param {string} url */
      createScriptURL(url) {
        if (url !== own) throw new TypeError("only the page's own worker");
        return url;
      },
    };
    const types = /** @type {any} */ (globalThis).trustedTypes;
    this.#trusted = types?.createPolicy("glimpse-worker", rules).createScriptURL(own) ?? own;
  }

  /** Fetches and checks the three files. @returns {Promise<Engine>} */
  static async load() {
    const links = ["glue", "worker", "wasm"].map((id) => /** @type {HTMLLinkElement} */ (document.getElementById(id)));
    const files = await Promise.all(links.map(async (link) => (await fetchPinned(link)).arrayBuffer()));
    const [glue, worker, wasm] = /** @type {[ArrayBuffer, ArrayBuffer, ArrayBuffer]} */ (files);
    return new Engine(glue, worker, wasm);
  }

  /**
   * Starts a Worker with an empty memory.
   * @param {(report: Report) => void} hear
   * @param {() => void} died
   */
  start(hear, died) {
    this.stop();
    const worker = new Worker(this.#trusted, { name: "glimpse" });
    worker.onmessage = ({ data }) => hear(data);
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
    };
    worker.postMessage({ wasm, setting }, [wasm]);
    this.#worker = worker;
  }

  /** @param {Intent} intent */
  send(intent) {
    this.#worker?.postMessage(intent);
  }

  /** Ends the Worker: its memory, and every key in it, is gone. */
  stop() {
    this.#worker?.terminate();
    this.#worker = null;
  }
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
