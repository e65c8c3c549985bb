// Fields that are withheld: a row for each ticked record that has any, and what stands in one with a box each.

import { fill, h, say } from "../../dom.js";
import { t } from "../../text.js";
import { button } from "../linking.js";
import { troubleText } from "../words.js";

/** @typedef {import("../app.js").Send} Send */

export class Fields {
  #send;
  #rows = h("ul", { class: "withhold-rows" });
  #hint = h("p", { class: "hint" });
  #panel = h("div", { class: "withhold-panel", hidden: true });
  #key = "";
  #open = "";
  element = h("section", { class: "withhold", "aria-labelledby": "withhold-title", hidden: true });

  /** @param {Send} send */
  constructor(send) {
    this.#send = send;
    fill(this.element, h("h2", { id: "withhold-title" }, t("withhold.title")), this.#hint, this.#rows, this.#panel);
  }

  /** @param {Record<string, any> | null} withholding */
  draw(withholding) {
    const key = JSON.stringify(withholding);
    if (key === this.#key) return;
    this.#key = key;
    const { records, many, plain, open } = withholding ?? { records: [], many: false, plain: false, open: null };
    this.element.hidden = records.length === 0 && !plain && !many;
    say(this.#hint, many ? t("withhold.many") : records.length === 0 ? t("withhold.plain") : [t("withhold.lead"), plain && t("withhold.plain")].filter(Boolean).join(" "));
    this.#rows.hidden = records.length === 0;
    const focused = document.activeElement instanceof HTMLElement && this.#rows.contains(document.activeElement) ? document.activeElement.dataset.unit : null;
    fill(this.#rows, ...records.map((/** @type {Record<string, any>} */ record) => this.#row(record, open?.unit === record.unit)));
    if (focused) this.#focus(focused);
    this.#drawPanel(open);
  }

  /** @param {string} unit */
  #focus(unit) {
    for (const each of this.#rows.querySelectorAll("button")) if (each.dataset.unit === unit) each.focus();
  }

  /** @param {Record<string, any>} record @param {boolean} open */
  #row({ unit, title, withheld, changed }, open) {
    const show = h("button", { type: "button", class: "plain small", "aria-expanded": String(open), "aria-controls": "withhold-panel", onclick: () => this.#send(open ? { type: "fields", act: "done" } : { type: "fields", act: "show", unit }) }, t("withhold.choose"));
    show.dataset.unit = unit;
    show.setAttribute("aria-label", t("withhold.choose.of", { title: title || t("record.untitled") }));
    const count = h("span", { class: changed ? "note bad" : withheld > 0 ? "note" : "note calm" }, changed ? t("withhold.changed") : withheld > 0 ? t("record.withheld", { count: withheld }) : t("withhold.none"));
    return h("li", {}, h("span", { class: "row-title" }, h("bdi", {}, title || t("record.untitled"))), count, show);
  }

  /** @param {Record<string, any> | null} open */
  #drawPanel(open) {
    this.#panel.id = "withhold-panel";
    this.#panel.hidden = !open;
    if (!open) {
      const before = this.#open;
      this.#open = "";
      fill(this.#panel);
      // Whoever closed it goes on where it was opened.
      if (before) this.#focus(before);
      return;
    }
    if (open.looking) return fill(this.#panel, h("p", { role: "status" }, t("withhold.looking")));
    if (open.failure) return fill(this.#panel, h("p", { class: "notice" }, ...troubleText({ key: open.failure, wait: null })), this.#done());
    const focused = document.activeElement instanceof HTMLInputElement && this.#panel.contains(document.activeElement) ? document.activeElement.value : null;
    const boxes = open.fields.map((/** @type {Record<string, any>} */ field) => this.#box(open.unit, field));
    const set = h("fieldset", open.changed ? { class: "fields-to-withhold", "aria-describedby": "withhold-renewed" } : { class: "fields-to-withhold" }, h("legend", {}, t("withhold.of", { title: open.title || t("record.untitled") })), ...boxes);
    const scrolled = this.#panel.querySelector("fieldset")?.scrollTop ?? 0;
    fill(this.#panel, open.changed && h("p", { class: "notice warn", id: "withhold-renewed" }, t("withhold.renewed")), set, open.more && h("p", { class: "hint" }, t("withhold.more")), this.#done());
    set.scrollTop = scrolled;
    const fresh = this.#open !== open.unit;
    this.#open = open.unit;
    for (const box of set.querySelectorAll("input")) if (fresh ? !box.disabled : box.value === focused) return box.focus();
  }

  #done() {
    return button("withhold-done", "plain", "withhold.done", () => this.#send({ type: "fields", act: "done" }));
  }

  /** @param {string} unit @param {Record<string, any>} field */
  #box(unit, { pointer, steps, withheld, inside }) {
    const box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", value: pointer, checked: withheld, disabled: inside }));
    box.addEventListener("change", () => this.#send({ type: "fields", act: "withhold", unit, pointer, withheld: box.checked }));
    const names = steps.flatMap((/** @type {string} */ step, /** @type {number} */ at) => [at > 0 && " › ", step ? h("bdi", {}, step) : t("withhold.each")]);
    return h("label", { class: "tick-line" }, box, h("span", {}, ...names));
  }
}
