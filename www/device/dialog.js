// A question that says what an act means before it is done.

import { h } from "../dom.js";
import { t } from "../text.js";

/**
 * Asks; the catalogue has `<key>.title`, `.why`, `.yes` and `.no`.
 * @param {string} key
 * @param {() => void} then what the yes does
 * @param {(HTMLElement | string)[]} more beside the reason
 */
export function ask(key, then, more = []) {
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "ask-dialog", "aria-labelledby": "ask-title" }));
  const no = h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, t(`${key}.no`));
  const yes = h("button", { type: "button", class: "danger", id: "ask-yes", onclick: () => (dialog.close(), then()) }, t(`${key}.yes`));
  dialog.append(h("h2", { id: "ask-title" }, t(`${key}.title`)), h("p", {}, t(`${key}.why`)), ...more, h("div", { class: "choices" }, no, yes));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
