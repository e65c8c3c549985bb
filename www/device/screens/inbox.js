// What happened to the account, and what is wrong with it.

import { fill, h, say } from "../../dom.js";
import { chosen, has, t, time } from "../../text.js";
import { ask } from "../dialog.js";
import { HeldPart } from "../held.js";
import { deviceName } from "../words.js";

/** What each alarm's way out is called in the Worker. @type {Record<string, string>} */
const WAYS_OUT = { forked: "keep", "rolled-back": "give-back", "log-broken": "accept-records", doubled: "use-copy", recovery: "veto" };

/** @typedef {import("../words.js").Named} Named */

/** @param {string[]} words @returns {string} */
const listed = (words) => new Intl.ListFormat(chosen(), { type: "conjunction" }).format(words);

/** @param {number} at @returns {string} */
const moment = (at) => time(at, { dateStyle: "medium", timeStyle: "short" });

/** @param {Record<string, any>} log @returns {string} */
const logText = (log) => t(`log.${log.word}`, { seen: log.seen, has: log.has, device: log.device ? deviceName(log.device) : "" });

export class Screen {
  #send;
  #heading = h("h1", { tabIndex: -1 });
  #body = h("div", { class: "inbox" });
  #held;
  #key = "";
  element = h("section", { class: "screen narrow" });

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    this.#held = new HeldPart(send);
    say(this.#heading, t("inbox.title"));
    fill(this.element, this.#heading, this.#body);
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw({ inbox, busy }) {
    const { shown } = inbox;
    if (!shown) return;
    const key = JSON.stringify(shown);
    if (key !== this.#key) {
      this.#key = key;
      const { notices, alarms, held, read } = shown;
      const fresh = notices.filter((/** @type {any} */ each) => !each.read);
      const old = notices.filter((/** @type {any} */ each) => each.read);
      const part = (/** @type {string} */ title, /** @type {HTMLElement[]} */ rows) => rows.length > 0 && h("section", {}, h("h2", {}, t(title)), h("ul", { class: "happenings" }, ...rows));
      const nothing = !read ? "inbox.reading" : notices.length + alarms.length + held.rows.length === 0 ? "inbox.nothing" : fresh.length + held.rows.length === 0 ? "inbox.nothing-new" : "";
      fill(
        this.#body,
        ...alarms.map((/** @type {any} */ each) => this.#alarm(each)),
        nothing && h("p", { class: "lead" }, t(nothing)),
        part("inbox.new", fresh.map((/** @type {any} */ each) => this.#notice(each))),
        this.#held.element(held),
        part("inbox.read", old.map((/** @type {any} */ each) => this.#notice(each))),
      );
    }
    for (const button of this.#body.querySelectorAll("button")) button.disabled = Boolean(busy);
  }

  /** @param {Record<string, any>} alarm */
  #alarm(alarm) {
    const { kind, devices, until, ours, theirs, log } = alarm;
    const values = { devices: listed(devices.map(deviceName)), until: until ? moment(until) : "" };
    const name = devices.length === 0 && has(`alarm.${kind}.unnamed`) ? `alarm.${kind}.unnamed` : `alarm.${kind}`;
    const head = (/** @type {string} */ label, /** @type {{ seq: number, hash: string }} */ { seq, hash }) => [h("dt", {}, t(label, { count: seq })), h("dd", {}, h("code", { dir: "ltr", translate: false }, hash))];
    const heads = ours && theirs && h("dl", { class: "heads" }, ...head("alarm.ours", ours), ...head("alarm.theirs", theirs));
    const act = WAYS_OUT[kind];
    const way = h("button", { type: "button", class: "danger", id: `way-${act}`, onclick: () => ask(`way.${act}`, () => this.#send({ type: "inbox", act })) }, t(`way.${act}`));
    return h(
      "section",
      { class: "notice bad alarm", "aria-label": t("inbox.alarm") },
      h("h2", {}, t(name, values)),
      ...log.map((/** @type {any} */ each) => h("p", {}, logText(each))),
      h("p", {}, h("strong", {}, t("alarm.stops")), " ", t(`alarm.${kind}.stops`)),
      heads,
      h("p", {}, t(`alarm.${kind}.next`)),
      way,
    );
  }

  /** @param {Record<string, any>} notice */
  #notice(notice) {
    const { kind, at, read, alarm, devices, by, until, pinned, unpinned, seen, has: has_, log, way } = notice;
    const values = {
      devices: listed(devices.map(deviceName)),
      by: by ? deviceName(by) : "",
      until: until ? moment(until) : "",
      pinned: listed(pinned),
      unpinned: listed(unpinned),
      seen: seen ?? 0,
      has: has_ ?? 0,
      log: log ? logText(log) : "",
    };
    const next = has(`notice.${kind}.next`) && t(`notice.${kind}.next`, values);
    // A screen that is not there is not led to.
    const there = way && has(`device.title.${way}`);
    const go = there && h("button", { type: "button", class: "plain small", onclick: () => this.#send({ type: "go", to: way }) }, t(`inbox.to.${way}`));
    const urgent = alarm && !read;
    return h(
      "li",
      { class: `${urgent ? "urgent" : ""} ${read ? "was-read" : ""}` },
      h("p", { class: "when" }, urgent && h("strong", {}, t("inbox.urgent")), urgent && " · ", moment(at)),
      h("p", {}, t(`notice.${kind}`, values)),
      next && h("p", { class: "hint" }, next),
      go,
    );
  }
}
