// The watch in use: a short list, the code, who is there, the time left, the end.

import { button, clockLine, drawCode, heading } from "./joining.js";
import { deviceName, troubleText } from "../device/words.js";
import { fill, h, say } from "../dom.js";
import { clock, parts, t } from "../text.js";

/** What is offered, in minutes. */
const MINUTES = [5, 15, 60];
/** How soon after a question came nobody has read it, in milliseconds: that is the finger that asked for it. */
const UNREAD = 500;
/** The newest records that the list shows: who wants more takes the phone. */
const ROWS = 20;

export class Choose {
  heading = heading("watch.lend");
  #send;
  #rows = h("ul", { class: "rows" });
  #drawn = "";
  #minutes = 15;
  #count = h("p", { class: "hint", role: "status" });
  #go;
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    this.#send = send;
    send({ type: "window", first: 0, count: ROWS });
    const minute = (/** @type {number} */ each) => {
      const input = h("input", { type: "radio", name: "minutes", value: String(each), checked: each === this.#minutes, onchange: () => (this.#minutes = each) });
      return h("label", {}, input, h("span", {}, t("watch.minutes", { count: each })));
    };
    const minutes = h("div", { class: "minutes", role: "radiogroup", "aria-label": t("lend.minutes") }, ...MINUTES.map(minute));
    this.#go = button("lend-go", "primary", "lend.go", () => send({ type: "lend", save: false, minutes: this.#minutes }));
    const looks = button("looks", "plain", "watch.looks", () => send({ type: "go", to: "sessions" }));
    const lock = button("lock", "quiet", "more.lock", () => send({ type: "lock" }));
    this.parts = [this.#count, this.#rows, minutes, this.#go, looks, lock];
  }

  /** @param {import("./app.js").Snapshot} snapshot */
  draw({ list, fresh, away }) {
    this.#go.disabled = list.chosen === 0 || away;
    say(this.#count, list.total === 0 ? t(fresh || away ? "watch.none" : "records.looking") : t("watch.chosen", { count: list.chosen }));
    const key = `${list.revision} ${list.total} ${list.rows.length}`;
    if (key === this.#drawn) return;
    this.#drawn = key;
    const held = document.activeElement?.id;
    const row = (/** @type {any} */ each) => h("li", {}, h("button", { type: "button", class: "row", dir: "auto", id: `row-${each.unit}`, "aria-pressed": String(each.chosen), onclick: () => this.#send({ type: "choose", unit: each.unit, chosen: !each.chosen }) }, h("span", { class: "row-title" }, each.title || t("record.untitled")), noteOf(each)));
    fill(this.#rows, ...list.rows.map(row));
    if (held?.startsWith("row-")) document.getElementById(held)?.focus({ preventScroll: true });
  }
}

/** What is to be said of a record before it is lent, as the phone's list says it. @param {Record<string, any>} row */
function noteOf({ mark, author, approved }) {
  const note = mark === "tampered" || mark === "unsigned" ? [t(`mark.${mark}`)] : author === null || approved ? null : parts("record.from.not", { author });
  return note && h("span", { class: "row-note" }, ...note);
}

class Waiting {
  heading = heading("lend.starting");
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    this.parts = [button("cancel", "plain", "cancel", () => send({ type: "cancel-code" }))];
  }

  draw() {}
}

class Code {
  heading = heading("watch.code");
  #code = h("p", { class: "big-code", dir: "ltr", translate: false });
  #state = h("p", { class: "hint", role: "status" });
  #left = clockLine();
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    const again = button("code-again", "plain", "watch.again", () => send({ type: "lend-again" }));
    const cancel = button("cancel", "plain", "cancel", () => send({ type: "cancel-code" }));
    this.parts = [this.#code, this.#left, this.#state, cancel, h("p", { class: "warn" }, t("code.warning")), again];
  }

  /** @param {import("./app.js").Snapshot} snapshot */
  draw({ lending }) {
    drawCode(this.#code, lending.code);
    say(this.#left, clock(lending.secondsLeft));
    say(this.#state, lending.connecting ? t("watch.connecting") : "");
  }
}

class Asking {
  heading = heading("watch.words");
  #send;
  #left = clockLine();
  #who = h("p", { class: "hint" });
  #what = h("p", { class: "hint" });
  #crowded = h("p", { class: "warn", id: "crowded", hidden: true }, t("asking.crowded"));
  #choices = h("div", { class: "word-choice" });
  #sure = h("div", { class: "sure", hidden: true });
  #drawn = "";
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    this.#send = send;
    const none = button("none-of-these", "plain", "asking.none", () => send({ type: "decline" }));
    this.parts = [this.#crowded, this.#choices, this.#sure, none, this.#left, this.#who, this.#what, h("p", { class: "warn" }, t("asking.warning"))];
  }

  /** @param {import("./app.js").Snapshot} snapshot */
  draw({ lending }) {
    say(this.#left, clock(lending.secondsLeft));
    this.#crowded.hidden = !lending.crowded;
    const key = lending.words.join();
    if (key === this.#drawn) return;
    this.#drawn = key;
    const rights = t(lending.save ? "asking.what.save" : "asking.what.view", { count: lending.records });
    say(this.#what, `${rights} ${t("asking.what.minutes", { count: lending.minutes })}`);
    fill(this.#who, ...parts("watch.claims", { program: lending.peer.program || t("asking.nothing"), origin: lending.peer.origin || t("asking.nothing") }));
    const choice = (/** @type {string} */ words) => h("button", { type: "button", class: "pill plain", lang: "en", dir: "ltr", translate: false, onclick: () => this.#ask(words) }, words);
    fill(this.#choices, ...lending.words.map(choice));
  }

  /** A finger is wide: what was picked is asked once more, with both answers alike. @param {string} words */
  #ask(words) {
    // Both answers lie where the pairs were, as a watch has no room beside them: a double tap on a pair would answer as well.
    const asked = performance.now();
    const read = (/** @type {() => void} */ act) => (/** @type {MouseEvent} */ event) => event.detail < 2 && event.timeStamp - asked > UNREAD && act();
    const chosen = h("p", { class: "words", lang: "en", dir: "ltr", translate: false, tabIndex: -1 }, words);
    const yes = button("approve", "plain even", "asking.yes", read(() => this.#send({ type: "approve", words })));
    const no = button("decline", "plain even", "asking.no", read(() => this.#send({ type: "decline" })));
    say(this.heading, t("watch.sure"));
    this.#choices.hidden = true;
    this.#sure.hidden = false;
    fill(this.#sure, chosen, yes, no);
    document.getElementById("none-of-these")?.remove();
    chosen.focus();
  }
}

class Running {
  heading = heading("watch.running");
  #send;
  #left = h("p", { class: "clock big", role: "timer", "aria-live": "off" });
  #state = h("p", { class: "hint", role: "status" });
  #asked = h("div", { class: "asked", role: "status", hidden: true });
  #trouble = h("p", { class: "warn", role: "status", hidden: true });
  #key = "";
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    this.#send = send;
    const end = button("end", "danger", "watch.end", () => send({ type: "end" }));
    const extend = button("extend", "plain", "running.extend", () => send({ type: "extend", minutes: 15 }));
    this.parts = [this.#left, this.#state, end, this.#asked, this.#trouble, extend];
  }

  /** @param {import("./app.js").Snapshot} snapshot */
  draw({ lending }) {
    say(this.#left, clock(lending.secondsLeft));
    this.#left.dataset.level = lending.secondsLeft <= 30 ? "last" : lending.secondsLeft <= 120 ? "soon" : "calm";
    say(this.#state, !lending.connected ? t("watch.offline") : t("running.opened", { count: lending.opened }));
    const { asked, sessionTrouble } = lending;
    this.#trouble.hidden = !sessionTrouble;
    if (sessionTrouble) fill(this.#trouble, ...troubleText(sessionTrouble));
    const key = JSON.stringify(asked);
    if (key === this.#key) return;
    this.#key = key;
    this.#asked.hidden = !asked;
    if (!asked) return fill(this.#asked);
    const text = asked.minutes === null ? parts("running.asks-record", { text: asked.text }) : [t("running.asks-time", { count: asked.minutes })];
    // A record is added on the phone, where all of them stand.
    const give = asked.minutes === null ? null : button("give", "primary", "running.give", () => this.#send({ type: "extend", minutes: asked.minutes }));
    fill(this.#asked, h("p", {}, ...text), give, button("refuse", "plain", "running.refuse", () => this.#send({ type: "refuse" })));
  }
}

class Over {
  heading = h("h1", { tabIndex: -1 });
  #why = h("p", { class: "body" });
  #facts = h("div", { class: "hint facts" });
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    const close = button("over-close", "primary", "over.close", () => send({ type: "close-lending" }));
    const again = button("again", "plain", "over.new-code", () => send({ type: "lend-again" }));
    this.parts = [this.#why, close, again, this.#facts];
  }

  /** @param {import("./app.js").Snapshot} snapshot */
  draw({ lending }) {
    const { ran, reason, wait, left, outOfSight } = lending;
    say(this.heading, t(ran ? "over.title" : "over.nothing"));
    if (left) fill(this.#why, t(ran ? "watch.ended" : "over.you-left"));
    else if (outOfSight) fill(this.#why, t("over.out-of-sight"));
    else if (ran?.stopper) fill(this.#why, t("over.stopped", { device: deviceName(ran.stopper) }));
    else fill(this.#why, ...troubleText({ key: reason, wait }));
    const facts = ran ? [t("over.opened", { count: ran.opened }), t(ran.told ? "over.told" : "over.untold"), ran.holds === false && t("over.broken"), ran.missing && t("over.missing")] : [];
    fill(this.#facts, ...facts.filter(Boolean).map((fact) => h("p", {}, String(fact))));
  }
}

/** By the stage that the Worker says. @type {Record<string, any>} */
export const LENDING = { starting: Waiting, granting: Waiting, code: Code, asking: Asking, running: Running, over: Over };
