// Before the keys are there: linking the watch, and unlocking it.

import { fill, h, say } from "../dom.js";
import { clock, t } from "../text.js";

/** The least that a PIN may have; the Worker checks it again. */
const SHORTEST = 6;

/** @param {string} key */
export const heading = (key) => h("h1", { tabIndex: -1 }, t(key));

/** @param {string} id @param {string} look @param {string} key @param {(event: MouseEvent) => void} onclick */
export const button = (id, look, key, onclick) => /** @type {HTMLButtonElement} */ (h("button", { type: "button", id, class: `pill ${look}`, onclick }, t(key)));

export const clockLine = () => h("p", { class: "clock", role: "timer", "aria-live": "off" });

/** A code in groups that no line breaks, read digit by digit. @param {HTMLElement} element @param {string} code */
export function drawCode(element, code) {
  if (element.dataset.code === code) return;
  element.dataset.code = code;
  fill(element, ...code.split(" ").flatMap((group, at) => [at > 0 && " ", h("span", {}, group)]));
  element.setAttribute("aria-label", [...code.replaceAll(" ", "")].join(" "));
}

/** Why nobody carries, and what to do. */
export function companionText() {
  return t(opener && !opener.closed ? "watch.away" : "watch.alone");
}

/** @param {string} id @param {string} key @param {Record<string, unknown>} [more] */
function field(id, key, more = {}) {
  const input = /** @type {HTMLInputElement} */ (h("input", { id, type: "password", inputMode: "numeric", spellcheck: false, autocapitalize: "off", ...more }));
  return { input, all: [h("label", { for: id }, t(key)), input] };
}

export class Start {
  heading = heading("watch.start");
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    const pin = field("pin", "watch.pin", { autocomplete: "new-password" });
    const again = field("pin-again", "watch.pin-again", { autocomplete: "new-password" });
    const code = field("code", "watch.code-there", { type: "text", autocomplete: "one-time-code" });
    const wrong = h("p", { class: "field-error", role: "alert" });
    const typed = h("form", { hidden: true }, ...code.all, h("button", { type: "submit", class: "pill primary", id: "join-type" }, t("watch.link")));
    const show = h("button", { type: "submit", class: "pill primary", id: "join-show" }, t("watch.show"));
    const pins = h("form", {}, ...pin.all, ...again.all, wrong, show);
    const type = button("join-other", "plain", "watch.type", () => {
      typed.hidden = false;
      type.hidden = true;
      code.input.focus();
    });
    const refuse = (/** @type {string} */ key, /** @type {HTMLInputElement} */ input) => {
      say(wrong, t(key, { count: SHORTEST }));
      input.focus();
    };
    const join = (/** @type {string | null} */ given) => {
      if ([...pin.input.value].length < SHORTEST) return refuse("watch.pin-short", pin.input);
      if (pin.input.value !== again.input.value) return refuse("watch.pin-differ", again.input);
      if (given === "") return code.input.focus();
      say(wrong, "");
      send({ type: "join", name: t("watch.name"), pin: pin.input.value, code: given });
      pin.input.value = again.input.value = "";
    };
    pins.addEventListener("submit", (event) => {
      event.preventDefault();
      join(null);
    });
    typed.addEventListener("submit", (event) => {
      event.preventDefault();
      join(code.input.value.trim());
    });
    this.parts = [h("p", { class: "hint" }, t("watch.start.lead")), pins, type, typed];
  }

  draw() {}
}

export class Joining {
  heading = h("h1", { tabIndex: -1 });
  #body = h("p", { class: "body", role: "status" });
  #code = h("p", { class: "long-code", dir: "ltr", translate: false, hidden: true });
  #words = h("p", { class: "words", dir: "ltr", lang: "en", translate: false, hidden: true });
  #left = clockLine();
  #crowded = h("p", { class: "warn", hidden: true }, t("say.link-crowded"));
  #cancel;
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    this.#cancel = button("join-cancel", "plain", "cancel", () => send({ type: "join-cancel" }));
    say(this.heading, t("watch.linking"));
    this.parts = [this.#code, this.#words, this.#body, this.#left, this.#crowded, this.#cancel];
  }

  /** @param {import("./app.js").Snapshot} snapshot */
  draw({ linking }) {
    const { stage, code, connecting, words, secondsLeft } = linking;
    const shows = stage === "code" && !connecting;
    this.#code.hidden = !shows;
    if (shows) drawCode(this.#code, code);
    this.#words.hidden = words.length === 0;
    say(this.#words, words.join());
    say(this.#body, stage === "meeting" ? t("link.meeting") : t(`watch.joining.${connecting ? "connecting" : stage}`));
    say(this.#left, secondsLeft === null ? "" : clock(secondsLeft));
    this.#crowded.hidden = !linking.crowded;
    this.#cancel.hidden = stage === "invited";
  }
}

export class Locked {
  heading = heading("watch.locked");
  #go = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", class: "pill primary", id: "unlock" }));
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    const pin = field("pin", "watch.pin", { autocomplete: "current-password" });
    const form = h("form", {}, ...pin.all, this.#go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!pin.input.value) return pin.input.focus();
      send({ type: "unlock", passphrase: pin.input.value });
      pin.input.value = "";
    });
    this.parts = [form];
  }

  /** @param {import("./app.js").Snapshot} snapshot */
  draw({ busy }) {
    this.#go.disabled = Boolean(busy);
    say(this.#go, t(busy ? `busy.${busy.what}` : "locked.go"));
  }
}
