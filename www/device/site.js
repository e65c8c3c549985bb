// The page that the screen with a code names, where that is not the server's own.

import { h } from "../dom.js";
import { t } from "../text.js";
import { field } from "./screens/gate.js";

/** The page that the server has itself. */
export const serversOwn = () => document.querySelector('meta[name="glimpse-server"]')?.getAttribute("content") ?? location.origin;

export class Site {
  #site = field("set-site", "url", "set.page", { autocomplete: "off", maxLength: 300 });
  #kept = "";
  #drawn = false;
  element;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    const input = this.#site.input;
    Object.assign(input, { dir: "ltr", spellcheck: false, placeholder: "look.example", translate: false });
    const go = h("button", { type: "submit", class: "plain wide", id: "site-go" }, t("set.page.go"));
    this.element = h("form", { class: "plain-form", noValidate: true }, ...this.#site.all, h("p", { class: "hint" }, t("set.page.hint")), go);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      send({ type: "set-site", site: input.value });
    });
  }

  /** @param {string} site the one that is kept; empty for the server's own */
  draw(site) {
    // What is being typed is left alone.
    if (this.#drawn && site === this.#kept) return;
    this.#drawn = true;
    this.#kept = site;
    this.#site.input.value = site;
  }
}
