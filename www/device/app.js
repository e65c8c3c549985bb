// The first script of the phone page: is this browser able, is the build what the page pins, then the Worker, and the screen
// that it says.

import { byId, fill, h, keeping, say } from "../dom.js";
import { Engine } from "../engine.js";
import { Stop, whyImportFailed } from "../pinned.js";
import { choose, chosen, has, preferred, speak, t } from "../text.js";
import { carryFor } from "./companion.js";
import { Nav } from "./nav.js";
import { hearWoken, isKept, keepForOffline } from "./offline.js";
import { Gate } from "./screens/gate.js";
import { subscription, told } from "./push.js";
import { troubleText } from "./words.js";

/** @typedef {import("../engine.js").Intent} Intent */
/** @typedef {import("../engine.js").Report} Report */
/** @typedef {Record<string, any>} Snapshot What `glimpse-phone` computed; see `Snapshot` there. */
/** @typedef {(intent: Intent, transfer?: Transferable[]) => void} Send */
/**
 * @typedef {object} Screen
 * @property {HTMLElement} element
 * @property {(snapshot: Snapshot) => void} draw
 * @property {() => void} [focus]
 * @property {() => void} [forget] lets go of what it drew: somebody may hold one of its elements
 * @property {() => boolean} [holds] whether something was typed or chosen that would be lost with it
 * @property {(report: Report) => void} [hear]
 */

/** Screens that come when they are gone to; one import a line, for `cargo xtask pin`. @type {Record<string, () => Promise<any>>} */
const LATER = {
  records: () => import("./screens/records.js"),
  add: () => import("./screens/add.js"),
  lend: () => import("./screens/lend.js"),
  more: () => import("./screens/more.js"),
  settings: () => import("./screens/settings.js"),
  inbox: () => import("./screens/inbox.js"),
  sessions: () => import("./screens/sessions.js"),
  kit: () => import("./screens/kit.js"),
  restore: () => import("./screens/restore.js"),
  devices: () => import("./screens/devices.js"),
  link: () => import("./screens/link.js"),
  organisations: () => import("./screens/organisations.js"),
  join: () => import("./screens/join.js"),
};

class App {
  /** @type {Engine | null} */
  #engine = null;
  /** @type {Screen | null} */
  #screen = null;
  #name = "";
  /** @type {Map<string, any>} */
  #classes = new Map([["start", Gate], ["locked", Gate]]);
  /** @type {Snapshot | null} */
  #last = null;
  #spoken = 0;
  #nav;
  /** What the open record was drawn from, to draw it again in another language. @type {Report[]} */
  #opened = [];
  #trouble = "";
  /** Whether what this device keeps is known. What it says of the language later is an echo of the person's choice, and can be late. */
  #met = false;
  /** Whether the person chose a language on this page, and how many choices are under way. */
  #chose = false;
  #choosing = 0;
  /** When the Worker was told last that somebody is there. */
  #active = 0;
  /** Whether somebody waits to see the inbox. */
  #wanted = false;
  /** Other tabs of this page; a browser that keeps nothing for it may refuse these as well. */
  #tabs = channel();

