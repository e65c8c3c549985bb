// The list of records. Only the rows in sight are elements; the Worker searches, filters and sends what is in the window.

import { fill, h } from "../dom.js";
import { parts, t } from "../text.js";
import { icon } from "./icons.js";
import { brief } from "./kinds.js";

/** Height of a row, as the style sheet has it: in what the root's text is high, which whoever sees little makes larger. */
const ROW_REM = 4;
/** Rows drawn beyond the edge, so that scrolling does not show gaps. */
const BEYOND = 24;

export class List {
  #send;
  #rows = h("div", { class: "rows" });
  /** What scrolls, and what has the focus: the active row is named by `aria-activedescendant`. */
  element = h("div", { class: "records", id: "records", role: "listbox", tabIndex: 0, "aria-label": t("session.records") }, this.#rows);
  #active = 0;
  /** Height of a row in CSS pixels. */
  #height = ROW_REM * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  /** @type {Record<string, any>} */
  #list = { revision: -1, matching: 0, first: 0, rows: [] };
  /** @type {string | null} */
  #open = null;
  #asked = "";
  /** Whether rows are ticked here, and not opened. */
  #choosing;

  /** @param {import("./session.js").Send} send @param {{ choosing?: boolean }} [use] */
  constructor(send, { choosing = false } = {}) {
    this.#send = send;
    this.#choosing = choosing;
    this.element.addEventListener("scroll", () => this.#window(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("focus", () => this.#mark());
    new ResizeObserver(() => this.#window()).observe(this.element);
  }

  focus() {
    this.element.focus();
  }

  /** Lets go of the rows. */
  forget() {
    this.#list = { revision: -1, matching: 0, first: 0, rows: [] };
    fill(this.#rows);
  }

  /** @param {Record<string, any>} list @param {string | null} open the unit that is open */
  draw(list, open) {
    if (list.revision === this.#list.revision && list.first === this.#list.first && list.rows.length === this.#list.rows.length && open === this.#open) return;
    if (list.query !== this.#list.query || list.kind !== this.#list.kind) {
      this.#active = 0;
      this.element.scrollTop = 0;
    }
    this.#list = list;
    this.#open = open;
    // A list of options has some: with none it is a place where a sentence stands.
    this.element.setAttribute("role", list.matching > 0 ? "listbox" : "group");
    if (this.#choosing && list.matching > 0) this.element.setAttribute("aria-multiselectable", "true");
    else this.element.removeAttribute("aria-multiselectable");
    this.#rows.style.blockSize = `${list.matching * this.#height}px`;
    fill(this.#rows, ...list.rows.map((/** @type {Record<string, any>} */ row, /** @type {number} */ at) => this.#row(row, list.first + at)));
    if (list.matching === 0) fill(this.#rows, h("p", { class: "empty" }, t(list.empty ?? (list.total === 0 ? "list.waiting" : "list.nothing"))));
    this.#mark();
    this.#window();
  }

  /** @param {Record<string, any>} row @param {number} index @returns {HTMLElement} */
  #row(row, index) {
    const note = row.mark === "tampered" || row.mark === "unsigned" ? [t(`mark.${row.mark}`)] : row.author !== null ? parts(row.approved ? "record.from" : "record.from.not", { author: row.author }) : null;
    const seen = row.mark === "opened" ? t("mark.opened") : "";
    const element = h(
      "div",
      {
        class: "record-row",
        role: "option",
        id: `row-${index}`,
        "aria-selected": String(this.#choosing ? row.chosen : row.unit === this.#open),
        "aria-setsize": this.#list.matching,
        "aria-posinset": index + 1,
        onclick: () => this.#choose(index),
      },
      this.#choosing && h("span", { class: row.chosen ? "tick on" : "tick", "aria-hidden": "true" }),
      icon(row.kind),
      h("span", { class: "row-text" }, h("span", { class: "row-title", dir: "auto" }, row.title || t("record.untitled")), h("span", { class: "row-meta" }, brief(row))),
      note && h("span", { class: row.author === null ? "note bad" : row.approved ? "note calm" : "note" }, ...note),
      row.withheld > 0 && h("span", { class: "note calm" }, t("record.withheld", { count: row.withheld })),
      seen && h("span", { class: "seen", role: "img", "aria-label": seen, title: seen }),
    );
    element.style.insetBlockStart = `${index * this.#height}px`;
    return element;
  }

  /** Tells the Worker which rows are in sight. */
  #window() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.#height) - BEYOND);
    const count = Math.ceil((this.element.clientHeight || 640) / this.#height) + 2 * BEYOND;
    const wish = `${first}+${count}`;
    if (wish === this.#asked) return;
    this.#asked = wish;
    this.#send({ type: "window", first, count });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height) - 1);
    const last = this.#list.matching - 1;
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: this.#active + 1, ArrowUp: this.#active - 1, PageDown: this.#active + page, PageUp: this.#active - page, Home: 0, End: last };
    const to = moves[event.key];
    if (to !== undefined && last >= 0) {
      event.preventDefault();
      this.#active = Math.min(last, Math.max(0, to));
      this.#scrollTo(this.#active);
      this.#mark();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      // A key that is held is pressed once.
      if (!event.repeat) this.#choose(this.#active);
    }
  }

  /** @param {number} index */
  #choose(index) {
    const row = this.#list.rows[index - this.#list.first];
    if (!row) return;
    this.#active = index;
    this.#send(this.#choosing ? { type: "choose", unit: row.unit, chosen: !row.chosen } : { type: "open", unit: row.unit });
  }

  /** @param {number} index */
  #scrollTo(index) {
    const { scrollTop, clientHeight } = this.element;
    if (index * this.#height < scrollTop) this.element.scrollTop = index * this.#height;
    else if ((index + 1) * this.#height > scrollTop + clientHeight) this.element.scrollTop = (index + 1) * this.#height - clientHeight;
  }

  #mark() {
    for (const row of this.#rows.querySelectorAll(".active")) row.classList.remove("active");
    const row = this.#rows.querySelector(`#row-${this.#active}`);
    row?.classList.add("active");
    if (row) this.element.setAttribute("aria-activedescendant", row.id);
    else this.element.removeAttribute("aria-activedescendant");
  }
}
