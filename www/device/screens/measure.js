// A measurement that is typed: a record of its own, or one more value of the record that a new version is being made of.

import { fill, h, say } from "../../dom.js";
import { number, t } from "../../text.js";
import { typedNumber } from "../typed.js";
import { field } from "./gate.js";

/** @typedef {{ name: string, fields: string[], units: { name: string, least: number, most: number }[] }} Measure */

export class Measuring {
  #send;
  /** @type {Measure[]} */
  #measures;
  #which = /** @type {HTMLSelectElement} */ (h("select", { id: "measure" }));
  #unit = /** @type {HTMLSelectElement} */ (h("select", { id: "measure-unit" }));
  #units;
  #values = h("div", { class: "as-one" });
  /** @type {HTMLInputElement[]} */
  #inputs = [];
  #title = field("measure-title", "text", "add.name", { maxLength: 200, autocomplete: "off" });
  #when = /** @type {HTMLInputElement} */ (h("input", { id: "measure-when", type: "datetime-local", required: true, autocomplete: "off", spellcheck: false }));
  #wrong = h("p", { class: "field-error", role: "alert" });
  #go = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", class: "primary wide", id: "measure-go" }));
  #puts;
  element;

  /** @param {import("../app.js").Send} send @param {{ measures: Measure[], measure: string | null, title: string }} draft */
  constructor(send, { measures, measure, title }) {
    this.#send = send;
    this.#puts = Boolean(measure);
    this.#measures = measures.filter(({ name }) => !measure || name === measure);
    fill(this.#which, ...this.#measures.map(({ name }) => h("option", { value: name }, t(`measure.${name}`))));
    this.#which.addEventListener("change", () => this.#turn());
    this.#when.value = local(new Date());
    const label = (/** @type {string} */ id, /** @type {string} */ key) => h("label", { for: id }, t(key));
    this.#units = h("div", { class: "as-one" }, label("measure-unit", "measure.unit"), this.#unit);
    const head = this.#puts ? [h("p", { class: "hint" }, t("measure.put.hint", { title }))] : [label("measure", "measure.which"), this.#which];
    const named = this.#puts ? [] : this.#title.all;
    const form = h("form", { class: "card-form", noValidate: true, autocomplete: "off" }, ...head, this.#values, this.#units, label("measure-when", "measure.when"), this.#when, ...named, this.#wrong, this.#go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keep();
    });
    this.element = form;
    this.#turn();
    this.busy("");
  }

  /** @param {string} what is under way; empty for nothing */
  busy(what) {
    this.#go.disabled = Boolean(what);
    say(this.#go, what || t(this.#puts ? "measure.put" : "measure.go"));
  }

  /** Whether a number stands there. */
  holds() {
    return this.#inputs.some((input) => Boolean(input.value));
  }

  get #measure() {
    return this.#measures.find(({ name }) => name === this.#which.value) ?? this.#measures[0];
  }

  get #limits() {
    return this.#measure.units.find(({ name }) => name === this.#unit.value) ?? this.#measure.units[0];
  }

  #turn() {
    const { name, fields, units } = this.#measure;
    this.#title.input.value = t(`measure.${name}`);
    fill(this.#unit, ...units.map((unit) => h("option", { value: unit.name }, t(`measure.unit.${unit.name}`))));
    // One unit is no choice: it stands beside what is asked for.
    this.#units.hidden = units.length < 2;
    const unit = units.length < 2 ? ` (${t(`measure.unit.${units[0].name}`)})` : "";
    // No field of the browser's for numbers: of `5,6` it makes 56 where it expects a full stop, and a wheel turns what is typed.
    const made = fields.map((each) => field(`measure-${each}`, "text", fields.length > 1 ? `measure.field.${each}` : `measure.${name}`, { autocomplete: "off", inputMode: "decimal" }));
    this.#inputs = made.map(({ input }) => input);
    for (const { all } of made) all[0].append(unit);
    fill(this.#values, ...made.flatMap(({ all }) => all));
  }

  #keep() {
    const { least, most } = this.#limits;
    const values = [];
    for (const input of this.#inputs) {
      const value = typedNumber(input.value);
      values.push(String(value));
      if (value >= least && value <= most) continue;
      say(this.#wrong, Number.isNaN(value) ? t("measure.missing") : t("measure.between", { least: number(least), most: number(most) }));
      return input.focus();
    }
    const at = new Date(this.#when.value);
    if (Number.isNaN(at.getTime())) return this.#when.focus();
    say(this.#wrong, "");
    const measured = { measure: this.#measure.name, unit: this.#limits.name, values, at: `${local(at)}:00${offset(at)}` };
    this.#send({ type: "measure", title: this.#title.input.value.trim() || t(`measure.${this.#measure.name}`), measured });
  }
}

const two = (/** @type {number} */ each) => String(each).padStart(2, "0");

/** Date and time on this device's clock, to the minute. @param {Date} at */
const local = (at) => `${String(at.getFullYear()).padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;

/** How far this device's clock is from UTC. @param {Date} at */
function offset(at) {
  const minutes = -at.getTimezoneOffset();
  const part = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(part / 60))}:${two(part % 60)}`;
}
