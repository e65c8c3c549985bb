// What came of a session, asked when the agent ends it: for the organisation's log.

import { h } from "../dom.js";
import { t } from "../text.js";

const RESULTS = ["settled", "open", "handed-over", "broken-off"];

/**
 * Asks, and tells what was said. Escape goes on with the session.
 * @param {(said: { result: string, text: string }) => void} done
 */
export function askOutcome(done) {
  if (document.querySelector("dialog.outcome")) return;
  const choice = (/** @type {string} */ result, /** @type {number} */ place) =>
    h("label", { class: "choice" }, h("input", { type: "radio", name: "result", value: result, required: true, checked: place === 0 }), " ", t(`agent.outcome.${result}`));
  const text = /** @type {HTMLInputElement} */ (h("input", { id: "outcome-text", type: "text", maxLength: 200, autocomplete: "off" }));
  const back = h("button", { type: "button", class: "plain" }, t("agent.outcome.back"));
  const form = /** @type {HTMLFormElement} */ (
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "outcome-title" }, t("agent.outcome.title")),
      h("fieldset", {}, h("legend", { class: "hidden" }, t("agent.outcome.title")), ...RESULTS.map(choice)),
      h("label", { for: "outcome-text" }, t("agent.outcome.text")),
      text,
      h("p", { class: "hint" }, t("agent.outcome.hint")),
      h("div", { class: "row" }, back, h("button", { type: "submit", class: "danger", id: "outcome-end" }, t("session.end"))),
    )
  );
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "outcome", "aria-labelledby": "outcome-title" }, form));
  back.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const result = String(new FormData(form).get("result") ?? "settled");
    dialog.close();
    done({ result, text: text.value });
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
