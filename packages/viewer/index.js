// The viewer in a Worker of its own. A page sends what the person did and draws what comes back; keys and the code stay in the
// Worker, and die with it.

/** Hashes of the two modules, which `cargo xtask package` writes here: a module of another build is not run. */
const INTEGRITY = { viewer: "", reader: "" };

/** How often the page looks whether the Worker is alive, and after how many looks without a sign it is taken for dead. */
const LOOK_MILLIS = 2_500;
const SILENT_LOOKS = 8;

/**
 * What the person did: `docs/embedding.md` has the list.
 * @typedef {{ type: "typed", text: string, caret: number, edit: number }
 *   | { type: "submit" | "search" | "ask", text: string }
 *   | { type: "filter", kind: string }
 *   | { type: "window", first: number, count: number }
 *   | { type: "open", unit: string }
 *   | { type: "zoom", block: number, from: number, to: number }
 *   | { type: "network", online: boolean }
 *   | { type: "close" | "save" | "more-time" | "end" | "touched" }} Intent
 */

/**
 * A record in the list.
 * @typedef {{ unit: string, title: string, kind: string, author: string | null, mark: string | null, [more: string]: unknown }} Row
 */

/**
 * All that is on the screen. What stands in it is public to the page, and is to be drawn as text.
 * @typedef {object} Snapshot
 * @property {"enter" | "wait" | "session" | "ending" | "over"} screen
 * @property {{ text: string, caret: number, edit: number, state: string, [more: string]: unknown }} [entry]
 * @property {{ stage: "finding" | "proving" | "approving", words: [string, string] | null, owner: string | null, secondsLeft: number | null, present: boolean }} [wait]
 * @property {{ owner: string, list: { total: number, matching: number, first: number, rows: Row[], [more: string]: unknown }, record: Record<string, unknown> | null, [more: string]: unknown }} [session]
 * @property {{ code: string, session: boolean }} [over]
 * @property {{ number: number, key: string, urgent: boolean, [more: string]: unknown } | null} announcement
 */

/**
 * What the Worker tells: all that is on the screen; what an opened record reads as; its bytes; and more, which a page may leave
 * aside.
 * @typedef {{ kind: "snapshot", snapshot: Snapshot }
 *   | { kind: "view", unit: string, view: { notices: unknown[], blocks: ({ block: string } & Record<string, unknown>)[], [more: string]: unknown }, [more: string]: unknown }
 *   | { kind: "bytes", unit: string, offset: number, [more: string]: unknown }} Report
 */

/**
 * @typedef {object} Setting
 * @property {string} server the origin of Glimpse, `https://glimpse.example`, which must list yours in `allow_origins`
 * @property {(report: Report) => void} hear
 * @property {(code: "died" | "build-altered") => void} [failed] the viewer is no more; nothing of what it knew is left
 * @property {string} [program] what this program says it is: the person who lends sees it, as a claim
 * @property {() => Worker} [worker] makes the Worker, where your bundler or your policy wants another way than a module's address
 */

export class Viewer {
  /** @type {Worker} */
  #worker;
  #failed;
  #watch = 0;
  /** The module that reads opened records comes with the first of them. @type {Promise<void> | null} */
  #reader = null;

  /** @param {Worker} worker @param {Setting} setting */
  constructor(worker, { hear, failed = () => {} }) {
    this.#worker = worker;
    this.#failed = failed;
    let heard = true;
    worker.onmessage = ({ data }) => {
      heard = true;
      if (data?.kind !== "alive") hear(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#die("died");
    };
    // Counted in looks and not by a clock: a machine that slept misses looks as well.
    let silent = 0;
    this.#watch = setInterval(() => {
      silent = heard ? 0 : silent + 1;
      heard = false;
      if (silent >= SILENT_LOOKS) this.#die("died");
    }, LOOK_MILLIS);
    addEventListener("pagehide", () => this.stop());
  }

  /**
   * Starts a viewer with an empty memory, for one code.
   * @param {Setting} setting
   * @returns {Promise<Viewer>}
   */
  static async start(setting) {
    const wasm = await module(new URL("./glimpse-web_bg.wasm", import.meta.url), INTEGRITY.viewer);
    const worker = setting.worker?.() ?? new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "glimpse" });
    const viewer = new Viewer(worker, setting);
    const { server, program = "a page of its own" } = setting;
    worker.postMessage({ wasm, setting: { server, origin: location.origin, build: INTEGRITY.viewer, program } }, [wasm]);
    return viewer;
  }

  /** @param {Intent} intent */
  send(intent) {
    this.#worker.postMessage(intent);
    if (intent.type === "submit" || intent.type === "open") this.#reader ??= this.#fetchReader();
  }

  async #fetchReader() {
    try {
      const wasm = await module(new URL("./glimpse-reader_bg.wasm", import.meta.url), INTEGRITY.reader);
      this.#worker.postMessage({ type: "reader", wasm }, [wasm]);
    } catch {
      this.#reader = null;
      this.#worker.postMessage({ type: "reader", failure: "server-unreachable" });
    }
  }

  /** Ends the Worker: its memory, and every key in it, is gone. Send `end` first, so that the server hears of it. */
  stop() {
    clearInterval(this.#watch);
    this.#worker.terminate();
  }

  /** @param {"died" | "build-altered"} code */
  #die(code) {
    this.stop();
    this.#failed(code);
  }
}

/** The bytes of a module, which are those of this package or none. @param {URL} url @param {string} integrity */
async function module(url, integrity) {
  const response = await fetch(url, { integrity });
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status}`);
  return response.arrayBuffer();
}
