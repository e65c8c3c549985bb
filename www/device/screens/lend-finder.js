// Finding what is to be lent: by title, by kind and by days.

import { h } from "../../dom.js";
import { t } from "../../text.js";
import { drawKinds } from "../../screens/kinds.js";

export class Finder {
  #send;
  #search;
  #kind = /** @type {HTMLSelectElement} */ (h("select", { id: "kind" }));
  /** @type {HTMLInputElement} */
  #from;
  /** @type {HTMLInputElement} */
  #to;
  #drawn = false;
  element;

  /** @param {import("../app.js").Send} send @param {HTMLElement} [beside] what is done with all that was found */
  constructor(send, beside) {
    this.#send = send;
    this.#search = /** @type {HTMLInputElement} */ (h("input", { id: "search", type: "search", autocomplete: "off", spellcheck: false, placeholder: t("session.search"), "aria-label": t("session.search"), "aria-controls": "records" }));
    this.#search.addEventListener("input", () => send({ type: "search", text: this.#search.value }));
    this.#kind.setAttribute("aria-label", t("session.kind"));
    this.#kind.addEventListener("change", () => send({ type: "filter", kind: this.#kind.value }));
    const day = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (h("input", { id, type: "date", autocomplete: "off", spellcheck: false, onchange: () => this.#between() }));
    [this.#from, this.#to] = [day("day-from"), day("day-to")];
    const labelled = (/** @type {HTMLInputElement} */ input, /** @type {string} */ key) => h("label", {}, h("span", {}, t(key)), input);
    const days = h("div", { class: "days" }, labelled(this.#from, "lend.day.from"), labelled(this.#to, "lend.day.to"));
    this.element = h("div", {}, h("div", { class: "finder" }, this.#search, this.#kind), h("div", { class: "finder sieve" }, days, beside ?? false));
  }

  focus() {
    this.#search.focus();
  }

  /** @param {Record<string, any>} list */
  draw({ query, kind, kinds, from, to }) {
    if (this.#search.value !== query && document.activeElement !== this.#search) this.#search.value = query;
    if (!this.#drawn) [this.#from.value, this.#to.value] = [dayOf(from), dayOf(to)];
    this.#drawn = true;
    drawKinds(this.#kind, { kinds, kind });
  }

  #between() {
    // Both days count, from the first moment of the one to the last of the other, where the person is.
    const next = begin(this.#to.value, 1);
    this.#send({ type: "between", from: begin(this.#from.value, 0), to: next === null ? null : Math.max(0, next - 1) });
  }
}

/** When a day begins, or the one so many days later. @param {string} day as `2026-01-31`, or empty @param {number} later @returns {number | null} */
function begin(day, later) {
  const [year, month, date] = day.split("-").map(Number);
  if (!year || !month || !date) return null;
  const moment = new Date(2000, month - 1, date + later);
  // The years before 100 cannot be given to the constructor.
  moment.setFullYear(year, month - 1, date + later);
  const at = moment.getTime();
  return Number.isNaN(at) ? null : Math.max(0, at);
}

/** @param {number | null} moment @returns {string} */
function dayOf(moment) {
  if (moment === null) return "";
  const at = new Date(moment);
  return [String(at.getFullYear()).padStart(4, "0"), ...[at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0"))].join("-");
}
