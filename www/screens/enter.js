// Type the code. The form is part of the static page, so that it is there before any script.

import { byId, fill, h, say } from "../dom.js";
import { chosen, t } from "../text.js";

export class Enter {
  #field = /** @type {HTMLInputElement} */ (byId("code"));
  #send;
  /** Counts the edits, so that an answer to an older one is not written over what was typed since. */
  #edit = 0;
  /** The failure that stands above the field, and in which language. */
  #told = "";
  #listening = new AbortController();
  /** An input method is at work in the field, whose text is not to be touched. */
  #composing = false;

  /** @param {(intent: import("../engine.js").Intent) => void} send */
  constructor(send) {
    this.#send = send;
    const { signal } = this.#listening;
    this.#field.addEventListener("input", () => this.#typed(), { signal });
    this.#field.addEventListener("compositionstart", () => (this.#composing = true), { signal });
    this.#field.addEventListener("compositionend", () => {
      this.#composing = false;
      this.#typed();
    }, { signal });
    byId("code-form").addEventListener("submit", (event) => this.#submit(event), { signal });
    if (this.#field.value) this.#typed();
  }

  focus() {
    this.#field.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw({ entry, failure }) {
    const field = this.#field;
    if (entry.edit === 0 && field.value) this.#typed();
    if (entry.edit === this.#edit && entry.text !== field.value && !this.#composing) {
      field.value = entry.text;
      field.setSelectionRange(entry.caret, entry.caret);
    }
    const wrong = entry.state === "mistyped";
    field.setAttribute("aria-invalid", String(wrong));
    say(byId("code-error"), wrong ? `${t("error.code-mistyped")} ${t("error.code-mistyped.next")}` : "");
    const panel = byId("failure");
    panel.hidden = !failure;
    if (!failure || this.#told === failure + chosen()) return;
    this.#told = failure + chosen();
    fill(panel, h("strong", {}, t(`error.${failure}`)), " ", t(`error.${failure}.next`));
  }

  #typed() {
    this.#edit += 1;
    const { value, selectionStart } = this.#field;
    this.#send({ type: "typed", text: value, caret: selectionStart ?? value.length, edit: this.#edit });
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    this.#send({ type: "submit", text: this.#field.value });
  }

  /** Leaves the static form as it was found. */
  close() {
    this.#listening.abort();
    this.#field.value = "";
    byId("failure").hidden = true;
  }
}
