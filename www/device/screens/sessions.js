// Who looks, who looked, and what the audit trail of each look tells.

import { fill, h, say } from "../../dom.js";
import { has, t, time } from "../../text.js";
import { ask } from "../dialog.js";
import { keepFile } from "../file.js";
import { deviceName } from "../words.js";

/** @param {number} at @returns {string} */
const moment = (at) => time(at, { dateStyle: "medium", timeStyle: "short" });

/** How a person says no. */
const NOES = ["declined", "approval-timed-out"];

/** A request that came to nothing: from what was asked to the no. @param {Record<string, any>} declined */
function declinedRow({ at, code, asked }) {
  const how = t(NOES.includes(code) ? `declined.${code}` : "declined.other");
  return h(
    "li",
    { class: "declined" },
    h("p", { class: "when" }, moment(at), " · ", h("strong", {}, how)),
    asked ? h("p", {}, t("declined.who", { name: asked.name, organisation: asked.organisation })) : h("p", {}, t("declined.unproved")),
    asked && h("p", {}, t("declined.case", { case: asked.case, reason: asked.reason })),
    asked && h("p", { class: "hint" }, t("declined.words", { words: asked.words })),
  );
}

export class Screen {
  #send;
  #heading = h("h1", { tabIndex: -1 });
  #body = h("div", { class: "sessions" });
  #key = "";
  /** Which trail is shown; empty for the list. */
  #shown = "";
  element = h("section", { class: "screen narrow" });

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    say(this.#heading, t("sessions.title"));
    fill(this.element, this.#heading, this.#body);
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw({ sessions, busy }) {
    if (!sessions) return;
    const key = JSON.stringify(sessions);
    if (key !== this.#key) {
      this.#key = key;
      const shown = sessions.trail?.session ?? "";
      if (sessions.trail) this.#drawTrail(sessions.trail);
      else this.#drawList(sessions);
      // Back on the list, and on the trail, the keyboard starts at the top.
      if (shown !== this.#shown) {
        this.#shown = shown;
        scrollTo(0, 0);
        this.#heading.focus();
      }
    }
    for (const button of this.#body.querySelectorAll("button")) button.disabled = Boolean(busy);
  }

  /** @param {import("../../engine.js").Report} report */
  hear(report) {
    keepFile(report);
  }

  /** @param {Record<string, any>} sessions */
  #drawList({ rows, declined, leftOut, read }) {
    say(this.#heading, t("sessions.title"));
    const live = rows.filter((/** @type {any} */ row) => row.running);
    const past = rows.filter((/** @type {any} */ row) => !row.running);
    fill(
      this.#body,
      h("h2", {}, t("sessions.now")),
      live.length > 0 ? h("ul", { class: "happenings" }, ...live.map((/** @type {any} */ row) => this.#row(row))) : h("p", { class: "lead" }, t(read ? "sessions.none" : "sessions.reading")),
      h("h2", {}, t("sessions.past")),
      past.length > 0 ? h("ul", { class: "happenings" }, ...past.map((/** @type {any} */ row) => this.#row(row))) : read && h("p", { class: "lead" }, t("sessions.none-past")),
      declined?.length > 0 && h("h2", { id: "declined" }, t("declined.title")),
      declined?.length > 0 && h("p", { class: "hint" }, t("declined.where")),
      declined?.length > 0 && h("ul", { class: "happenings", "aria-labelledby": "declined" }, ...declined.map(declinedRow)),
      leftOut > 0 && h("p", { class: "hint" }, t("sessions.left-out", { count: leftOut })),
    );
  }

  /** @param {Record<string, any>} row */
  #row({ session, begun, until, units, opened, running, ended, lender }) {
    const state = running ? t("sessions.until", { time: time(until, { timeStyle: "short" }) }) : ended ? t(`error.${ended}`) : t("sessions.no-end");
    const look = h("button", { type: "button", class: "plain small", onclick: () => this.#send({ type: "sessions", act: "look", session }) }, t("sessions.look"));
    const end = running && h("button", { type: "button", class: "danger small", onclick: () => ask("sessions.end", () => this.#send({ type: "sessions", act: "end", session })) }, t("sessions.end"));
    return h(
      "li",
      { class: running ? "running" : "" },
      h("p", { class: "when" }, begun ? moment(begun) : t("sessions.unreadable"), running && " · ", running && h("strong", {}, state)),
      h("p", {}, t("sessions.records", { count: units }), " · ", t("over.opened", { count: opened })),
      running ? lender && h("p", { class: "hint" }, t("sessions.lender", { device: deviceName(lender) })) : h("p", { class: "hint" }, state),
      h("div", { class: "choices" }, look, end),
    );
  }

  /** @param {Record<string, any>} trail */
  #drawTrail({ verdict, seq, lender, stopper, countersigned, destroyed, receipts }) {
    say(this.#heading, t("trail.title"));
    const bad = verdict === "broken" || verdict === "contradicted";
    const box = h("div", { class: bad ? "notice bad" : verdict === "no-end" ? "notice warn" : "notice", id: "verdict", "data-verdict": verdict }, h("p", {}, h("strong", {}, t(`verdict.${verdict}`, { seq: seq ?? 0 }))), h("p", {}, t(`verdict.${verdict}.next`)), countersigned && h("p", {}, t("trail.countersigned")), (verdict === "whole" || destroyed) && h("p", { "data-destroyed": String(Boolean(destroyed)) }, t(destroyed ? "trail.destroyed" : "trail.not-destroyed")));
    fill(
      this.#body,
      h("button", { type: "button", class: "quiet back", id: "trail-back", onclick: () => this.#send({ type: "sessions", act: "close" }) }, t("trail.back")),
      box,
      h("p", {}, t("sessions.lender", { device: deviceName(lender) })),
      h("ol", { class: "happenings trail" }, ...receipts.map((/** @type {any} */ receipt) => this.#receipt(receipt, stopper))),
      h("button", { type: "button", class: "plain wide", id: "export", onclick: () => this.#send({ type: "sessions", act: "export" }) }, t("trail.export")),
      h("p", { class: "hint" }, t("trail.export.hint")),
    );
  }

  /** @param {Record<string, any>} receipt @param {import("../words.js").Named | null} stopper */
  #receipt({ at, what, title, code, records, save, until, by }, stopper) {
    const why = code && has(`error.${code}`) && what === "refused" ? t(`error.${code}`) : "";
    const text =
      what === "granted"
        ? `${t(save ? "receipt.granted.save" : "receipt.granted", { count: records ?? 0 })} ${until ? t("receipt.until", { time: moment(until) }) : ""}`
        : what === "ended"
          ? t(`receipt.ended.${by}`, { device: stopper ? deviceName(stopper) : t("receipt.ended.unknown") })
          : t(`receipt.${what}`, { title: title || t("receipt.unknown") });
    return h("li", { class: what === "refused" ? "urgent" : "" }, h("p", { class: "when" }, time(at, { dateStyle: "short", timeStyle: "medium" })), h("p", {}, text), why && h("p", { class: "hint" }, why), what === "ended" && code && code !== "session-ended" && h("p", { class: "hint" }, t(`error.${code}`)));
  }
}
