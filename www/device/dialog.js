// Questions that say what an act means before it is done.

import { h } from "../dom.js";
import { t } from "../text.js";

/**
 * A dialog with a heading, for the caller to fill and show. It leaves the page when it is closed.
 * @param {string} title
 * @returns {HTMLDialogElement}
 */
export function titled(title) {
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "ask-dialog", "aria-labelledby": "ask-title" }, h("h2", { id: "ask-title" }, title)));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  return dialog;
}

/**
 * Asks.
 * @param {{ title: string, reasons: (HTMLElement | string)[], no: string, yes: string, id?: string }} question with the id of its yes
 * @param {() => void} then what the yes does
 */
export function question({ title, reasons, no, yes, id = "ask-yes" }, then) {
  const dialog = titled(title);
  const leave = h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, no);
  const go = h("button", { type: "button", class: "danger", id, onclick: () => (dialog.close(), then()) }, yes);
  dialog.append(...reasons, h("div", { class: "choices" }, leave, go));
  dialog.showModal();
}

/**
 * Asks in the words of the catalogue: `<key>.title`, `.why`, `.no` and `.yes`.
 * @param {string} key
 * @param {() => void} then what the yes does
 * @param {(HTMLElement | string)[]} more beside the reason
 * @param {string} [id] of the yes
 */
export function ask(key, then, more = [], id) {
  question({ title: t(`${key}.title`), reasons: [h("p", {}, t(`${key}.why`)), ...more], no: t(`${key}.no`), yes: t(`${key}.yes`), id }, then);
}
