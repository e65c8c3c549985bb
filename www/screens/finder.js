// Finding records: by title, and by kind.

import { h } from "../dom.js";
import { chosen, number, t } from "../text.js";
import { kindName } from "./kinds.js";

export class Finder {
  #search;
  #kind = /** @type {HTMLSelectElement} */ (h("select", { id: "kind" }));
  /** What the list was searched for when this was drawn last. @type {string | null} */
  #query = null;
  /** What the options of kinds were drawn from. */
  #kinds = "";
  element;

  /** @param {import("./session.js").Send} send @param {import("./list.js").List} list where an arrow down leads */
  constructor(send, list) {
    this.#search = /** @type {HTMLInputElement} */ (
      h("input", { id: "search", type: "search", autocomplete: "off", spellcheck: false, placeholder: t("session.search"), "aria-label": t("session.search"), "aria-controls": "records" })
    );
    this.#search.addEventListener("input", () => send({ type: "search", text: this.#search.value }));
    this.#search.addEventListener("keydown", (event) => event.key === "ArrowDown" && !event.isComposing && (event.preventDefault(), list.focus()));
    this.#kind.setAttribute("aria-label", t("session.kind"));
    this.#kind.addEventListener("change", () => send({ type: "filter", kind: this.#kind.value }));
    this.element = h("div", { class: "finder" }, this.#search, this.#kind);
  }

  focus() {
    this.#search.focus();
  }

  /** What the list is searched for, and the kinds that there are in it. @param {Record<string, any>} list */
  draw({ query, kind, kinds }) {
    // Another search than before shows in the field, but not to who types in it: they are ahead of what comes.
    if (query !== this.#query && document.activeElement !== this.#search) this.#search.value = query;
    this.#query = query;
    const key = JSON.stringify(kinds) + chosen();
    if (key !== this.#kinds) {
      this.#kinds = key;
      const option = (/** @type {{kind: string, count: number}} */ each) => h("option", { value: each.kind }, `${kindName(each.kind)} (${number(each.count)})`);
      this.#kind.replaceChildren(h("option", { value: "" }, t("session.kind.all")), ...kinds.map(option));
    }
    this.#kind.value = kind;
  }
}
