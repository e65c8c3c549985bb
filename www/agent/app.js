// The first script of the agents' portal: the Worker, then the desk, and the viewer's own screens behind it.

import { byId, fill, h, keeping, say } from "../dom.js";
import { Engine } from "../engine.js";
import { leave } from "../leave.js";
import { Stop } from "../pinned.js";
import { Enter } from "../screens/enter.js";
import { Session } from "../screens/session.js";
import { Wait } from "../screens/wait.js";
import { choose, chosen, has, preferred, speak, t } from "../text.js";
import { Desk } from "./desk.js";
import { Ledger } from "./ledger.js";
import { askOutcome, askOutcomeAfter } from "./outcome.js";

/** @typedef {import("../engine.js").Intent} Intent */
/** @typedef {import("../engine.js").Report} Report */
/** @typedef {Record<string, any>} Snapshot The portal's, or the viewer's. */

/**
 * What stands around the portal, where it has no window to itself.
 * @typedef {object} Around
 * @property {Record<string, unknown>} setting what its Worker is told besides
 * @property {{ case: string, reason: string }} prefill what stands in the fields at first
 * @property {string} [back] where an identity provider brings the agent back to
 * @property {() => import("../dom.js").Child[]} signIn what the desk shows in place of signing in
 * @property {(intent: Intent, go: () => void) => boolean} holds whether the page waits with it, until it may go
 * @property {(snapshot: Snapshot) => boolean} shows hears of each snapshot; whether the page draws it
 * @property {(report: Report) => void} hears
 * @property {(code: string) => void} ended a session ended, and what came of it is asked
 * @property {(code: string) => void} over a session ended: takes another document
 * @property {(code: string) => void} failed
 */

const SCREENS = { agent: Desk, ledger: Ledger, wait: Wait, session: Session };

/** How long the end waits for the log. */
const OUTCOME_MILLIS = 2_000;
/** How long the question of what came of it stands, where somebody else ended the session. */
const ASKING_MILLIS = 120_000;
/** How often the desk is told that somebody is there. */
const TOUCH_MILLIS = 20_000;
/** What is for the desk; everything else is for the viewer. */
const FOR_DESK = ["link", "enrol", "sign-in", "asserted", "not-asserted", "returned", "again", "look", "outcome", "over", "ledger", "desk", "present", "sign-out", "forget"];
/** The ends after which it is asked. */
const ASKED_AFTER = ["session-ended", "session-expired", "session-idle"];

export class Page {
  /** @type {Around | null} */
  #around;
  /** The desk: signed in or not. @type {Engine | null} */
  #engine = null;
  /** Beside it, for one look: the Worker with the keys, which ends with it. @type {Engine | null} */
  #viewer = null;
  /** @type {any} */
  #screen = null;
  #name = "";
  /** @type {Snapshot | null} */
  #last = null;
  /** What is known of the agent: it stands above the viewer as well. @type {Record<string, any> | null} */
  #agent = null;
  #spoken = "";
  /** What the open record was drawn from, to draw it again in another language. @type {Report[]} */
  #opened = [];
  #touched = 0;
  /** The error code of the code before, told at the desk. @type {string | null} */
  #failure = null;
  #cancelled = false;
  /** The latest moment at which a session ends whose outcome was said. */
  #ending = 0;
  /** Whether this side ended the session, and has said what came of it. */
  #said = false;
  /** Why the session is over that somebody else ended. */
  #over = "";
  /** Whether this document is on its way out. */
  #left = false;

