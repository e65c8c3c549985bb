// A new record, or the next version of one: a text, a file, a photo, a measurement.

import { fill, h, say } from "../../dom.js";
import { number, size, t } from "../../text.js";
import { tick } from "../tick.js";
import { field } from "./gate.js";
import { Measuring } from "./measure.js";

export class Screen {
  #send;
  #heading = h("h1", { tabIndex: -1 });
  #body = h("div");
  #go = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", class: "primary wide", id: "add-go" }));
  #bar = h("progress", { max: 1, hidden: true });
  #wrong = h("p", { class: "field-error", role: "alert" });
  #title;
  #text;
  #never;
  #sensitive;
  #chosen = h("p", { class: "hint", role: "status" });
  #drop = h("button", { type: "button", class: "plain small", id: "file-drop", hidden: true });
  /** @type {File | null} */
  #file = null;
  /** What stood in the fields before anything was typed. */
  #begun = { title: "", text: "" };
  /** @type {string | null} */
  #replaces = null;
  /** @type {Measuring | null} */
  #measuring = null;
  #drawn = "";
  element = h("section", { class: "screen narrow" }, this.#heading, this.#body);

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    this.#title = field("title", "text", "add.name", { maxLength: 200, autocomplete: "off" });
    this.#text = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "text", rows: 5, spellcheck: false, autocomplete: "off" }));
    this.#never = tick("never", "add.never");
    this.#sensitive = tick("sensitive", "add.sensitive");
  }

  focus() {
    this.#heading.focus();
  }

  forget() {
    this.#text.value = this.#title.input.value = "";
  }

  holds() {
    const typed = this.#text.value !== this.#begun.text || this.#title.input.value !== this.#begun.title;
    return typed || Boolean(this.#file) || Boolean(this.#measuring?.holds());
  }

  /** @param {Record<string, any>} snapshot */
  draw({ busy, draft }) {
    const key = JSON.stringify([draft?.replaces, draft?.measure]);
    if (draft && key !== this.#drawn) {
      this.#drawn = key;
      this.#begin(draft);
    }
    const adding = busy?.what === "adding";
    this.#go.disabled = Boolean(busy);
    this.#bar.hidden = !adding || !busy.total;
    if (adding && busy.total) Reflect.set(this.#bar, "value", busy.done / busy.total);
    const part = adding && busy.total ? ` ${number(busy.done / busy.total, { style: "percent" })}` : "";
    const what = busy ? t(`busy.${busy.what}`) + part : "";
    say(this.#go, what || t("add.go"));
    this.#measuring?.busy(what);
  }

  /** @param {Record<string, any>} draft */
  #begin(draft) {
    this.#replaces = draft.replaces;
    say(this.#heading, draft.replaces ? t("add.title.of", { title: draft.title || t("record.untitled") }) : t("add.title"));
    this.#title.input.value = draft.title;
    this.#text.value = draft.text;
    this.#begun = { title: draft.title, text: draft.text };
    this.#never.input.checked = draft.neverLend;
    this.#sensitive.input.checked = draft.sensitive;
    const writing = this.#writing();
    // Not every record can take a measurement: one that is another thing is replaced by what is written or chosen.
    if (draft.replaces && !draft.measure) return fill(this.#body, h("p", { class: "lead" }, t("add.instead")), writing);
    this.#measuring = new Measuring(this.#send, draft);
    const parts = { text: writing, measure: this.#measuring.element };
    const turn = (/** @type {"text" | "measure"} */ to) => {
      for (const [name, part] of Object.entries(parts)) part.hidden = name !== to;
    };
    const first = draft.measure ? "measure" : "text";
    const ways = (draft.measure ? /** @type {const} */ (["measure", "text"]) : /** @type {const} */ (["text", "measure"])).map((way) => {
      const input = /** @type {HTMLInputElement} */ (h("input", { type: "radio", name: "what", id: `what-${way}`, checked: way === first }));
      input.addEventListener("change", () => turn(way));
      return h("label", { class: "tick-line" }, input, h("span", {}, t(`add.what.${way}`)));
    });
    turn(first);
    fill(this.#body, h("fieldset", { class: "plain-set" }, h("legend", {}, t("add.what")), ...ways), parts[first], parts[first === "text" ? "measure" : "text"]);
  }

  #writing() {
    say(this.#drop, t("add.drop"));
    const file = this.#picker("file", "add.file", {});
    const photo = this.#picker("photo", "add.photo", { accept: "image/*", capture: "environment" });
    // Without it a browser writes what stands in a form to its own disk, to bring it back after a crash.
    const form = h("form", { class: "card-form", noValidate: true, autocomplete: "off" }, ...this.#title.all, h("label", { for: "text" }, t("add.text")), this.#text, h("p", { class: "hint" }, t("add.or")), h("div", { class: "choices" }, file, photo), this.#chosen, this.#drop, this.#never.all, this.#sensitive.all, this.#wrong, this.#bar, this.#go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keep();
    });
    this.#drop.addEventListener("click", () => {
      this.#take(null);
      say(this.#wrong, "");
      // The button is gone, and with it where the focus was.
      file.querySelector("button")?.focus();
    });
    return form;
  }

  #keep() {
    const text = this.#text.value;
    const title = this.#title.input.value.trim();
    const file = this.#file ?? new Blob([text], { type: "text/plain" });
    if (!this.#file && !text.trim()) {
      say(this.#wrong, t("add.nothing"));
      return this.#text.focus();
    }
    // A file takes the place of a text that was there before, but not of one that somebody wrote meanwhile.
    if (this.#file && text.trim() && text !== this.#begun.text) {
      say(this.#wrong, t("add.both"));
      return this.#text.focus();
    }
    if (!title && !this.#file) {
      say(this.#wrong, t("add.untitled"));
      return this.#title.input.focus();
    }
    say(this.#wrong, "");
    const told = {
      title,
      fileName: this.#file?.name ?? "",
      modified: this.#file?.lastModified ?? Date.now(),
      neverLend: this.#never.input.checked,
      sensitive: this.#sensitive.input.checked,
      replaces: this.#replaces,
    };
    this.#send({ type: "add", told, file });
  }

  /** @param {File | null} file */
  #take(file) {
    this.#file = file;
    this.#drop.hidden = !file;
    say(this.#chosen, file ? t("add.chosen", { name: file.name, size: size(file.size) }) : "");
  }

  /** A button that opens the browser's own picker. @param {string} id @param {string} label @param {Record<string, unknown>} more */
  #picker(id, label, more) {
    const input = /** @type {HTMLInputElement} */ (h("input", { id, type: "file", class: "hidden", tabIndex: -1, "aria-hidden": "true", ...more }));
    input.addEventListener("change", () => {
      this.#take(input.files?.[0] ?? null);
      // The same one may be chosen once more, after it was taken away.
      input.value = "";
    });
    return h("span", {}, input, h("button", { type: "button", class: "plain", onclick: () => input.click() }, t(label)));
  }
}
