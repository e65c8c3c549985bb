// What came of a session, asked when the agent ends it: for the organisation's log.

import { h } from "../dom.js";
import { t } from "../text.js";

const RESULTS = ["settled", "open", "handed-over", "broken-off"];

/**
 * Asks, and tells what was said. Escape goes on with the session.
 * @param {(said: { result: string, text: string }) => void} done
 * @param {string} [likely] what is chosen at first
 */
export function askOutcome(done, likely = "settled") {
  if (document.querySelector("dialog.outcome")) return;
  // A colleague gets nothing of this session: the customer lends the same to them, by a code of its own.
  const how = h("p", { class: "notice", id: "hand-over-how", hidden: likely !== "handed-over" }, t("agent.hand-over.how"));
  const choice = (/** @type {string} */ result) => {
    const input = h("input", { type: "radio", name: "result", value: result, required: true, checked: result === likely });
    input.addEventListener("change", () => (how.hidden = result !== "handed-over"));
    return h("label", { class: "choice" }, input, " ", t(`agent.outcome.${result}`));
  };
  const text = /** @type {HTMLInputElement} */ (h("input", { id: "outcome-text", type: "text", maxLength: 200, autocomplete: "off" }));
  const back = h("button", { type: "button", class: "plain" }, t("agent.outcome.back"));
  const form = /** @type {HTMLFormElement} */ (
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "outcome-title" }, t("agent.outcome.title")),
      h("fieldset", {}, h("legend", { class: "hidden" }, t("agent.outcome.title")), ...RESULTS.map(choice)),
      how,
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
