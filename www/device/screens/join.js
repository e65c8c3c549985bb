// This browser is to be a device of an account that is there already.

import { fill, h, say } from "../../dom.js";
import { t } from "../../text.js";
import { button, CodeForm, LinkingScreen } from "../linking.js";
import { Quick } from "../quick.js";
import { field } from "./gate.js";

/** The least that a passphrase may have; the Worker checks it again. */
const SHORTEST = 8;

class Choose {
  heading = h("h1", { tabIndex: -1 }, t("join.title"));
  #code;
  #resume = h("form", { class: "card-form", hidden: true });
  #resumeGo;
  parts;

  /** @param {import("../app.js").Send} send @param {Record<string, any>} snapshot */
  constructor(send, snapshot) {
    const name = field("name", "text", "join.name", { autocomplete: "off", maxLength: 60 });
    const first = field("passphrase", "password", "start.passphrase", { autocomplete: "new-password", minLength: SHORTEST });
    const again = field("again", "password", "start.again", { autocomplete: "new-password" });
    const wrong = h("p", { class: "field-error", role: "alert" });
    const refuse = (/** @type {string} */ key, /** @type {HTMLInputElement} */ input) => {
      say(wrong, t(key, { count: SHORTEST }));
      input.focus();
    };
    const quick = new Quick();
    const go = async (/** @type {string} */ form, /** @type {string | undefined} */ code) => {
      if (quick.making) return;
      if ([...first.input.value].length < SHORTEST) return refuse("start.short", first.input);
      if (first.input.value !== again.input.value) return refuse("start.differ", again.input);
      say(wrong, "");
      const missing = await quick.send(send, { type: "join", form, code, name: name.input.value, passphrase: first.input.value });
      if (missing) say(wrong, t(missing));
    };
    this.#code = new CodeForm(send, go, { show: "join.show.title", type: "join.type.title", hint: "join.type.hint" });
    // A form, so that a browser that keeps passphrases knows what it sees; nothing is sent by it.
    const stay = (/** @type {Event} */ event) => event.preventDefault();
    const form = h("form", { class: "card-form", onsubmit: stay }, ...name.all, h("p", { class: "hint" }, t("join.name.hint")), ...first.all, h("p", { class: "hint" }, t("start.passphrase.hint")), ...again.all, quick.element, wrong);
    const old = field("resume-passphrase", "password", "join.resume.passphrase", { autocomplete: "current-password" });
    this.#resumeGo = button("resume-go", "primary wide", "join.resume.go", () => {
      if (!old.input.value) return old.input.focus();
      send({ type: "resume", passphrase: old.input.value });
      old.input.value = "";
    });
    this.#resume.addEventListener("submit", (event) => (stay(event), this.#resumeGo.click()));
    fill(this.#resume, h("h2", {}, t("join.resume.title")), h("p", { class: "hint" }, t("join.resume.hint")), ...old.all, this.#resumeGo);
    const back = button("join-back", "quiet", "join.back", () => send({ type: "joining", wanted: false }));
    this.parts = [h("p", { class: "lead" }, t("join.lead")), this.#resume, form, ...this.#code.parts, back];
    this.draw(snapshot);
  }

  /** @param {Record<string, any>} snapshot */
  draw({ busy, resumable }) {
    this.#resume.hidden = !resumable;
    this.#code.draw(Boolean(busy));
    this.#resumeGo.disabled = Boolean(busy);
    say(this.#resumeGo, t(busy ? `busy.${busy.what}` : "join.resume.go"));
  }

  /** @param {import("../../engine.js").Report} report */
  hear(report) {
    this.#code.hear(report);
  }

  leave() {
    this.#code.leave();
  }
}

export class Screen extends LinkingScreen {
  /** @param {import("../app.js").Send} send */
  constructor(send) {
    super(send, Choose);
  }
}
