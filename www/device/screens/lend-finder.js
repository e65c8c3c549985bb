// Finding what is to be lent: by title, by kind and by days.

import { h } from "../../dom.js";
import { t } from "../../text.js";
import { Finder } from "../../screens/finder.js";

export class LendFinder {
  #send;
  #finder;
  /** @type {HTMLInputElement} */
  #from;
  /** @type {HTMLInputElement} */
  #to;
  #drawn = false;
  element;

  /**
   * @param {import("../app.js").Send} send
   * @param {import("../../screens/list.js").List} list
   * @param {HTMLElement} [beside] what is done with all that was found
   */
  constructor(send, list, beside) {
    this.#send = send;
    this.#finder = new Finder(send, list);
    const day = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (h("input", { id, type: "date", autocomplete: "off", spellcheck: false, onchange: () => this.#between() }));
    [this.#from, this.#to] = [day("day-from"), day("day-to")];
    const labelled = (/** @type {HTMLInputElement} */ input, /** @type {string} */ key) => h("label", {}, h("span", {}, t(key)), input);
    const days = h("div", { class: "days" }, labelled(this.#from, "lend.day.from"), labelled(this.#to, "lend.day.to"));
    this.element = h("div", {}, this.#finder.element, h("div", { class: "finder sieve" }, days, beside ?? false));
  }

  focus() {
    this.#finder.focus();
  }

  /** @param {Record<string, any>} list */
  draw(list) {
    const { from, to } = list;
    this.#finder.draw(list);
    if (!this.#drawn) [this.#from.value, this.#to.value] = [dayOf(from), dayOf(to)];
    this.#drawn = true;
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
