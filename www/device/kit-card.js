// The quiet offer of a recovery kit on the list of records.

import { h } from "../dom.js";
import { t } from "../text.js";

export class KitCard {
  element = h("aside", { class: "kit-card", hidden: true });
  #text = h("p", {});

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    this.element.setAttribute("aria-label", t("kit.title"));
    const go = h("button", { type: "button", class: "plain small", id: "kit-card-go", onclick: () => send({ type: "go", to: "kit" }) }, t("kit.card.go"));
    const away = h("button", { type: "button", class: "quiet small", id: "kit-card-away", onclick: () => send({ type: "kit", act: "put-away" }) }, t("kit.card.away"));
    this.element.append(this.#text, h("div", { class: "choices" }, go, away));
  }

  /** @param {{ offer: boolean, alone: boolean }} kit */
  draw({ offer, alone }) {
    this.element.hidden = !offer;
    const text = t(alone ? "kit.card.alone" : "kit.card");
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}
