// The session: the bar that never leaves, the list, and one open record.

import { h, say } from "../dom.js";
import { clock, number, t } from "../text.js";
import { Finder } from "./finder.js";
import { icon } from "./icons.js";
import { List } from "./list.js";
import { RecordPane } from "./record.js";

/** @typedef {(intent: import("../engine.js").Intent) => void} Send */

export class Session {
  #owner = h("strong", {});
  #rights = h("span", { class: "rights" });
  #left = h("span", { class: "clock", role: "timer", "aria-live": "off" });
  #more;
  #offline = h("p", { class: "notice offline", role: "status", hidden: true }, t("session.offline"));
  #idle;
  #idleText = h("span", {});
  #heading = h("h1", { class: "hidden", tabIndex: -1 }, t("session.title"));
  #finder;
  #count = h("p", { class: "count", id: "count" });
  #asked = h("p", { class: "hint", role: "status" });
  #list;
  #record;
  #panes;

  /** @param {HTMLElement} main @param {Send} send */
  constructor(main, send) {
    this.#list = new List(send);
    this.#finder = new Finder(send, this.#list);
    this.#record = new RecordPane(send, () => this.#list.focus());
    this.#more = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "plain", id: "more-time", onclick: () => send({ type: "more-time" }) }, t("session.more")));
    const end = h("button", { type: "button", class: "danger", id: "end", onclick: () => send({ type: "end" }) }, t("session.end"));

    const who = h("span", { class: "who" }, icon("lock"), h("span", {}, this.#owner, " ", h("span", { class: "rights", "aria-hidden": "true" }, "· "), this.#rights));
    const bar = h("div", { class: "bar", role: "region", "aria-label": t("session.bar") }, who, h("span", { class: "remaining" }, h("span", { class: "left-label" }, t("session.left")), " ", this.#left), this.#more, end);
    const aside = h("section", { class: "list-pane", "aria-label": t("session.records") }, this.#finder.element, this.#count, this.#list.element, this.#askForm(send), this.#asked);
    this.#panes = h("div", { class: "panes" }, aside, this.#record.element);
    this.#idle = h("p", { class: "notice offline", hidden: true }, this.#idleText, " ", h("button", { type: "button", class: "plain", onclick: () => send({ type: "touched" }) }, t("session.idle.stay")));
    main.append(h("section", { class: "screen session" }, this.#heading, bar, this.#offline, this.#idle, this.#panes));
  }

  focus() {
    this.#heading.focus();
  }

  /** Lets go of the open record, and of what the browser holds of it under an address. */
  forget() {
    this.#record.draw(null);
  }

  /** @param {Record<string, any>} snapshot */
  draw({ session }) {
    say(this.#owner, session.owner ? t("session.of", { owner: session.owner }) : t("session.of.nobody"));
    say(this.#rights, session.viewOnly ? t("session.view-only") : t("session.may-save"));
    say(this.#left, clock(session.secondsLeft));
    this.#left.dataset.level = session.level;
    this.#more.disabled = session.moreTime === "sent";
    say(this.#more, t(session.moreTime === "sent" ? "session.more.sent" : session.moreTime === "refused" ? "session.more.refused" : "session.more"));
    this.#offline.hidden = session.connected;
    this.#idle.hidden = session.idleSeconds === null;
    if (session.idleSeconds !== null) say(this.#idleText, t("session.idle", { left: clock(session.idleSeconds) }));
    say(this.#asked, session.asked ? t(`session.ask.${session.asked}`) : "");
    this.#finder.draw(session.list);
    const { total, matching } = session.list;
    say(this.#count, total === matching ? t("list.count", { count: total }) : t("list.matching", { count: matching, total: number(total) }));
    this.#list.draw(session.list, session.record?.unit ?? null);
    this.#record.draw(session.record);
    this.#panes.classList.toggle("reading", Boolean(session.record));
  }

  /** @param {import("../engine.js").Report} report */
  hear(report) {
    this.#record.hear(report);
  }

  /** @param {Send} send @returns {HTMLElement} */
  #askForm(send) {
    const field = /** @type {HTMLInputElement} */ (h("input", { id: "ask", type: "text", maxLength: 200, autocomplete: "off", spellcheck: false }));
    const go = h("button", { type: "submit", class: "plain" }, t("session.ask.go"));
    field.setAttribute("aria-label", t("session.ask"));
    const form = h("form", { class: "row" }, field, go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!field.value.trim()) return field.focus();
      send({ type: "ask", text: field.value });
      field.value = "";
    });
    return h("details", { class: "ask" }, h("summary", {}, t("session.ask")), form);
  }
}
