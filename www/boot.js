// The first script of the page: is this browser able, is the build what the page pins, then the Worker and the screens.

import { byId, fill, h, keeping, say } from "./dom.js";
import { Engine } from "./engine.js";
import { leave } from "./leave.js";
import { Stop, whyImportFailed } from "./pinned.js";
import { Enter } from "./screens/enter.js";
import { choose, chosen, has, preferred, speak, t } from "./text.js";

/** @typedef {import("./engine.js").Intent} Intent */
/** @typedef {import("./engine.js").Report} Report */
/** @typedef {Record<string, any>} Snapshot What `src/model` computed; see `Snapshot` there. */
/**
 * @typedef {object} Screen
 * @property {(snapshot: Snapshot) => void} draw
 * @property {() => void} focus
 * @property {(report: Report) => void} [hear]
 * @property {() => void} [forget]
 */

class Page {
  /** Screens that have come. @type {{ Wait?: any, Session?: any }} */
  #screens = {};
  #coming = false;
  /** The looks of all that comes after the code, on their way or there. @type {Promise<unknown> | null} */
  #style = null;
  /** @type {Engine | null} */
  #engine = null;
  /** @type {Screen} */
  #screen;
  #name = "enter";
  /** @type {Snapshot | null} */
  #last = null;
  #spoken = 0;
  /** What the open record was drawn from, to draw it again in another language. @type {Report[]} */
  #opened = [];
  #touched = 0;
  #cancelled = false;
  /** A code that was sent before the Worker was there. @type {Intent | null} */
  #early = null;
  /** The error code of the run before, told above the code field. @type {string | null} */
  #failure = null;

  constructor() {
    this.#screen = new Enter(this.#send);
    byId("stuck").remove();
    byId("facts-open").addEventListener("click", () => this.#openFacts());
    const language = /** @type {HTMLSelectElement} */ (byId("language"));
    language.addEventListener("change", async () => {
      await speak();
      this.#redraw();
    });
    addEventListener("pagehide", () => this.#wipe());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
    for (const sign of ["pointerdown", "keydown", "scroll"]) {
      addEventListener(sign, () => this.#touch(), { passive: true, capture: true });
    }
    addEventListener("online", () => this.#send({ type: "network", online: true }));
    addEventListener("offline", () => this.#send({ type: "network", online: false }));
  }

  async start() {
    try {
      const language = preferred();
      /** @type {HTMLSelectElement} */ (byId("language")).value = language;
      await choose(language);
      if (!able()) throw new Stop("unsupported-browser");
      this.#engine = await Engine.load({ reader: ["submit", "open"] });
      this.#run();
      if (this.#early) this.#engine.send(this.#early);
      this.#early = null;
    } catch (error) {
      this.#refuse(error instanceof Stop ? error.code : "internal");
    }
  }

  /** A Worker with an empty memory, for one run of one code. */
  #run() {
    this.#engine?.start((report) => this.#hear(report), () => this.#leave("internal"));
  }

  /** @param {Intent} intent */
  #send = (intent) => {
    if (intent.type === "submit") this.#failure = null;
    // With the first digit, so that they are there when the last one is typed.
    if (intent.type === "typed" || intent.type === "submit") void this.#fetchScreens();
    this.#cancelled = intent.type === "end" || (this.#cancelled && intent.type !== "submit");
    if (this.#engine) this.#engine.send(intent);
    else if (intent.type === "submit") this.#early = intent;
  };

  async #openFacts() {
    try {
      const facts = await import("./facts.js");
      await this.#addStyle();
      facts.openFacts();
    } catch {
      const why = await whyImportFailed();
      say(byId("assertive"), `${t(`error.${why}`)} ${t(`error.${why}.next`)}`);
    }
  }

  /** Turns the pinned link into a style sheet, which the browser takes with its hash or not at all. */
  #addStyle() {
    const link = /** @type {HTMLLinkElement} */ (byId("later"));
    this.#style ??= new Promise((done, failed) => {
      link.onload = done;
      link.onerror = () => {
        this.#style = null;
        link.rel = "";
        failed(new Error("style"));
      };
      link.integrity = link.dataset.integrity ?? "";
      link.rel = "stylesheet";
    });
    return this.#style;
  }

  async #fetchScreens() {
    if (this.#coming || this.#screens.Session) return;
    this.#coming = true;
    try {
      // One import a line, for `cargo xtask pin`.
      const [, ...modules] = await Promise.all([
        this.#addStyle(),
        import("./screens/wait.js"),
        import("./screens/session.js"),
      ]);
      for (const module of modules) Object.assign(this.#screens, module);
      if (this.#last) this.#show(this.#last);
    } catch {
      // Before a code was sent this is tried again. After, whatever ran is over: without its screens nothing can be compared.
      if (this.#last && this.#last.screen !== "enter") {
        this.#engine?.stop();
        this.#refuse(await whyImportFailed());
      }
    }
    this.#coming = false;
  }

  /** Tells that somebody is still there; not at every touch. */
  #touch() {
    if (this.#name !== "session" || performance.now() - this.#touched < 20_000) return;
    this.#touched = performance.now();
    this.#send({ type: "touched" });
  }

  /** @param {Report} report */
  #hear(report) {
    if (report.kind === "snapshot") return this.#show(report.snapshot);
    if (report.kind === "bytes" || report.kind === "view") {
      if (report.unit !== this.#opened[0]?.unit || report.offset === 0) this.#opened = [];
      this.#opened.push(report);
    }
    this.#screen.hear?.(report);
  }

  /** @param {Snapshot} snapshot */
  #show(snapshot) {
    byId("loading").hidden = true;
    if (snapshot.screen === "over") {
      if (snapshot.over.session) return this.#leave(snapshot.over.code);
      // Nothing was lent: the code is gone, and so is everything that this run knew.
      // A person who cancelled need not be told that it was cancelled.
      this.#failure = this.#cancelled ? null : snapshot.over.code;
      this.#cancelled = false;
      return this.#run();
    }
    if (snapshot.screen === "ending") return this.#blank();
    this.#last = snapshot;
    if (!snapshot.session?.record) this.#opened = [];
    // The screen is on its way; it is drawn when it has come.
    if (snapshot.screen !== "enter" && !this.#screens.Session) {
      byId("loading").hidden = false;
      return void this.#fetchScreens();
    }
    if (snapshot.screen !== this.#name) this.#change(snapshot.screen);
    document.documentElement.dataset.screen = snapshot.screen;
    this.#screen.draw({ ...snapshot, failure: this.#failure });
    const heard = snapshot.announcement;
    if (heard && heard.number !== this.#spoken) {
      this.#spoken = heard.number;
      say(byId(heard.urgent ? "assertive" : "polite"), t(heard.key, heard.values));
    }
  }

  /** @param {string} name */
  #change(name) {
    const main = byId("main");
    // In another language the static form stays, with what was typed into it.
    const stays = this.#screen instanceof Enter && name === "enter";
    if (this.#screen instanceof Enter && !stays) this.#screen.close();
    main.querySelector(".screen:not(#enter)")?.remove();
    if (name === "enter") this.#screen = stays ? this.#screen : new Enter(this.#send);
    else this.#screen = new this.#screens[name === "session" ? "Session" : "Wait"](main, this.#send);
    byId("enter").hidden = name !== "enter";
    document.title = has(`title.${name}`) ? t(`title.${name}`) : "Glimpse";
    const live = name === "session";
    (live ? addEventListener : removeEventListener)("beforeunload", ask);
    const moved = this.#name !== name;
    this.#name = name;
    if (moved) this.#screen.focus();
  }

  #redraw() {
    document.documentElement.lang = chosen();
    const last = this.#last;
    if (!last) return;
    const opened = this.#opened;
    keeping(byId("main"), () => {
      this.#change(last.screen);
      this.#show(last);
      for (const report of opened) this.#screen.hear?.(report);
    });
  }

  /** The person ended it: nothing is shown any more while the server is told. */
  #blank() {
    this.#opened = [];
    this.#last = null;
    const main = byId("main");
    if (main.dataset.ending) return;
    main.dataset.ending = "true";
    fill(main, h("section", { class: "screen narrow" }, h("p", { role: "status" }, t("session.ending"))));
  }

  #wipe() {
    this.#engine?.stop();
    this.#last = null;
    this.#opened = [];
    // What it drew goes, and not only from the screen.
    this.#screen?.forget?.();
    this.#screen = /** @type {any} */ (null);
    document.body.replaceChildren();
  }

