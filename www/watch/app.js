// The first script of the watch: the Worker with the keys, a way to the phone, and the screen that the Worker says.

import { companionText, Joining, Locked, Start } from "./joining.js";
import { Choose, LENDING } from "./lending.js";
import { Looks } from "./looks.js";
import { askPhone, leavePhone } from "../device/companion.js";
import { troubleText } from "../device/words.js";
import { byId, fill, h, say } from "../dom.js";
import { Engine } from "../engine.js";
import { Stop } from "../pinned.js";
import { choose, has, preferred, t } from "../text.js";

/** @typedef {Record<string, any>} Snapshot What `glimpse-phone` computed; see `WatchSnapshot` there. */
/** @typedef {(intent: import("../engine.js").Intent) => void} Send */
/**
 * @typedef {object} Screen
 * @property {HTMLElement} heading
 * @property {(HTMLElement | null)[]} parts
 * @property {(snapshot: Snapshot) => void} draw
 */

/** How often a phone that is away is looked for while somebody sees that it is, in milliseconds. */
const LOOK = 3_000;

class App {
  /** @type {Engine | null} */
  #engine = null;
  /** @type {Screen | null} */
  #screen = null;
  #name = "";
  /** @type {Snapshot | null} */
  #last = null;
  #spoken = 0;
  #trouble = "";
  /** The timer of the next look; there is none while the phone is there, or nobody sees this page. */
  #next = 0;

  constructor() {
    byId("stuck").remove();
    document.addEventListener("visibilitychange", () => {
      this.#send({ type: "visible", visible: !document.hidden });
      this.#look();
    });
    addEventListener("pagehide", () => {
      this.#stop();
      leavePhone();
      // A page that the browser keeps for its Back button would come back with what it showed.
      document.body.replaceChildren();
    });
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  async start() {
    try {
      await choose(preferred());
      if (!isSecureContext || !("locks" in navigator)) throw new Stop("unsupported-browser");
      this.#engine = await Engine.load({});
      this.#run();
    } catch (error) {
      this.#refuse(error instanceof Stop ? error.code : "internal");
    }
  }

  /** A Worker with an empty memory, and no keys in it. */
  #run() {
    this.#last = null;
    this.#engine?.start((report) => this.#hear(report), () => this.#refuse("internal"), { ticks: false });
    if (document.hidden) this.#send({ type: "visible", visible: false });
    this.#look();
  }

  /** Looks for the phone now and after a while, unless it is there or nobody sees this page. */
  #look() {
    clearTimeout(this.#next);
    if (!this.#engine || document.hidden || this.#last?.away === false) return;
    this.#next = setTimeout(() => this.#look(), LOOK);
    const port = askPhone();
    if (port) this.#engine.send({ type: "companion", port }, [port]);
    if (this.#last) this.#drawAway(true);
  }

  /** Ends the Worker, and looks for nobody any more. */
  #stop() {
    this.#engine?.stop();
    this.#engine = null;
    clearTimeout(this.#next);
  }

  /** @type {Send} */
  #send = (intent) => this.#engine?.send(intent);

  /** @param {import("../engine.js").Report} report */
  #hear(report) {
    if (report.kind === "refused") this.#refuse(report.code);
    if (report.kind === "snapshot") this.#show(report.snapshot);
  }

  /** @param {Snapshot} snapshot */
  #show(snapshot) {
    // The keys were put away: their Worker goes with what was left of them.
    if (snapshot.screen === "locked" && this.#last?.list) return this.#run();
    const before = this.#last?.away ?? true;
    this.#last = snapshot;
    // It came, or it is gone.
    if (snapshot.away !== before) this.#look();
    if (snapshot.screen === "looking") return;
    byId("loading").hidden = true;
    const name = nameOf(snapshot);
    if (name !== this.#name) {
      this.#name = name;
      this.#screen = /** @type {Screen} */ (new SCREENS[name](this.#send));
      document.documentElement.dataset.screen = name;
      document.title = `Glimpse: ${this.#screen.heading.textContent}`;
      fill(byId("main"), this.#screen.heading, ...this.#screen.parts);
      byId("main").scrollTop = 0;
      this.#screen.heading.focus({ preventScroll: true });
    }
    this.#screen?.draw(snapshot);
    this.#drawAway(snapshot.away);
    this.#drawTrouble(snapshot.trouble);
    const heard = snapshot.announcement;
    if (heard && heard.number !== this.#spoken) {
      this.#spoken = heard.number;
      say(byId(heard.urgent ? "assertive" : "polite"), t(heard.key, heard.values));
    }
  }

  /** @param {boolean} away */
  #drawAway(away) {
    say(byId("away"), away ? companionText() : "");
  }

  /** @param {{ key: string, wait: number | null } | null} trouble */
  #drawTrouble(trouble) {
    const key = JSON.stringify(trouble);
    if (key === this.#trouble) return;
    this.#trouble = key;
    const box = byId("trouble");
    box.hidden = !trouble;
    byId("main").inert = Boolean(trouble);
    if (!trouble) {
      this.#screen?.heading.focus({ preventScroll: true });
      return fill(box);
    }
    const close = h("button", { type: "button", class: "primary pill", id: "dismiss", onclick: () => this.#send({ type: "dismiss" }) }, t("watch.ok"));
    fill(box, h("p", {}, ...troubleText({ ...trouble, key: trouble.key === "passphrase" ? "watch-pin" : trouble.key })), close);
    close.focus();
  }

  /** The page cannot be used at all. @param {string} code */
  #refuse(code) {
    this.#stop();
    byId("loading").hidden = true;
    const known = has(`error.${code}`) || has(`trouble.${code}`);
    const panel = h("p", { role: "alert", tabIndex: -1 }, ...(known ? troubleText({ key: code, wait: null }) : ["Something went wrong inside Glimpse."]));
    const again = h("button", { class: "primary pill", type: "button", onclick: () => location.reload() }, has("reload") ? t("reload") : "Reload");
    fill(byId("main"), panel, again);
    panel.focus();
  }
}

/** @param {Snapshot} snapshot @returns {string} */
function nameOf({ screen, linking, lending }) {
  // Why nothing was linked is told as any trouble.
  if (linking && linking.stage !== "over") return "joining";
  // A linking that broke off is gone on with by what began it.
  if (screen === "start" || screen === "join") return "start";
  if (screen === "locked") return screen;
  return lending?.stage ?? (screen === "sessions" ? "looks" : "choose");
}

/** @type {Record<string, new (send: Send) => Screen>} */
const SCREENS = { start: Start, joining: Joining, locked: Locked, choose: Choose, looks: Looks, ...LENDING };

void new App().start();
