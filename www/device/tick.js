// A tick box with its label.

import { h } from "../dom.js";
import { t } from "../text.js";

/** @param {string} id @param {string} label */
export function tick(id, label) {
  const input = /** @type {HTMLInputElement} */ (h("input", { id, type: "checkbox" }));
  return { input, all: h("label", { class: "tick-line" }, input, h("span", {}, t(label))) };
}