  /** The end: nothing that was lent stays in this document, and another takes its place. @param {string} code */
  #leave(code) {
    removeEventListener("beforeunload", ask);
    this.#wipe();
    void leave(code, chosen());
  }

  /** The page cannot be used at all. @param {string} code */
  #refuse(code) {
    byId("loading").hidden = true;
    document.documentElement.dataset.screen = "refused";
    const text = has(`error.${code}`) ? [t(`error.${code}`), t(`error.${code}.next`)] : FALLBACK[code] ?? FALLBACK.internal;
    const again = h("button", { class: "primary", type: "button", onclick: () => location.reload() }, has("reload") ? t("reload") : "Reload");
    const panel = h("div", { class: "notice bad", role: "alert", tabIndex: -1 }, h("h1", {}, text?.[0]), h("p", {}, text?.[1]), again);
    fill(byId("main"), h("section", { class: "screen narrow" }, panel));
    panel.focus();
  }
}

/** What can be told before a catalogue has arrived. @type {Record<string, [string, string]>} */
const FALLBACK = {
  "build-altered": ["This page is not what its builder published.", "Do not type a code here. Tell whoever runs this site."],
  "build-replaced": ["A newer version of this page is there.", "Reload the page, and go on in the new one."],
  "server-unreachable": ["The server cannot be reached.", "Check the connection and try again."],
  "unsupported-browser": ["This browser cannot keep the session safe.", "Use a current Firefox, Chrome, Edge or Safari."],
  internal: ["Something went wrong inside Glimpse.", "Try again; if it stays, report it."],
};

/** @returns {boolean} */
function able() {
  return isSecureContext && typeof WebAssembly === "object" && typeof Worker === "function" && typeof HTMLDialogElement === "function";
}

/** @param {BeforeUnloadEvent} event */
function ask(event) {
  event.preventDefault();
}

void new Page().start();
