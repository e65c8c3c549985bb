// A new record: a text, a file, a photo.

import { fill, h, say } from "../../dom.js";
import { number, size, t } from "../../text.js";
import { field } from "./gate.js";

export class Screen {
  #send;
  #heading = h("h1", { tabIndex: -1 });
  #go = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", class: "primary wide", id: "add-go" }));
  #bar = h("progress", { max: 1, hidden: true });
  #wrong = h("p", { class: "field-error", role: "alert" });
  #title;
  #text;
  #never;
  #sensitive;
  #chosen = h("p", { class: "hint" });
  /** @type {File | null} */
  #file = null;
  element = h("section", { class: "screen narrow" });

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    say(this.#heading, t("add.title"));
    this.#title = field("title", "text", "add.name", { maxLength: 200, autocomplete: "off" });
    this.#text = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "text", rows: 5, spellcheck: false, autocomplete: "off" }));
    const file = this.#picker("file", "add.file", {});
    const photo = this.#picker("photo", "add.photo", { accept: "image/*", capture: "environment" });
    this.#never = tick("never", "add.never");
    this.#sensitive = tick("sensitive", "add.sensitive");
    // Without it a browser writes what stands in a form to its own disk, to bring it back after a crash.
    const form = h("form", { class: "card-form", noValidate: true, autocomplete: "off" }, ...this.#title.all, h("label", { for: "text" }, t("add.text")), this.#text, h("p", { class: "hint" }, t("add.or")), h("div", { class: "choices" }, file, photo), this.#chosen, this.#never.all, this.#sensitive.all, this.#wrong, this.#bar, this.#go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keep();
    });
    fill(this.element, this.#heading, form);
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw({ busy }) {
    const adding = busy?.what === "adding";
    this.#go.disabled = Boolean(busy);
    this.#bar.hidden = !adding || !busy.total;
    if (adding && busy.total) Reflect.set(this.#bar, "value", busy.done / busy.total);
    const part = adding && busy.total ? ` ${number(busy.done / busy.total, { style: "percent" })}` : "";
    say(this.#go, busy ? t(`busy.${busy.what}`) + part : t("add.go"));
  }

  #keep() {
    const text = this.#text.value;
    const title = this.#title.input.value.trim();
    const file = this.#file ?? new Blob([text], { type: "text/plain" });
    if (!this.#file && !text.trim()) {
      say(this.#wrong, t("add.nothing"));
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
    };
    this.#send({ type: "add", told, file });
  }

  /** A button that opens the browser's own picker. @param {string} id @param {string} label @param {Record<string, unknown>} more */
  #picker(id, label, more) {
    const input = /** @type {HTMLInputElement} */ (h("input", { id, type: "file", class: "hidden", tabIndex: -1, "aria-hidden": "true", ...more }));
    input.addEventListener("change", () => {
      this.#file = input.files?.[0] ?? null;
      say(this.#chosen, this.#file ? t("add.chosen", { name: this.#file.name, size: size(this.#file.size) }) : "");
    });
    return h("span", {}, input, h("button", { type: "button", class: "plain", onclick: () => input.click() }, t(label)));
  }
}

/** A tick box with its label. @param {string} id @param {string} label */
function tick(id, label) {
  const input = /** @type {HTMLInputElement} */ (h("input", { id, type: "checkbox" }));
  return { input, all: h("label", { class: "tick-line" }, input, h("span", {}, t(label))) };
}
