// The window in which an agent signs in for a frame of this origin in somebody else's console. The frame gets a key that it can
// use and nobody can read, from Worker to Worker; then the window closes.

import { byId, say } from "../dom.js";
import { t } from "../text.js";
import { Page } from "./app.js";

class SignIn {
  setting = {};
  back = "/agent/sign-in";
  prefill = { case: "", reason: "" };
  #page = new Page(this);
  /** Whether there is a frame to hand over to. */
  #asked = false;
  #console = "";
  #ready = false;

  constructor() {
    addEventListener("message", (event) => this.#hear(event));
  }

  async start() {
    await this.#page.start();
    // To a frame of this very origin, or to nobody.
    opener?.postMessage({ type: "window" }, location.origin);
    this.#draw();
  }

  /** @param {MessageEvent} event */
  #hear({ source, origin, data, ports: [port] }) {
    if (!opener || source !== opener || origin !== location.origin || data?.type !== "frame" || !port) return;
    this.#asked = true;
    this.#page.give(port);
    this.#console = String(data.console);
    this.#draw();
    this.#go();
  }

  #draw() {
    say(byId("for"), this.#asked ? t("agent.embed.for", { console: this.#console }) : t("agent.embed.nobody"));
  }

  #go() {
    if (this.#asked && this.#ready) this.#page.handOver();
  }

  signIn() {
    return [];
  }

  /** Nothing is looked at here. */
  holds(/** @type {{ type: string }} */ { type }) {
    return type === "look" || type === "submit";
  }

  /** @param {Record<string, any>} snapshot */
  shows({ agent }) {
    this.#ready = agent?.stage === "ready";
    // Perhaps in another language.
    if (byId("for").textContent) this.#draw();
    this.#go();
    return true;
  }

  /** @param {import("../engine.js").Report} report */
  hears({ kind }) {
    if (kind === "handed") close();
  }

  ended() {}

  over() {
    close();
  }

  failed() {}
}

void new SignIn().start();
