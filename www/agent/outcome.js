// What came of a session: asked when the agent ends it, and after somebody else did. For the organisation's log.

import { fill, h } from "../dom.js";
import { has, t } from "../text.js";

const RESULTS = ["settled", "open", "handed-over", "broken-off"];

/** @typedef {{ result: string, text: string }} Said */

/**
 * The question, in a form.
 * @param {string} title @param {string} chosen @param {string} yes @param {HTMLElement} no @param {(said: Said) => void} done
 */
function question(title, chosen, yes, no, done) {
  // A colleague gets nothing of this session: the customer lends the same to them, by a code of its own.
  const how = h("p", { class: "notice", id: "hand-over-how", hidden: chosen !== "handed-over" }, t("agent.hand-over.how"));
  const choice = (/** @type {string} */ result) => {
    const input = h("input", { type: "radio", name: "result", value: result, required: true, checked: result === chosen });
    input.addEventListener("change", () => (how.hidden = result !== "handed-over"));
    return h("label", { class: "choice" }, input, " ", t(`agent.outcome.${result}`));
  };
  const text = /** @type {HTMLInputElement} */ (h("input", { id: "outcome-text", type: "text", maxLength: 200, autocomplete: "off", spellcheck: false }));
  const form = /** @type {HTMLFormElement} */ (
    h(
      "form",
      { method: "dialog" },
      h("fieldset", {}, h("legend", { class: "hidden" }, title), ...RESULTS.map(choice)),
      how,
      h("label", { for: "outcome-text" }, t("agent.outcome.text")),
      text,
      h("p", { class: "hint" }, t("agent.outcome.hint")),
      h("div", { class: "row" }, no, h("button", { type: "submit", class: yes === "session.end" ? "danger" : "primary", id: "outcome-end" }, t(yes))),
    )
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    done({ result: String(new FormData(form).get("result") ?? "settled"), text: text.value });
  });
  return form;
}

/**
 * Asks before the agent ends a session, and tells what was said. Escape goes on with the session.
 * @param {(said: Said) => void} done
 * @param {string} [likely] what is chosen at first
 */
export function askOutcome(done, likely = "settled") {
  if (document.querySelector("dialog.outcome")) return;
  const back = h("button", { type: "button", class: "plain" }, t("agent.outcome.back"));
  const form = question(t("agent.outcome.title"), likely, "session.end", back, (said) => {
    dialog.close();
    done(said);
  });
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "outcome", "aria-labelledby": "outcome-title" }, h("h2", { id: "outcome-title" }, t("agent.outcome.title")), form));
  back.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  // The key that opened this is still down.
  dialog.addEventListener("keydown", (event) => event.repeat && event.key === "Enter" && event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  // With what is likely, and not with what stands first.
  /** @type {HTMLElement | null} */ (form.querySelector(":checked"))?.focus();
}

/**
 * Asks after somebody else has ended the session; nothing of it is on the screen any more. Null where the agent says nothing.
 * @param {HTMLElement} main @param {string} code @param {(said: Said | null) => void} done
 */
export function askOutcomeAfter(main, code, done) {
  document.querySelector("dialog.outcome")?.remove();
  const heading = h("h1", { tabIndex: -1 }, t(has(`error.${code}`) ? `error.${code}` : "error.session-ended"));
  const none = h("button", { type: "button", class: "plain", id: "outcome-none", onclick: () => done(null) }, t("agent.outcome.none"));
  const form = question(t("agent.outcome.title"), "broken-off", "agent.outcome.keep", none, (said) => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    done(said);
  });
  fill(main, h("section", { class: "screen narrow outcome after" }, heading, h("h2", {}, t("agent.outcome.title")), form));
  heading.focus();
}
