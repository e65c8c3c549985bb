// What a supervisor sees: the organisation's sessions, and the verified trail of one. Never content, never titles.

import { fill, h, say } from "../dom.js";
import { keepFile } from "../device/file.js";
import { chosen, has, t, time } from "../text.js";

/** @typedef {(intent: import("../engine.js").Intent) => void} Send */
/** @typedef {Record<string, any>} View What the portal computed; see `LedgerView` in `glimpse-portal`. */

/** What a receipt tells, and what can be wrong with a line in which nothing is of what was asked. */
const WHATS = ["granted", "opened", "refused", "ended", "deleted", "countersigned"];
const FAULTS = ["other", "no-grant", "link", "other-account", "lender", "receipt", "cut-off", "no-agent", "times", "readable"];

/** @param {number} at @returns {string} */
const moment = (at) => time(at, { dateStyle: "medium", timeStyle: "short" });
/** Enough of an id to tell it from others. @param {string} id */
const short = (id) => h("bdi", { translate: "no", class: "id", title: id }, id.slice(0, 8));

export class Ledger {
  #section = h("section", { class: "screen ledger" });
  #heading = h("h1", { tabIndex: -1 });
  #problem = h("div", { class: "notice bad", role: "alert", hidden: true });
  #body = h("div", {});
  #send;
  /** What the body was made for. */
  #drawn = "";
  /** Which trail is shown; empty for the list. */
  #shown = "";
  /** The button that waits for what it asked for. @type {string | undefined} */
  #waiting = "";

