// What others brought to the account: what waits of it, and the two answers to it.

import { h } from "../dom.js";
import { parts, t, time } from "../text.js";
import { ask, question } from "./dialog.js";

/** Up to so many are shown at once; of more, the person opens the list. */
const AT_ONCE = 3;

/** One entry of the inbox, however many wait. It stays open where the person has opened it. */
export class HeldPart {
  #send;
  /** Whether the person has opened or closed the list, and which of the two. @type {boolean | null} */
  #open = null;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * @param {Record<string, any>} held
   * @returns {HTMLElement | false}
   */
  element({ waiting, unsigned, rows }) {
    const all = waiting + unsigned;
    if (all === 0) return false;
    const counts = [waiting > 0 && t("held.waiting", { count: waiting }), unsigned > 0 && t("held.unsigned.count", { count: unsigned })];
    const summary = h("summary", {}, counts.filter(Boolean).join(" · "));
    const list = h("ul", { class: "happenings" }, ...rows.map((/** @type {any} */ row) => this.#row(row)));
    const more = all > rows.length && h("p", { class: "hint" }, t("held.more", { count: all - rows.length }));
    const none = waiting > 1 && h("button", { type: "button", class: "danger small", id: "reject-all", onclick: () => this.#rejectAll(waiting) }, t("held.reject-all"));
    const details = /** @type {HTMLDetailsElement} */ (h("details", { class: "held", id: "held", open: this.#open ?? all <= AT_ONCE }, summary, list, more, none));
    details.addEventListener("toggle", () => {
      if (details.isConnected) this.#open = details.open;
    });
    return h("section", {}, h("h2", {}, t("inbox.held")), details);
  }

  /** @param {Record<string, any>} row */
  #row({ unit, kind, title, from, at }) {
    const open = () => {
      this.#send({ type: "go", to: "records" });
      this.#send({ type: "open", unit });
    };
    return h(
      "li",
      {},
      h("p", { class: "when" }, time(at, { dateStyle: "medium", timeStyle: "short" })),
      h("p", {}, h("bdi", {}, title || t("record.untitled"))),
      h("p", { class: "hint" }, ...(kind === "pending" && from ? parts("held.pending", { from }) : [t(kind === "pending" ? "held.pending.nobody" : "held.unsigned")])),
      h("button", { type: "button", class: "plain small", onclick: open }, t("held.open")),
    );
  }

  /** @param {number} count */
  #rejectAll(count) {
    const send = () => this.#send({ type: "held", act: "reject-all" });
    question({ title: t("held.reject-all.title", { count }), reasons: [h("p", {}, t("held.reject-all.why"))], no: t("held.reject-all.no"), yes: t("held.reject-all.yes") }, send);
  }
}

/** The two answers, beside a record that waits for one. */
export class Decision {
  #approve;
  element;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    this.#approve = h("button", { type: "button", class: "plain", id: "approve", onclick: () => send({ type: "held", act: "approve" }) }, t("held.approve"));
    const reject = h("button", { type: "button", class: "plain", id: "reject", onclick: () => ask("held.reject", () => send({ type: "held", act: "reject" }), [], "reject-yes") }, t("held.reject"));
    const why = h("p", { class: "hint" }, t("held.why"));
    this.element = h("section", { class: "decision", "aria-label": t("held.decide"), hidden: true }, why, h("div", { class: "choices even" }, reject, this.#approve));
  }

  /** @param {Record<string, any> | null} record @param {unknown} busy */
  draw(record, busy) {
    this.element.hidden = !record?.waits;
    for (const button of this.element.querySelectorAll("button")) button.disabled = Boolean(busy);
    // What is not shown, to its end, is not approved.
    if (record?.phase !== "shown") Reflect.set(this.#approve, "disabled", true);
  }
}
