// The portal in a frame of somebody else's console. The console is told when a session begins and ends, and nothing else; the
// agent signs in, in a window of this origin, which the console cannot see into.

import { byId, fill, h, say } from "../dom.js";
import { choose, chosen, has, languages, preferred, t } from "../text.js";
import { Page } from "./app.js";
import { read, VERSION } from "./contract.js";
import { Seen } from "./seen.js";

/** @typedef {import("../engine.js").Intent} Intent */

/** A console that says more than this says nothing that anybody needs. */
const MOST_MESSAGES = 200;
/** What the frame asks for in pixels: at least, at most, and all through a session, whatever is on the screen. */
const HEIGHT = { least: 320, most: 2_000, session: 720 };

class Frame {
  setting = { framed: true };
  prefill = { case: "", reason: "" };
  /** Whom this page may answer, as its own policy says. @type {string[]} */
  #consoles;
  /** The origin of the page around, once it has said hello. */
  #console = "";
  #heard = 0;
  #live = false;
  #height = 0;
  /** @type {Window | null} */
  #window = null;
  /** What stands above the desk, and in which language. */
  #told = "";
  #toldIn = "";
  #seen = new Seen();
  #page = new Page(this);

  /** @param {string[]} consoles @param {MessageEvent[]} early what was said before they were known */
  constructor(consoles, early) {
    this.#consoles = consoles;
    for (const event of early) this.#hear(event);
    addEventListener("message", (event) => this.#hear(event));
    new ResizeObserver(() => this.#measure()).observe(document.body);
  }

  async start() {
    // The document before this one ended a session.
    const code = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    await this.#page.start();
    if (/^[a-z-]+$/.test(code) && has(`error.${code}`)) this.#tell(code);
  }

  /** @param {MessageEvent} event */
  #hear(event) {
    if (this.#window && event.source === this.#window) {
      if (event.origin === location.origin) this.#welcome(event.data);
      return;
    }
    if (event.source !== parent || !this.#consoles.includes(event.origin)) return;
    this.#heard += 1;
    if (this.#heard > MOST_MESSAGES) return;
    const said = read(event.data);
    if (said?.type === "hello") {
      this.#console = event.origin;
      if (said.version !== VERSION) return this.#say("error", { code: "unsupported-version" });
      this.#say("ready");
      this.#height = 0;
      this.#measure();
    } else if (said && this.#console === event.origin) {
      void this.#configure(said);
    }
  }

  /** To the console, and to nobody who has taken its place. @param {string} type @param {Record<string, unknown>} [more] */
  #say(type, more = {}) {
    if (this.#console) parent.postMessage({ glimpse: VERSION, type, ...more }, this.#console);
  }

  /** @param {import("./contract.js").Configure} wish */
  async #configure({ language, theme, ...fields }) {
    if (theme) document.documentElement.dataset.theme = theme;
    const before = { ...this.prefill };
    Object.assign(this.prefill, fields);
    if (language && languages().includes(language) && language !== chosen()) {
      /** @type {HTMLSelectElement} */ (byId("language")).value = language;
      await this.#page.renew();
    }
    // What the agent typed stays.
    for (const name of /** @type {("case" | "reason")[]} */ (["case", "reason"])) {
      const field = /** @type {HTMLInputElement | null} */ (document.getElementById(name));
      if (field && (!field.value || field.value === before[name])) field.value = this.prefill[name];
    }
  }

  /** How high the frame would be. Not while records are on the screen: their length says something of them. */
  #measure() {
    const own = Math.ceil(document.body.getBoundingClientRect().height);
    const height = this.#live ? HEIGHT.session : Math.min(Math.max(own, HEIGHT.least), HEIGHT.most);
    if (height === this.#height) return;
    this.#height = height;
    this.#say("resize", { height });
  }

  /** What the desk shows in place of signing in. */
  signIn() {
    const go = h("button", { type: "button", class: "primary", "data-first": true, onclick: () => this.#open() }, t("agent.embed.sign-in"));
    return [h("p", {}, t("agent.embed.how")), go, h("p", { class: "hint" }, t("agent.embed.why"))];
  }

  #open() {
    this.#window?.close();
    // Without a name, which the page around could look it up by.
    this.#window = open(new URL("sign-in", location.href), "", "popup,width=520,height=720");
    if (this.#window) return;
    this.#tell("agent.embed.blocked");
    this.#say("error", { code: "window-blocked" });
  }

  /** The window has come up: it gets a port to this frame's Worker, and hears which console it is for. @param {unknown} data */
  #welcome(data) {
    // The window says for which console it signs in: nothing is handed over for one that has not said hello.
    if (/** @type {any} */ (data)?.type !== "window" || !this.#console) return;
    const { port1, port2 } = new MessageChannel();
    this.#page.give(port1);
    this.#window?.postMessage({ type: "frame", console: this.#console }, location.origin, [port2]);
  }

  /** A case and a code go out only from what could be seen. @param {Intent} intent @param {() => void} go */
  holds({ type }, go) {
    if (type !== "look" && type !== "submit") return false;
    void this.#seen.now().then((clear) => {
      if (clear) return go();
      this.#tell("agent.embed.unseen");
      this.#say("error", { code: "frame-unseen" });
    });
    return true;
  }

  /** @param {Record<string, any>} snapshot */
  shows({ screen, agent, over }) {
    if (screen === "session" && !this.#live) {
      this.#live = true;
      this.#say("session-started");
      this.#measure();
    }
    if (screen === "over" && !over.session) this.#say("error", { code: over.code });
    requestAnimationFrame(() => this.#seen.watch());
    if (screen !== "agent" || agent.stage === "signing-in") byId("told").hidden = true;
    // In another language.
    else if (!byId("told").hidden && this.#toldIn !== chosen()) this.#tell(this.#told);
    return true;
  }

  hears() {}

  /** @param {string} code */
  ended(code) {
    if (this.#live) this.#say("session-ended", { code });
    this.#live = false;
  }

  /** @param {string} code */
  over(code) {
    this.ended(code);
    // Another document takes this one's place, in the same place of the history.
    history.replaceState(null, "", `#${code}`);
    location.reload();
  }

  /** @param {string} code */
  failed(code) {
    this.#say("error", { code });
  }

  /** @param {string} problem a code, or a key of the catalogue */
  #tell(problem) {
    const key = has(problem) ? problem : `error.${problem}`;
    [this.#told, this.#toldIn] = [problem, chosen()];
    document.documentElement.dataset.reason = problem;
    byId("told").hidden = false;
    fill(byId("told"), h("strong", {}, t(key)), " ", t(`${key}.next`));
  }
}

/** The consoles that this page's policy names. @returns {Promise<string[]>} */
async function consoles() {
  const { headers } = await fetch(location.pathname, { method: "HEAD", cache: "no-store" });
  const policy = headers.get("content-security-policy") ?? "";
  const [, ...listed] = policy.split(";").map((each) => each.trim().split(/\s+/)).find(([name]) => name === "frame-ancestors") ?? [];
  return listed.filter((each) => URL.canParse(each) && new URL(each).origin === each);
}

async function begin() {
  /** @type {MessageEvent[]} */
  const early = [];
  const keep = (/** @type {MessageEvent} */ event) => void (early.length < MOST_MESSAGES && early.push(event));
  // A console says hello as soon as this document is there.
  addEventListener("message", keep);
  const listed = await consoles().catch(() => []);
  removeEventListener("message", keep);
  if (parent !== window && listed.length > 0) return new Frame(listed, early).start();
  // Nobody frames it, or whoever serves it lets everybody do so.
  byId("stuck").remove();
  byId("loading").hidden = true;
  byId("language").hidden = true;
  await choose(preferred()).catch(() => {});
  say(byId("alone"), t("agent.embed.alone"));
  byId("alone").hidden = false;
}

void begin();