  /** @param {HTMLElement} main @param {Send} send */
  constructor(main, send) {
    this.#send = send;
    this.#section.append(this.#heading, this.#problem, this.#body);
    main.append(this.#section);
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {import("../engine.js").Report} report */
  hear(report) {
    keepFile(report);
  }

  /** @param {{ agent: Record<string, any>, ledger: View }} snapshot */
  draw({ agent, ledger }) {
    say(this.#heading, ledger.trail ? t("agent.ledger.trail.title") : t("agent.ledger.title", { organisation: agent.organisation }));
    this.#problem.hidden = !agent.problem;
    if (agent.problem) fill(this.#problem, ...told(agent.problem));
    const key = JSON.stringify([ledger, chosen()]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    // A button that waits loses the focus, and gets it back.
    const focused = this.#body.contains(document.activeElement) ? document.activeElement?.id : this.#waiting;
    this.#waiting = ledger.busy ? focused : "";
    fill(this.#body, ...(ledger.trail ? this.#trail(ledger) : this.#list(ledger)));
    const shown = ledger.trail?.session ?? "";
    const before = this.#shown;
    if (shown !== before) {
      this.#shown = shown;
      scrollTo(0, 0);
      (shown ? this.#heading : document.getElementById(`look-${before}`) ?? this.#heading).focus();
    }
    for (const button of this.#body.querySelectorAll("button")) button.disabled = ledger.busy;
    if (shown === before && focused) document.getElementById(focused)?.focus();
  }

  /** @param {View} ledger */
  #list({ rows, read, more, busy, agents, agent, state }) {
    const filter = (/** @type {string} */ id, /** @type {string} */ label, /** @type {[string, string][]} */ options, /** @type {string} */ value) => {
      const select = /** @type {HTMLSelectElement} */ (h("select", { id, autocomplete: "off" }, ...options.map(([each, text]) => h("option", { value: each, selected: each === value }, text))));
      select.addEventListener("change", () => this.#filter());
      return h("p", { class: "filter" }, h("label", { for: id }, label), " ", select);
    };
    const of = agents.map((/** @type {string} */ each) => /** @type {[string, string]} */ ([each, each.slice(0, 8)]));
    return [
      h("p", { class: "hint" }, t("agent.ledger.what")),
      h(
        "div",
        { class: "filters" },
        filter("ledger-agent", t("agent.ledger.agent"), [["", t("agent.ledger.all")], ...of], agent),
        filter("ledger-state", t("agent.ledger.state"), [["", t("agent.ledger.all")], ["running", t("agent.ledger.running")], ["ended", t("agent.ledger.ended")]], state),
      ),
      busy && read === 0 ? h("p", { role: "status" }, t("agent.wait")) : h("p", { id: "ledger-count" }, t("agent.ledger.count", { count: rows.length })),
      rows.length > 0 && h("ul", { class: "ledger-rows", "aria-labelledby": "ledger-count" }, ...rows.map((/** @type {View} */ row) => this.#row(row))),
      h(
        "div",
        { class: "row" },
        more && h("button", { type: "button", class: "plain", id: "ledger-more", onclick: () => this.#send({ type: "ledger", act: "more" }) }, t("agent.ledger.more")),
        rows.length > 0 && h("button", { type: "button", class: "plain", id: "ledger-export", onclick: () => this.#send({ type: "ledger", act: "export" }) }, t("agent.ledger.export", { count: rows.length })),
      ),
      rows.length > 0 && h("p", { class: "hint" }, t("agent.ledger.export.hint")),
    ];
  }

  #filter() {
    const value = (/** @type {string} */ id) => /** @type {HTMLSelectElement} */ (document.getElementById(id)).value;
    this.#send({ type: "ledger", act: "filter", agent: value("ledger-agent"), state: value("ledger-state") });
  }

  /** @param {View} row */
  #row({ session, agent, issued, expires, units, opened, ended }) {
    const state = ended ? (has(`error.${ended}`) ? t(`error.${ended}`) : ended) : t("agent.ledger.until", { time: moment(expires) });
    const look = h("button", { type: "button", class: "plain small", id: `look-${session}`, "aria-describedby": `row-${session}`, onclick: () => this.#send({ type: "ledger", act: "open", session }) }, t("agent.ledger.look"));
    return h(
      "li",
      { class: ended ? "" : "running", "data-session": session },
      h("p", { class: "when", id: `row-${session}` }, moment(issued), " · ", t("agent.ledger.by"), " ", short(agent)),
      h("p", {}, t("agent.ledger.records", { count: units }), " · ", t("agent.ledger.opened", { count: opened })),
      h("p", { class: "hint" }, state),
      look,
    );
  }

  /** @param {View} ledger */
  #trail({ trail }) {
    const { session, agent, verdict, fault, seq, receipts } = trail;
    const kind = verdict === "broken" ? "notice bad" : verdict === "whole" ? "notice" : "notice warn";
    return [
      h("button", { type: "button", class: "quiet back", id: "ledger-close", onclick: () => this.#send({ type: "ledger", act: "close" }) }, t("agent.ledger.back")),
      h("div", { class: kind, id: "ledger-verdict", "data-verdict": verdict }, h("p", {}, h("strong", {}, t(`agent.ledger.verdict.${verdict}`))), FAULTS.includes(fault) && h("p", {}, t(`agent.ledger.fault.${fault}`, { seq: seq ?? 0 }))),
      h("p", {}, t("agent.ledger.session"), " ", h("bdi", { translate: "no", class: "id" }, session)),
      h("p", {}, t("agent.ledger.by"), " ", h("bdi", { translate: "no", class: "id" }, agent)),
      h("ol", { class: "ledger-rows" }, ...receipts.map((/** @type {View} */ receipt) => this.#receipt(receipt))),
    ];
  }

  /** @param {View} receipt */
  #receipt({ at, what, units, code, by }) {
    if (!WHATS.includes(what)) return false;
    const text = what === "ended" ? t(`agent.receipt.ended.${by ?? "server"}`) : t(`agent.receipt.${what}`, { count: units ?? 0 });
    const why = code && code !== "session-ended" && has(`error.${code}`) ? t(`error.${code}`) : "";
    return h("li", { class: what === "refused" ? "urgent" : "" }, h("p", { class: "when" }, time(at, { dateStyle: "short", timeStyle: "medium" })), h("p", {}, text), why && h("p", { class: "hint" }, why));
  }
}

/** What went wrong, and the next step. @param {string} problem */
function told(problem) {
  const key = [problem, `agent.error.${problem}`].find(has) ?? `error.${problem}`;
  return [h("strong", {}, t(key)), " ", has(`${key}.next`) ? t(`${key}.next`) : ""];
}