  /** @param {Around | null} [around] */
  constructor(around = null) {
    this.#around = around;
    byId("stuck").remove();
    const language = /** @type {HTMLSelectElement} */ (byId("language"));
    language.addEventListener("change", async () => {
      await speak();
      this.#redraw();
    });
    byId("sign-out").addEventListener("click", () => this.#send({ type: "sign-out" }));
    byId("back").addEventListener("click", () => this.#send({ type: "desk" }));
    byId("hand-over").addEventListener("click", () => this.#askOutcome("handed-over"));
    addEventListener("pagehide", () => this.#wipe());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
    for (const sign of ["pointerdown", "keydown", "scroll"]) {
      addEventListener(sign, () => this.#touch(), { passive: true, capture: true });
    }
    addEventListener("online", () => this.#send({ type: "network", online: true }));
    addEventListener("offline", () => this.#send({ type: "network", online: false }));
    addEventListener("hashchange", () => this.#takeLink());
    addEventListener("copy", (event) => this.#copied(event));
  }

  async start() {
    try {
      const language = preferred();
      /** @type {HTMLSelectElement} */ (byId("language")).value = language;
      await choose(language);
      if (!able()) throw new Stop("unsupported-browser");
      this.#engine = await Engine.load({});
      this.#viewer = this.#engine.beside({ reader: ["submit", "open"] });
      this.#engine.start((report) => this.#hear(report), () => this.#leave("internal"), { more: this.#around?.setting });
      this.#takeLink();
      this.#takeReturn();
    } catch (error) {
      this.#refuse(error instanceof Stop ? error.code : "internal");
    }
  }

  /** An enrolment link: its secret leaves the address at once, and the history with it. */
  #takeLink() {
    const text = location.hash.slice(1);
    // Whoever frames the page writes its address; and a link within the page is none to enrol by.
    if (!text || this.#around || document.getElementById(text)) return;
    history.replaceState(null, "", location.pathname);
    this.#send({ type: "link", text });
  }

  /** Where an identity provider brings the agent back to, if anywhere. @returns {string | undefined} */
  get #back() {
    return this.#around ? this.#around.back : "/agent";
  }

  /** Back from the identity provider: what it says leaves the address at once. */
  #takeReturn() {
    // In a frame nobody signs in.
    if (!this.#back) return;
    const said = new URLSearchParams(location.search);
    const state = said.get("state");
    if (location.search) history.replaceState(null, "", location.pathname);
    if (state) this.#send({ type: "returned", state, code: said.get("code"), back: this.#back });
  }

  /** Hands a port to the Worker. @param {MessagePort} port */
  give(port) {
    this.#engine?.send({ type: "port", port }, [port]);
  }

  /** Signed in, and somebody else goes on. */
  handOver() {
    this.#engine?.send({ type: "hand-over" });
  }

  /** In the language that the field says. */
  async renew() {
    await speak();
    this.#redraw();
  }

  /** @param {Intent} intent */
  #send = (intent) => {
    if (!this.#around?.holds(intent, () => this.#pass(intent))) this.#pass(intent);
  };

  /** @param {Intent} intent */
  #pass(intent) {
    // An agent who ends a session says what came of it.
    if (intent.type === "end" && this.#name === "session") return this.#askOutcome();
    if (intent.type === "look" || intent.type === "submit") this.#failure = null;
    this.#cancelled = intent.type === "end" || (this.#cancelled && intent.type !== "submit");
    if (FOR_DESK.includes(intent.type)) {
      // Nothing of a look is left when the agent is back at the case.
      if (intent.type === "desk") this.#viewer?.stop();
      this.#engine?.send(intent);
    } else {
      this.#viewer?.send(intent);
    }
  }

  /** A look begins: with a Worker of its own, and a way from it to the desk. */
  #begin() {
    const { port1, port2 } = new MessageChannel();
    this.#viewer?.start((report) => this.#hear(report), () => this.#leave("internal"), { more: { looks: true } });
    this.#viewer?.send({ type: "desk", port: port2 }, [port2]);
    this.#engine?.send({ type: "viewer", port: port1 }, [port1]);
  }

  /** @param {string} [likely] what most likely came of it */
  #askOutcome(likely) {
    askOutcome(({ result, text }) => {
      this.#engine?.send({ type: "outcome", result, text });
      // The log has it first, unless the network is slow: the end does not wait for that.
      this.#ending = setTimeout(() => this.#end(), OUTCOME_MILLIS);
    }, likely);
  }

  /** Somebody else ended the session: nothing of it stays, and what came of it is asked before this document goes. @param {string} code */
  #ended(code) {
    // Whoever was taken back leaves nothing in the log.
    if (!ASKED_AFTER.includes(code)) return this.#leave(code);
    this.#viewer?.stop();
    this.#engine?.send({ type: "over" });
    this.#around?.ended(code);
    this.#blank();
    this.#screen?.forget?.();
    this.#screen = null;
    this.#name = "ended";
    removeEventListener("beforeunload", ask);
    this.#agent = null;
    for (const id of ["case-shown", "hand-over"]) byId(id).hidden = true;
    // What was said aloud had titles in it.
    for (const id of ["case-shown", "polite", "assertive"]) say(byId(id), "");
    document.title = t("title.agent");
    document.documentElement.dataset.screen = "ended";
    this.#over = code;
    // Said already, and on its way into the log: the end was only quicker.
    if (this.#ending) return;
    setTimeout(() => this.#leave(code), ASKING_MILLIS);
    this.#askAfter();
  }

  #askAfter() {
    askOutcomeAfter(byId("main"), this.#over, (said) => {
      if (!said) return this.#leave(this.#over);
      this.#engine?.send({ type: "outcome", ...said });
      this.#ending = setTimeout(() => this.#end(), OUTCOME_MILLIS);
    });
  }

  /** Ends the session, once what came of it was said. */
  #end() {
    if (!this.#ending) return;
    clearTimeout(this.#ending);
    this.#ending = 0;
    if (this.#over) return this.#leave(this.#over);
    this.#said = true;
    this.#viewer?.send({ type: "end" });
  }

  /** Tells that somebody is still there; not at every touch. */
  #touch() {
    if (performance.now() - this.#touched < TOUCH_MILLIS) return;
    this.#touched = performance.now();
    // A session has an end of its own for whoever is not there.
    this.#send({ type: this.#name === "session" ? "touched" : "present" });
  }

  /** @param {Report} report */
  #hear(report) {
    if (report.kind === "alive") return;
    this.#around?.hears(report);
    if (report.kind === "noted") return this.#end();
    if (report.kind === "begin") return this.#begin();
    // What is still on its way of a look that is over goes nowhere.
    if (this.#over) return;
    if (report.kind === "snapshot") return this.#show(report.snapshot);
    if (report.kind === "bytes" || report.kind === "view") {
      if (report.unit !== this.#opened[0]?.unit || report.offset === 0) this.#opened = [];
      this.#opened.push(report);
    }
    this.#screen?.hear?.(report);
  }

  /** @param {Snapshot} snapshot */
  #show(snapshot) {
    byId("loading").hidden = true;
    if (this.#around && !this.#around.shows(snapshot)) return;
    if (snapshot.screen === "over") {
      if (snapshot.over.session) return this.#said ? this.#leave(snapshot.over.code) : this.#ended(snapshot.over.code);
      // Nothing was lent: back to the desk, where the case still stands.
      this.#failure = this.#cancelled ? null : snapshot.over.code;
      this.#cancelled = false;
      return this.#send({ type: "desk" });
    }
    if (snapshot.screen === "ending") return this.#blank();
    // Signed out, or back at the case: nothing of a look is left.
    if (snapshot.agent && snapshot.agent.stage !== "looking") this.#viewer?.stop();
    if (snapshot.agent) this.#agent = snapshot.agent;
    if (snapshot.agent?.leave && this.#back) location.assign(`${snapshot.agent.leave}&redirect_uri=${encodeURIComponent(location.origin + this.#back)}`);
    // The viewer draws itself from here on, below what is known of the case.
    if (snapshot.agent?.stage === "looking") return;
    this.#last = snapshot;
    if (!snapshot.session?.record) this.#opened = [];
    if (snapshot.screen !== this.#name) this.#change(snapshot.screen);
    document.documentElement.dataset.screen = snapshot.screen;
    document.documentElement.dataset.stage = snapshot.agent?.stage ?? "looking";
    this.#drawWho();
    this.#screen.draw({ ...snapshot, failure: this.#failure });
    const heard = snapshot.announcement;
    // The portal counts its own, the viewer as well.
    const said = heard ? `${Boolean(snapshot.agent)}${heard.number}` : "";
    if (heard && said !== this.#spoken) {
      this.#spoken = said;
      say(byId(heard.urgent ? "assertive" : "polite"), t(heard.key, heard.values));
    }
  }

  /** Who is at this desk, and for which case. */
  #drawWho() {
    const { name = "", organisation = "" } = this.#agent ?? {};
    byId("who").hidden = !name;
    say(byId("who-name"), name ? t("agent.who", { name, organisation }) : "");
    const looking = this.#name !== "agent" && this.#name !== "ledger";
    byId("back").hidden = this.#name !== "enter" && this.#name !== "ledger";
    byId("case-shown").hidden = !looking;
    say(byId("case-shown"), looking ? t("agent.case.shown", { case: this.#case.case, reason: this.#case.reason }) : "");
    byId("hand-over").hidden = this.#name !== "session";
    byId("sign-out").hidden = looking;
  }

  get #case() {
    return { case: this.#agent?.case ?? "", reason: this.#agent?.reason ?? "" };
  }

  /** @param {string} name */
  #change(name) {
    const main = byId("main");
    if (this.#screen instanceof Enter) this.#screen.close();
    main.querySelector(".screen:not(#enter)")?.remove();
    this.#screen = name === "enter" ? new Enter(this.#send) : new SCREENS[/** @type {keyof typeof SCREENS} */ (name)](main, this.#send, this.#around);
    byId("enter").hidden = name !== "enter";
    document.title = t(has(`title.agent.${name}`) ? `title.agent.${name}` : "title.agent");
    (name === "session" ? addEventListener : removeEventListener)("beforeunload", ask);
    const moved = this.#name !== name && this.#name !== "";
    this.#name = name;
    if (moved && (!this.#around || document.hasFocus())) this.#screen.focus();
  }

  /** A value that is copied out of a record takes along where it is from. @param {ClipboardEvent} event */
  #copied(event) {
    const record = this.#last?.session?.record;
    const selection = String(getSelection() ?? "");
    const inside = event.target instanceof Element && event.target.closest(".record-pane, .content");
    if (!record || !selection.trim() || !inside) return;
    event.preventDefault();
    const from = t("agent.copied", { title: record.title, owner: this.#last?.session.owner, case: this.#case.case });
    const less = record.withheld > 0 ? `\n${t("record.withheld.long", { count: record.withheld })}` : "";
    event.clipboardData?.setData("text/plain", `${selection}\n${from}${less}`);
    say(byId("polite"), t("agent.copied.said"));
  }

  #redraw() {
    document.documentElement.lang = chosen();
    keeping(byId("main"), () => {
      if (this.#over) return this.#askAfter();
      if (!this.#last) return;
      const opened = this.#opened;
      this.#change(this.#last.screen);
      this.#show(this.#last);
      for (const report of opened) this.#screen.hear?.(report);
    });
  }

  /** The person ended it: nothing is shown any more while the server is told. */
  #blank() {
    this.#opened = [];
    this.#last = null;
    fill(byId("main"), h("section", { class: "screen narrow" }, h("p", { role: "status" }, t("session.ending"))));
  }

  #wipe() {
    this.#viewer?.stop();
    this.#engine?.stop();
    this.#last = null;
    this.#opened = [];
    // What it drew goes, and not only from the screen.
    this.#screen?.forget?.();
    this.#screen = this.#agent = null;
    document.body.replaceChildren();
  }

  /** The end: nothing that was lent stays in this document, and another takes its place. @param {string} code */
  #leave(code) {
    if (this.#left) return;
    this.#left = true;
    removeEventListener("beforeunload", ask);
    this.#wipe();
    if (this.#around) return this.#around.over(code);
    void leave(code, `${chosen()};agent`);
  }

  /** The page cannot be used at all. @param {string} code */
  #refuse(code) {
    byId("loading").hidden = true;
    this.#around?.failed(code);
    document.documentElement.dataset.screen = "refused";
    const known = has(`error.${code}`);
    const text = known ? [t(`error.${code}`), t(`error.${code}.next`)] : ["This page cannot be used here.", "Reload it, or use a current Firefox, Chrome, Edge or Safari."];
    const again = h("button", { class: "primary", type: "button", onclick: () => location.reload() }, has("reload") ? t("reload") : "Reload");
    fill(byId("main"), h("section", { class: "screen narrow" }, h("div", { class: "notice bad", role: "alert" }, h("h1", {}, text[0]), h("p", {}, text[1]), again)));
  }
}

/** @returns {boolean} */
function able() {
  return isSecureContext && typeof WebAssembly === "object" && typeof Worker === "function" && typeof indexedDB === "object";
}

/** @param {BeforeUnloadEvent} event */
function ask(event) {
  event.preventDefault();
}

// Other pages say what stands around theirs.
if (document.body.dataset.around === undefined) void new Page().start();
