// The warning on the list of records, while the browser may delete the keys and no recovery kit would bring them back.

import { h, say } from "../dom.js";
import { t } from "../text.js";
import { keep, keepQuietly } from "./storage.js";

export class StorageCard {
  #told = h("p", { role: "status" });
  #ask;
  /** Whether the browser keeps what is here; nothing while it has not said. @type {boolean | null} */
  #safe = null;
  #refused = false;
  element = h("aside", { class: "kit-card unsafe", id: "unsafe", hidden: true });

  /** @param {import("./app.js").Send} send @param {() => void} changed */
  constructor(send, changed) {
    this.element.setAttribute("aria-label", t("set.storage"));
    const kit = h("button", { type: "button", class: "plain small", id: "unsafe-kit", onclick: () => send({ type: "go", to: "kit" }) }, t("store.kit"));
    this.#ask = h("button", { type: "button", class: "plain small", id: "unsafe-ask", onclick: () => void this.#asks(changed) }, t("store.ask"));
    this.element.append(this.#told, h("div", { class: "choices" }, kit, this.#ask));
    // Whoever comes to the list has keys to lose: an account that was founded a moment ago, linked or brought back, or one whose
    // page was put on the home screen meanwhile, which some browsers take for a reason to keep it.
    void keepQuietly().then((safe) => ((this.#safe = safe), changed()));
  }

  /** @param {{ known: boolean, there: boolean }} kit @returns {boolean} whether it stands there */
  draw({ known, there }) {
    const shown = known && !there && this.#safe === false;
    this.element.hidden = !shown;
    say(this.#told, !shown ? "" : this.#refused ? t("store.refused") : t("store.unsafe"));
    this.#ask.hidden = this.#refused;
    return shown;
  }

  /** @param {() => void} changed */
  async #asks(changed) {
    this.#safe = await keep();
    this.#refused = !this.#safe;
    changed();
  }
}