  constructor() {
    byId("stuck").remove();
    this.#nav = new Nav(byId("nav"), this.#send);
    const language = /** @type {HTMLSelectElement} */ (byId("language"));
    language.addEventListener("change", async () => {
      const before = chosen();
      this.#choosing += 1;
      await speak();
      this.#choosing -= 1;
      if (chosen() !== before) this.#chose = true;
      if (this.#chose && this.#met) this.#send({ type: "language", language: chosen() });
      // Also where it could not be had: the settings then name the one that stays.
      this.#redraw();
    });
    // Whoever reads turns a wheel, and whoever dictates presses nothing. What scrolls is often an element of the page, and does not tell of it further up.
    for (const type of ["pointerdown", "keydown", "wheel", "input", "scroll"]) addEventListener(type, (event) => this.#touch(event.timeStamp), { passive: true, capture: true });
    // A browser tells also of a pointer that lies still, where the page moves below it.
    addEventListener("pointermove", ({ timeStamp, movementX, movementY }) => (movementX || movementY) && this.#touch(timeStamp), { passive: true });
    for (const type of ["input", "change"]) addEventListener(type, () => this.#guard());
    // The account was forgotten or deleted in another tab: its keys must not stay in this one.
    this.#tabs?.addEventListener("message", () => (this.#engine?.stop(), this.#clear(), removeEventListener("beforeunload", ask), location.reload()));
    document.addEventListener("visibilitychange", () => this.#send({ type: "visible", visible: !document.hidden }));
    addEventListener("online", () => this.#send({ type: "refresh" }));
    // Somebody was told that something happened, and wants to see what.
    hearWoken((type) => {
      if (type === "news") this.#send({ type: "refresh" });
      if (type === "look") this.#look();
    });
    if (location.hash === LOOK) this.#look();
    carryFor((port) => this.#engine?.send({ type: "companion", port }, port ? [port] : []));
    addEventListener("pagehide", () => {
      this.#engine?.stop();
      // A page that the browser keeps for its Back button would come back with what it showed.
      document.body.replaceChildren();
    });
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  /** Goes to the inbox, at once or as soon as the keys are there. An address can say so too: that shows a place and does nothing. */
  #look() {
    this.#wanted = !this.#last?.list;
    if (!this.#wanted) return this.#send({ type: "go", to: "inbox" });
    // After the next lock nobody is waiting for it.
    history.replaceState(null, "", location.pathname);
  }

  async start() {
    try {
      const language = preferred();
      /** @type {HTMLSelectElement} */ (byId("language")).value = language;
      await choose(language);
      if (!able()) throw new Stop("unsupported-browser");
      this.#engine = await Engine.load({ reader: ["open", "go", "add"], scanner: ["frame"] });
      this.#run();
      void keepForOffline(() => this.#newer());
    } catch (error) {
      this.#refuse(error instanceof Stop ? error.code : "internal");
    }
  }

  /** A Worker with an empty memory, and no keys in it. */
  #run() {
    this.#engine?.start((report) => this.#hear(report), () => this.#refuse("internal"), { ticks: false });
    if (document.hidden) this.#send({ type: "visible", visible: false });
  }

  /** What is typed or touched keeps the keys from being put away; said now and then, not at each key. @param {number} at */
  #touch(at) {
    if (!this.#last?.list || at - this.#active < TOUCHES) return;
    this.#active = at;
    this.#send({ type: "active" });
  }

  /** Another build is there. It takes the place of this one when the person says so. */
  #newer() {
    const box = byId("newer");
    box.hidden = false;
    fill(box, h("span", {}, t("set.newer")), h("button", { type: "button", class: "plain small", onclick: () => location.reload() }, t("reload")));
  }

  /** @type {Send} */
  #send = (intent, transfer) => this.#engine?.send(intent, transfer);

  /** @param {Report} report */
  #hear(report) {
    if (report.kind === "snapshot") return void this.#show(report.snapshot);
    if (report.kind === "refused") return this.#refuse(report.code);
    if (report.kind === "bytes" || report.kind === "view") {
      if (report.unit !== this.#opened[0]?.unit || report.offset === 0) this.#opened = [];
      this.#opened.push(report);
    }
    this.#screen?.hear?.(report);
  }

  /** @param {Snapshot} snapshot */
  async #show(snapshot) {
    const before = this.#last;
    this.#last = snapshot;
    if ((snapshot.screen === "locked" || snapshot.screen === "start") && before?.list) {
      if (snapshot.screen === "start") this.#tabs?.postMessage("gone");
      // The keys were put away: their Worker goes, and with it whatever was left of them in its memory.
      this.#clear();
      removeEventListener("beforeunload", ask);
      // Another document takes this one's place, with nothing of it in its heap; where none would come, this one stays, empty.
      if (!navigator.onLine && !isKept()) return this.#run();
      this.#engine?.stop();
      return location.reload();
    }
    if (snapshot.screen === "looking") return;
    // A server can lose a subscription: it is told of it each time the keys are there.
    if (snapshot.list && this.#wanted) this.#look();
    if (snapshot.list && !before?.list) subscription().then((held) => held && this.#send(told(held)), () => {});
    byId("loading").hidden = true;
    if (!this.#met) {
      this.#met = true;
      if (this.#chose) this.#send({ type: "language", language: chosen() });
      else if (!this.#choosing && snapshot.language && snapshot.language !== chosen()) {
        /** @type {HTMLSelectElement} */ (byId("language")).value = snapshot.language;
        await speak();
        this.#redraw();
        if (this.#last !== snapshot) return;
      }
    }
    if (!snapshot.record) this.#opened = [];
    if (!this.#classes.has(snapshot.screen)) {
      if (!(await this.#fetch(snapshot.screen))) return;
      // Others may have come meanwhile: the newest is drawn.
      if (this.#last !== snapshot) return;
    }
    if (snapshot.screen !== this.#name) this.#change(snapshot.screen);
    this.#draw(snapshot);
  }

  /** Nothing of what only the keys could show stays on the screen, in what a screen reader was told, or in this object. */
  #clear() {
    this.#screen?.forget?.();
    this.#last = null;
    this.#opened = [];
    this.#screen = null;
    this.#name = "";
    document.title = "Glimpse";
    for (const id of ["main", "polite", "assertive", "trouble"]) fill(byId(id));
  }

  /** @param {string} name @returns {Promise<boolean>} */
  async #fetch(name) {
    try {
      const module = await LATER[name]?.();
      this.#classes.set(name, module.Screen);
      return true;
    } catch {
      this.#engine?.stop();
      this.#refuse(await whyImportFailed());
      return false;
    }
  }

  /** @param {string} name */
  #change(name) {
    const Class = this.#classes.get(name);
    const screen = /** @type {Screen} */ (new Class(this.#send));
    this.#screen = screen;
    this.#name = name;
    document.documentElement.dataset.screen = name;
    document.title = has(`device.title.${name}`) ? t(`device.title.${name}`) : "Glimpse";
    fill(byId("main"), screen.element);
    scrollTo(0, 0);
    screen.focus?.();
  }

  /** @param {Snapshot} snapshot */
  #draw(snapshot) {
    this.#nav.draw(snapshot);
    const banner = byId("banner");
    banner.hidden = snapshot.online;
    if (!snapshot.online) say(banner, t("device.offline"));
    this.#drawTrouble(snapshot.trouble);
    this.#screen?.draw(snapshot);
    this.#guard();
    const heard = snapshot.announcement;
    if (heard && heard.number !== this.#spoken) {
      this.#spoken = heard.number;
      say(byId(heard.urgent ? "assertive" : "polite"), t(heard.key, heard.values));
    }
  }

  /** Asks before the page is left, while something would break off by it or be lost. */
  #guard() {
    const last = this.#last;
    const live = [last?.lending, last?.linking].some((each) => each && each.stage !== "over" && each.stage !== "no-agent");
    (live || last?.busy || this.#screen?.holds?.() ? addEventListener : removeEventListener)("beforeunload", ask);
  }

  /** @param {{ key: string, wait: number | null } | null} trouble */
  #drawTrouble(trouble) {
    const key = trouble ? JSON.stringify(trouble) + chosen() : "";
    if (key === this.#trouble) return;
    this.#trouble = key;
    const box = byId("trouble");
    if (!trouble) return fill(box);
    const close = h("button", { type: "button", class: "plain small", onclick: () => this.#send({ type: "dismiss" }) }, t("close"));
    fill(box, h("div", { class: "notice bad row" }, h("span", {}, ...troubleText(trouble)), close));
  }

  #redraw() {
    this.#nav.renew();
    this.#trouble = "";
    const [last, name] = [this.#last, this.#name];
    if (!last || !name) return;
    const opened = this.#opened;
    keeping(byId("main"), () => {
      this.#change(name);
      this.#draw(last);
      for (const report of opened) this.#screen?.hear?.(report);
    });
  }

  /** The page cannot be used at all. @param {string} code */
  #refuse(code) {
    this.#engine?.stop();
    byId("loading").hidden = true;
    byId("nav").hidden = true;
    document.documentElement.dataset.screen = "refused";
    const [happened, next] = has(`error.${code}`) || has(`trouble.${code}`) ? troubleText({ key: code, wait: null }).filter((part) => part !== " ") : FALLBACK;
    const again = h("button", { class: "primary", type: "button", onclick: () => location.reload() }, has("reload") ? t("reload") : "Reload");
    const panel = h("div", { class: "notice bad", role: "alert", tabIndex: -1 }, h("h1", {}, happened), h("p", {}, next), again);
    fill(byId("main"), h("section", { class: "screen narrow" }, panel));
    panel.focus();
  }
}

/** What `sw.js` opens for who tapped on a notification. */
const LOOK = "#inbox";

/** The Worker hears at most this often that somebody is there, in milliseconds. */
const TOUCHES = 10_000;

/** What can be told before a catalogue has arrived. */
const FALLBACK = ["Something went wrong inside Glimpse.", "Try again; if it stays, report it."];

/** @returns {BroadcastChannel | null} */
function channel() {
  try {
    return new BroadcastChannel("glimpse-device");
  } catch {
    return null;
  }
}

/** @returns {boolean} */
function able() {
  return isSecureContext && typeof WebAssembly === "object" && typeof Worker === "function" && "indexedDB" in globalThis && "locks" in navigator;
}

/** @param {BeforeUnloadEvent} event */
function ask(event) {
  event.preventDefault();
}

void new App().start();
