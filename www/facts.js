// "What can the server see?": a table that must stay true. docs/threat-model.md is the long form.

import { byId, fill, h } from "./dom.js";
import { t } from "./text.js";

/** What there is, and whether the server sees it. */
const FACTS = /** @type {const} */ ([
  ["content", "no"],
  ["titles", "no"],
  ["search", "no"],
  ["keys", "no"],
  ["code", "part"],
  ["opened", "yes"],
  ["sizes", "yes"],
  ["account", "yes"],
  ["address", "yes"],
]);

export function openFacts() {
  const dialog = /** @type {HTMLDialogElement} */ (byId("facts"));
  const build = document.querySelector('meta[name="glimpse-build"]')?.getAttribute("content") ?? "";
  const row = (/** @type {string} */ name, /** @type {string} */ answer) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, t(`facts.${name}`)),
      h("td", { class: `answer ${answer}` }, t(`facts.${answer}`)),
      h("td", {}, t(`facts.${name}.why`)),
    );
  const head = ["what", "sees", "why"].map((name) => h("th", { scope: "col" }, t(`facts.${name}`)));
  fill(
    dialog,
    h("h2", { id: "facts-title", tabIndex: -1 }, t("facts.open")),
    h("p", {}, t("facts.lead")),
    h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...FACTS.map(([name, answer]) => row(name, answer)))),
    h("p", {}, t("facts.limit")),
    h("p", { class: "hint" }, t("facts.build"), " ", h("code", { class: "build", translate: false, dir: "ltr" }, build)),
    h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, t("close")),
  );
  dialog.showModal();
  /** @type {HTMLElement} */ (dialog.firstElementChild).focus();
}
