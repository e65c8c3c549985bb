// Before the keys are there: founding an account, or unlocking it.

import { fill, h, say } from "../../dom.js";
import { ask, whyNot } from "../passkey.js";
import { Quick } from "../quick.js";
import { t } from "../../text.js";

/** The least that a passphrase may have; the Worker checks it again. */
const SHORTEST = 8;

export class Gate {
  #send;
  #heading = h("h1", { tabIndex: -1 });
  #form = h("div");
  #kind = "";
  #go = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", class: "primary wide", id: "gate-go" }));
  /** @type {HTMLElement | null} */
  #first = null;
  element = h("section", { class: "screen narrow gate" });

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    fill(this.element, this.#heading, this.#form);
  }

  focus() {
    (this.#first ?? this.#heading).focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw(snapshot) {
    if (snapshot.screen !== this.#kind) {
      this.#kind = snapshot.screen;
      if (snapshot.screen === "start") this.#start();
      else this.#locked(snapshot.name, snapshot.passkey);
      this.focus();
    }
    const busy = Boolean(snapshot.busy);
    this.#go.disabled = busy;
    say(this.#go, t(busy ? `busy.${snapshot.busy.what}` : this.#kind === "start" ? "start.go" : "locked.go"));
  }

  #start() {
    say(this.#heading, t("start.title"));
    const name = field("name", "text", "start.name", { autocomplete: "nickname", maxLength: 100 });
    const first = field("passphrase", "password", "start.passphrase", { autocomplete: "new-password", minLength: SHORTEST });
    const again = field("again", "password", "start.again", { autocomplete: "new-password" });
    const wrong = h("p", { class: "field-error", role: "alert" });
    const form = h("form", { class: "card-form", noValidate: true, autocomplete: "off" }, ...name.all, h("p", { class: "hint" }, t("start.name.hint")), ...first.all, h("p", { class: "hint" }, t("start.passphrase.hint")), ...again.all, wrong, this.#go);
    const quick = new Quick();
    wrong.before(quick.element);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (this.#go.disabled || quick.making) return;
      if ([...first.input.value].length < SHORTEST) return this.#refuse(wrong, "start.short", first.input);
      if (first.input.value !== again.input.value) return this.#refuse(wrong, "start.differ", again.input);
      say(wrong, "");
      this.#go.disabled = true;
      const missing = await quick.send(this.#send, { type: "create", name: name.input.value, passphrase: first.input.value });
      this.#go.disabled = false;
      if (missing) return say(wrong, t(missing));
      // Typed once more, should it be needed: it does not stand in the page meanwhile.
      first.input.value = again.input.value = "";
    });
    this.#first = name.input;
    const kit = h("button", { type: "button", class: "plain wide", id: "restore", onclick: () => this.#send({ type: "restore", act: "begin" }) }, t("restore.open"));
    const join = h("button", { type: "button", class: "plain wide", id: "to-join", onclick: () => this.#send({ type: "joining", wanted: true }) }, t("join.way"));
    fill(this.#form, h("p", { class: "lead" }, t("start.lead")), form, join, kit, h("p", { class: "assurance" }, t("start.assurance")));
  }

  /** @param {string} name @param {import("../passkey.js").Passkey | null} passkey */
  #locked(name, passkey) {
    say(this.#heading, name ? t("locked.title.of", { name }) : t("locked.title"));
    const pass = field("passphrase", "password", "locked.passphrase", { autocomplete: "current-password" });
    const form = h("form", { class: "card-form", noValidate: true, autocomplete: "off" }, ...pass.all, this.#go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!pass.input.value) return pass.input.focus();
      this.#send({ type: "unlock", passphrase: pass.input.value });
      pass.input.value = "";
    });
    if (!passkey) {
      this.#first = pass.input;
      return fill(this.#form, form);
    }
    // The passkey first, and the passphrase behind it.
    const wrong = h("p", { class: "field-error", role: "alert" });
    const by = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "primary wide", id: "gate-passkey" }, t("set.unlock.passkey")));
    by.addEventListener("click", async () => {
      say(wrong, "");
      by.disabled = true;
      try {
        const secret = await ask(passkey);
        this.#send({ type: "keyed", told: { type: "unlock" }, secret }, [secret]);
      } catch (error) {
        say(wrong, t(whyNot(error)));
      } finally {
        by.disabled = false;
      }
    });
    this.#go.className = "plain wide";
    this.#first = by;
    fill(this.#form, h("div", { class: "card-form" }, by, wrong), h("p", { class: "lead or" }, t("set.unlock.or")), form);
  }

  /** @param {HTMLElement} place @param {string} key @param {HTMLInputElement} input */
  #refuse(place, key, input) {
    say(place, t(key, { count: SHORTEST }));
    input.focus();
  }
}

/**
 * A labelled field.
 * @param {string} id @param {string} type @param {string} label @param {Record<string, unknown>} more
 */
export function field(id, type, label, more = {}) {
  const input = /** @type {HTMLInputElement} */ (h("input", { id, type, spellcheck: false, autocapitalize: "off", ...more }));
  return { input, all: [h("label", { for: id }, t(label)), input] };
}
