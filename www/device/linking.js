// What both ends of a linking show, from the code to the end.

import { fill, h, say } from "../dom.js";
import { clock, t, time } from "../text.js";
import { drawSquare } from "./qr.js";
import { Scanner } from "./scan.js";
import { troubleText } from "./words.js";

/** @typedef {import("./app.js").Send} Send */

/** @param {string} id @param {string} look @param {string} key @param {() => void} onclick */
export const button = (id, look, key, onclick) => /** @type {HTMLButtonElement} */ (h("button", { type: "button", id, class: look, onclick }, t(key)));

const heading = (/** @type {string} */ key) => h("h1", { tabIndex: -1 }, t(key));
const timer = () => h("span", { class: "clock", role: "timer", "aria-live": "off" });

/** Milliseconds as people say them: hours, or minutes. @param {number} millis */
export const span = (millis) => (millis >= 3_600_000 ? t("link.hours", { count: Math.round(millis / 3_600_000) }) : t("link.minutes", { count: Math.ceil(millis / 60_000) }));

/** @param {number} millis since 1970 */
export const moment = (millis) => time(millis, { dateStyle: "medium", timeStyle: "short" });

/** A screen with a linking on it; what stands there before is its own. */
export class LinkingScreen {
  #send;
  #Choose;
  #body = h("div", { class: "linking" });
  /** @type {any} */
  #stage = null;
  #name = "";
  element = h("section", { class: "screen narrow" }, this.#body);

  /** @param {Send} send @param {new (send: Send) => any} Choose */
  constructor(send, Choose) {
    this.#send = send;
    this.#Choose = Choose;
  }

  focus() {
    this.#stage?.heading.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw(snapshot) {
    const name = snapshot.linking?.stage ?? "choose";
    if (name !== this.#name) {
      this.#name = name;
      this.#stage?.leave?.();
      const Stage = STAGES[name] ?? this.#Choose;
      this.#stage = new Stage(this.#send, snapshot);
      fill(this.#body, this.#stage.heading, ...this.#stage.parts);
      this.#stage.heading.focus();
    }
    this.#stage.draw(snapshot);
  }

  /** @param {import("../engine.js").Report} report */
  hear(report) {
    this.#stage?.hear?.(report);
  }
}

/** Where a code comes from: this screen shows one, or the other device does. */
export class CodeForm {
  #field = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "link-code", rows: 2, autocomplete: "off", spellcheck: false, autocapitalize: "off", dir: "ltr", translate: false, "aria-describedby": "link-code-hint" }));
  #scanner;
  #buttons;
  parts;

  /**
   * @param {Send} send
   * @param {(form: string, code?: string) => void} go
   * @param {{ show: string, type: string, hint: string }} keys
   */
  constructor(send, go, keys) {
    const typed = button("link-typed", "primary wide", "link.go", () => (this.#field.value.trim() ? go("typed", this.#field.value) : this.#field.focus()));
    // A code has no lines.
    this.#field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!event.repeat) typed.click();
    });
    // Filled and no more: the person presses on.
    this.#scanner = new Scanner(send, (text) => {
      this.#field.value = text;
      typed.focus();
    });
    const square = button("link-square", "primary wide", "link.show", () => go("square"));
    const digits = button("link-digits", "plain wide", "link.digits", () => go("digits"));
    this.#buttons = [typed, square, digits];
    const show = h("section", { class: "card-form" }, h("h2", {}, t(keys.show)), square, digits);
    const type = h("section", { class: "card-form" }, h("h2", {}, t(keys.type)), h("p", { class: "hint", id: "link-code-hint" }, t(keys.hint)), h("label", { for: "link-code" }, t("link.code")), this.#field, this.#scanner.element, typed);
    this.parts = [show, type, h("p", { class: "notice warn" }, t("link.warning"))];
  }

  /** @param {boolean} busy */
  draw(busy) {
    for (const each of this.#buttons) each.disabled = busy;
  }

  /** @param {import("../engine.js").Report} report */
  hear(report) {
    this.#scanner.hear(report);
  }

  leave() {
    this.#scanner.stop();
  }
}

class Starting {
  heading = heading("link.starting");
  #state = h("p", { class: "hint", role: "status" });
  parts;

  /** @param {Send} send */
  constructor(send) {
    this.parts = [this.#state, button("link-cancel", "plain", "cancel", () => send({ type: "link-cancel" }))];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ linking }) {
    say(this.#state, !linking.connected ? t("link.offline") : linking.stage === "meeting" ? t("link.meeting") : "");
  }
}

class Code {
  heading = heading("link.code.title");
  #lead = h("p", { class: "lead" });
  #place = h("div", { class: "code-place" });
  #left = timer();
  #state = h("p", { class: "hint", role: "status" });
  #crowded = h("p", { class: "notice bad", hidden: true }, t("say.link-crowded"));
  #drawn = "";
  parts;

  /** @param {Send} send */
  constructor(send) {
    const cancel = button("link-cancel", "plain wide", "cancel", () => send({ type: "link-cancel" }));
    this.parts = [this.#lead, this.#place, h("p", { class: "left-line" }, t("session.left"), " ", this.#left), this.#state, this.#crowded, h("p", { class: "notice warn" }, t("link.warning")), cancel];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ linking }) {
    say(this.#lead, t(linking.joins ? "link.code.joiner" : "link.code.adder"));
    say(this.#left, clock(linking.secondsLeft));
    say(this.#state, !linking.connected ? t("link.offline") : linking.connecting ? t("link.connecting") : t("link.waiting"));
    this.#crowded.hidden = !linking.crowded;
    if (this.#drawn === linking.code) return;
    this.#drawn = linking.code;
    const digits = h("p", { class: linking.square ? "long-code" : "big-code", dir: "ltr", translate: false, "aria-label": [...linking.code.replaceAll(" ", "")].join(" ") });
    fill(digits, ...linking.code.split(" ").flatMap((/** @type {string} */ group, /** @type {number} */ at) => [at > 0 && " ", h("span", {}, group)]));
    if (!linking.square) return fill(this.#place, digits);
    fill(this.#place, drawSquare(linking.square), h("details", {}, h("summary", {}, t("link.no-camera")), digits));
  }
}

class Words {
  heading = heading("link.words.title");
  #words = h("p", { class: "big-words", lang: "en", dir: "ltr", translate: false });
  #left = timer();
  parts;

  /** @param {Send} send */
  constructor(send) {
    this.parts = [h("p", { class: "lead" }, t("link.words.lead")), this.#words, h("p", { class: "left-line" }, t("asking.silence"), " ", this.#left), h("p", { class: "hint" }, t("link.words.other")), button("link-cancel", "plain wide", "cancel", () => send({ type: "link-cancel" }))];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ linking }) {
    say(this.#words, linking.words[0]);
    say(this.#left, clock(linking.secondsLeft));
  }
}

class Invited {
  heading = heading("link.invited.title");
  #held = h("p", { class: "notice warn" });
  #server = h("p", { class: "notice bad" }, t("link.other-server"));
  parts = [h("p", { class: "lead", role: "status" }, t("link.invited.lead")), this.#held, this.#server];

  /** @param {Record<string, any>} snapshot */
  draw({ linking }) {
    this.#server.hidden = !linking.otherServer;
    this.#held.hidden = !linking.held;
    if (linking.held) say(this.#held, t("link.held.joiner", { span: span(linking.held) }));
  }
}

class Asked {
  heading = heading("link.asked.title");
  #send;
  #who = h("dl", { class: "claims" });
  #warnings = h("div", { class: "stack" });
  #words = h("div", { class: "word-choice", role: "radiogroup" });
  #left = timer();
  #yes;
  #picked = "";
  #drawn = "";
  parts;

  /** @param {Send} send */
  constructor(send) {
    this.#send = send;
    this.#words.setAttribute("aria-label", t("link.asked.words"));
    this.#yes = button("link-approve", "plain even", "asking.yes", () => this.#picked && this.#send({ type: "link-approve", words: this.#picked }));
    const no = button("link-decline", "plain even", "asking.no", () => send({ type: "link-cancel" }));
    const none = button("link-none", "quiet", "asking.none", () => send({ type: "link-none" }));
    this.parts = [h("p", { class: "lead" }, t("link.asked.lead")), this.#who, this.#warnings, h("p", { class: "notice warn" }, t("asking.warning")), h("p", {}, h("strong", {}, t("link.asked.words"))), this.#words, none, h("p", { class: "left-line" }, t("asking.silence"), " ", this.#left), h("div", { class: "choices even" }, no, this.#yes)];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ linking }) {
    say(this.#left, clock(linking.secondsLeft));
    this.#yes.disabled = !this.#picked;
    const { device, words, crowded } = linking;
    const key = JSON.stringify([device, words, crowded]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const claim = (/** @type {string} */ name, /** @type {string} */ value) => [h("dt", {}, t(name)), h("dd", {}, h("bdi", { class: "claimed" }, value || t("asking.nothing")))];
    const id = [h("dt", {}, t("link.asked.id")), h("dd", {}, h("bdi", { dir: "ltr", class: "id" }, device.short))];
    fill(this.#who, ...claim("link.asked.name", device.name), ...claim("link.asked.serial", device.serial), ...id);
    const same = device.sameMachine.length > 0 && h("p", { class: "notice bad" }, t("link.same-machine", { names: device.sameMachine.join(", ") }));
    const held = device.held > 0 && h("p", { class: "notice" }, t("link.held.adder", { span: span(device.held) }));
    fill(this.#warnings, same, held, crowded && h("p", { class: "notice bad" }, t("link.crowded")));
    const choice = (/** @type {string} */ each) => {
      const input = h("input", { type: "radio", name: "words", value: each, checked: each === this.#picked, onchange: () => ((this.#picked = each), (this.#yes.disabled = false)) });
      return h("label", { lang: "en", dir: "ltr", translate: false }, input, h("span", {}, each));
    };
    fill(this.#words, ...words.map(choice));
  }
}

class Adding {
  heading = heading("link.adding.title");
  #state = h("p", { class: "lead", role: "status" });
  parts = [this.#state];

  /** @param {Record<string, any>} snapshot */
  draw({ linking }) {
    say(this.#state, t(!linking.connected ? "link.offline" : linking.accepted ? "link.accepted" : "link.adding"));
  }
}

class Second {
  heading = heading("link.second.title");
  #proposal = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "link-proposal", rows: 4, readOnly: true, autocomplete: "off", spellcheck: false, dir: "ltr", translate: false }));
  #signed = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "link-signed", rows: 4, dir: "ltr", autocomplete: "off", spellcheck: false, autocapitalize: "off" }));
  parts;

  /** @param {Send} send */
  constructor(send) {
    const go = button("link-second", "primary wide", "link.second.go", () => (this.#signed.value.trim() ? send({ type: "link-second", signed: this.#signed.value }) : this.#signed.focus()));
    const form = h("section", { class: "card-form" }, h("label", { for: "link-proposal" }, t("link.second.proposal")), this.#proposal, h("label", { for: "link-signed" }, t("link.second.signed")), this.#signed, go);
    this.parts = [h("p", { class: "lead" }, t("link.second.lead")), form, button("link-cancel", "plain wide", "cancel", () => send({ type: "link-cancel" }))];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ linking }) {
    if (this.#proposal.value !== linking.proposal) this.#proposal.value = linking.proposal;
  }
}

class Over {
  heading = heading("link.over.nothing");
  #text = h("div", { class: "stack" });
  #close;
  #drawn = "";
  parts;

  /** @param {Send} send */
  constructor(send) {
    this.#close = button("link-close", "primary wide", "link.over.again", () => send({ type: "close-linking" }));
    this.parts = [this.#text, this.#close];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ linking }) {
    const { done, trouble, joins } = linking;
    const key = JSON.stringify([done, trouble]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    if (!done) {
      say(this.heading, t("link.over.nothing"));
      say(this.#close, t("link.over.again"));
      return fill(this.#text, h("p", { class: "notice bad" }, ...troubleText(trouble)));
    }
    say(this.heading, t(joins ? "link.over.joined" : "link.over.added"));
    say(this.#close, t(joins ? "link.over.records" : "link.over.devices"));
    const name = h("p", { class: "what" }, h("bdi", { class: "claimed" }, done.name || t("devices.unnamed")), " ", h("span", { class: "id", dir: "ltr" }, done.short));
    const held = done.held > 0 && h("p", { class: "notice warn" }, t(joins ? "link.held.joiner" : "link.held.added", { span: span(done.held) }));
    const told = !done.told && h("p", { class: "notice warn" }, t("link.over.untold"));
    const next = h("p", { class: "lead" }, t(joins ? "link.over.joined.next" : "link.over.added.next"));
    const server = linking.otherServer && h("p", { class: "notice bad" }, t("link.other-server"));
    fill(this.#text, name, held, told, server, next);
  }
}

/** @type {Record<string, new (send: Send, snapshot: Record<string, any>) => any>} */
const STAGES = { starting: Starting, meeting: Starting, code: Code, words: Words, invited: Invited, asked: Asked, adding: Adding, second: Second, over: Over };
