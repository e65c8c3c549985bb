// How the keys are kept on this device, what is stored here, and the ways out of the account.

import { byId, fill, h, say } from "../../dom.js";
import { languages, size, t } from "../../text.js";
import { question } from "../dialog.js";
import { ask, forgetAbout, make, offered, whyNot } from "../passkey.js";
import { able, subscribe, subscription, told } from "../push.js";
import { Site, serversOwn } from "../site.js";
import { isSafe, keep as askToKeep } from "../storage.js";
import { field } from "./gate.js";

/** Minutes after which the keys can be put away. */
const LOCKS = [0, 1, 5, 15];
const SHORTEST = 8;

export class Screen {
  #send;
  #heading = h("h1", { tabIndex: -1 }, t("set.title"));
  #done = h("p", { class: "notice good", role: "status", hidden: true });
  #lock = /** @type {HTMLSelectElement} */ (h("select", { id: "set-lock", "data-at-once": "" }));
  #passkey = h("section", { class: "card-form" });
  #storage = h("section", { class: "card-form" });
  #site = new Site((intent) => this.#send(intent));
  #push = h("section", { class: "card-form" });
  #pushDrawn = "";
  #name = "";
  /** @type {import("../passkey.js").Passkey | null} */
  #held = null;
  #drawn = "";
  element;

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    this.element = h("section", { class: "screen narrow settings" }, this.#heading, this.#done, this.#basics(), this.#push, this.#passkey, this.#passphrase(), this.#storage, this.#forget(), this.#remove());
    void this.#drawStorage();
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw({ settings, passkey, name, busy }) {
    this.#name = name;
    this.#held = passkey;
    if (settings.done && this.#done.hidden) scrollTo(0, 0);
    this.#done.hidden = !settings.done;
    say(this.#done, settings.done ? t(settings.done) : "");
    this.#lock.value = String(settings.lock);
    this.#site.draw(settings.site);
    for (const button of this.element.querySelectorAll("button")) button.disabled = Boolean(busy);
    if (JSON.stringify(settings.push) !== this.#pushDrawn) {
      this.#pushDrawn = JSON.stringify(settings.push);
      void this.#drawPush(settings.push);
    }
    const key = JSON.stringify(passkey?.credential ?? null);
    if (key === this.#drawn) return;
    this.#drawn = key;
    void this.#drawPasskey();
  }

  #basics() {
    fill(this.#lock, ...LOCKS.map((each) => h("option", { value: String(each) }, each === 0 ? t("set.lock.at-once") : t("set.lock.minutes", { count: each }))));
    this.#lock.addEventListener("change", () => this.#send({ type: "set-lock", minutes: Number(this.#lock.value) }));
    const header = /** @type {HTMLSelectElement} */ (byId("language"));
    const language = /** @type {HTMLSelectElement} */ (h("select", { id: "set-language", translate: false, "data-at-once": "" }));
    const names = new Map([...header.options].map((option) => [option.value, option.text]));
    fill(language, ...languages().map((each) => h("option", { value: each, lang: each }, names.get(each) ?? each)));
    language.value = header.value;
    language.addEventListener("change", () => {
      header.value = language.value;
      header.dispatchEvent(new Event("change"));
    });
    const label = (/** @type {string} */ id, /** @type {string} */ key) => h("label", { for: id }, t(key));
    return h("section", { class: "card-form" }, label("set-lock", "set.lock"), this.#lock, h("p", { class: "hint" }, t("set.lock.hint")), label("set-language", "language"), language, h("p", { class: "hint" }, t("set.language.hint")), h("h2", {}, t("set.site")), h("p", {}, h("bdi", { class: "claimed", translate: false }, serversOwn())), this.#site.element);
  }

  /** @param {{ key: string | null } | null} push what the server says; nothing while it was not asked */
  async #drawPush(push) {
    const parts = [h("h2", {}, t("set.push"))];
    if (!push) return fill(this.#push, ...parts, h("p", { class: "hint" }, t("set.push.asking")));
    if (!push.key || !able()) return fill(this.#push, ...parts, h("p", { class: "hint" }, t(push.key ? "set.push.not-here" : "set.push.none")));
    const key = push.key;
    const held = await subscription().catch(() => null);
    const wrong = h("p", { class: "field-error", role: "alert" });
    if (held) {
      const stop = h("button", { type: "button", class: "plain wide", id: "push-stop" }, t("set.push.stop"));
      stop.addEventListener("click", async () => {
        await held.unsubscribe().catch(() => {});
        this.#send({ type: "push", act: "stop" });
        await this.#drawPush(push);
      });
      return fill(this.#push, ...parts, h("p", {}, t("set.push.on")), h("p", { class: "hint" }, t("set.push.what")), stop);
    }
    const begin = h("button", { type: "button", class: "primary wide", id: "push-begin" }, t("set.push.go"));
    begin.addEventListener("click", async () => {
      say(wrong, "");
      const made = await subscribe(key).catch(() => null);
      if (!made) return say(wrong, t(made === null ? "set.push.refused" : "set.push.not-here"));
      this.#send(told(made));
      await this.#drawPush(push);
    });
    fill(this.#push, ...parts, h("p", { class: "hint" }, t("set.push.what")), begin, wrong);
  }

  async #drawPasskey() {
    const parts = [h("h2", {}, t("set.passkey"))];
    const wrong = h("p", { class: "field-error", role: "alert" });
    const held = this.#held;
    if (held) {
      const remove = h("button", { type: "button", class: "plain wide", id: "passkey-remove" }, t("set.passkey.remove"));
      remove.addEventListener("click", () => {
        this.#send({ type: "remove-passkey" });
        forgetAbout(held);
      });
      return fill(this.#passkey, ...parts, h("p", {}, t("set.passkey.on")), h("p", { class: "hint" }, t("set.passkey.lost")), remove);
    }
    if (!(await offered())) return fill(this.#passkey, ...parts, h("p", { class: "hint" }, t("set.passkey.not-here")));
    if (this.#held) return;
    const pass = field("passkey-passphrase", "password", "locked.passphrase", { autocomplete: "current-password" });
    const go = h("button", { type: "submit", class: "primary wide", id: "passkey-add" }, t("set.passkey.add"));
    const form = h("form", { class: "plain-form", novalidate: "" }, ...pass.all, wrong, go);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!pass.input.value) return pass.input.focus();
      const passphrase = pass.input.value;
      pass.input.value = "";
      say(wrong, "");
      try {
        const { passkey, secret } = await make(this.#name);
        this.#send({ type: "keyed", told: { type: "add", ...passkey, passphrase }, secret }, [secret]);
      } catch (error) {
        say(wrong, t(whyNot(error)));
      }
    });
    fill(this.#passkey, ...parts, h("p", { class: "hint" }, t("set.passkey.why")), form);
  }

  #passphrase() {
    const old = field("old-passphrase", "password", "set.passphrase.old", { autocomplete: "current-password" });
    const first = field("new-passphrase", "password", "set.passphrase.new", { autocomplete: "new-password", minLength: SHORTEST });
    const again = field("new-again", "password", "start.again", { autocomplete: "new-password" });
    const wrong = h("p", { class: "field-error", role: "alert" });
    const go = h("button", { type: "submit", class: "plain wide", id: "passphrase-go" }, t("set.passphrase.go"));
    const form = h("form", { class: "plain-form", novalidate: "" }, ...old.all, h("p", { class: "hint" }, t("set.passphrase.forgotten")), ...first.all, ...again.all, wrong, go);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const refuse = (/** @type {string} */ key, /** @type {HTMLInputElement} */ input) => (say(wrong, t(key, { count: SHORTEST })), input.focus());
      if (!old.input.value && !this.#held) return old.input.focus();
      if ([...first.input.value].length < SHORTEST) return refuse("start.short", first.input);
      if (first.input.value !== again.input.value) return refuse("start.differ", again.input);
      say(wrong, "");
      const told = { new: first.input.value };
      const sent = await this.#prove(wrong, old.input, { type: "change-passphrase", ...told }, "old");
      if (sent) old.input.value = first.input.value = again.input.value = "";
    });
    return h("details", { class: "card-form" }, h("summary", {}, t("set.passphrase")), form);
  }

  /** With the passphrase that was typed, or the passkey where none was. @param {HTMLElement} wrong @param {HTMLInputElement} input @param {import("../app.js").Intent} told @param {string} name @returns {Promise<boolean>} */
  async #prove(wrong, input, told, name) {
    if (input.value) {
      this.#send({ ...told, [name]: input.value });
      return true;
    }
    if (!this.#held) {
      input.focus();
      return false;
    }
    try {
      const secret = await ask(this.#held);
      this.#send({ type: "keyed", told, secret }, [secret]);
      return true;
    } catch (error) {
      say(wrong, t(whyNot(error)));
      return false;
    }
  }

  async #drawStorage() {
    const parts = [h("h2", {}, t("set.storage")), h("p", { class: "hint" }, t("set.storage.what"))];
    fill(this.#storage, ...parts);
    try {
      const [safe, { usage, quota }] = await Promise.all([isSafe(), navigator.storage.estimate()]);
      if (safe === null) return;
      if (usage && quota) parts.push(h("p", {}, t("set.storage.used", { used: size(usage), all: size(quota) })));
      parts.push(h("p", { class: safe ? "" : "notice warn", id: "storage-state" }, t(safe ? "set.storage.safe" : "set.storage.unsafe")));
      const keep = h("button", { type: "button", class: "plain wide", id: "storage-keep" }, t("set.storage.keep"));
      const refused = h("p", { class: "field-error", role: "alert" });
      keep.addEventListener("click", async () => ((await askToKeep()) ? this.#drawStorage() : say(refused, t("set.storage.refused"))));
      fill(this.#storage, ...parts, !safe && keep, refused);
    } catch {
      // What the browser does not say cannot be told.
    }
  }

  #forget() {
    const go = h("button", { type: "button", class: "danger wide", id: "forget", onclick: () => this.#ask("set.forget", () => this.#send({ type: "forget" })) }, t("set.forget.go"));
    return h("details", { class: "card-form" }, h("summary", {}, t("set.forget")), h("p", {}, t("set.forget.what")), h("p", { class: "notice warn" }, t("set.forget.warning")), go);
  }

  #remove() {
    const pass = field("delete-passphrase", "password", "locked.passphrase", { autocomplete: "current-password" });
    const wrong = h("p", { class: "field-error", role: "alert" });
    const go = h("button", { type: "submit", class: "danger wide", id: "delete-account" }, t("set.delete.go"));
    const form = h("form", { class: "plain-form", novalidate: "" }, ...pass.all, wrong, go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!pass.input.value && !this.#held) return pass.input.focus();
      this.#ask("set.delete", async () => {
        if (await this.#prove(wrong, pass.input, { type: "delete-account" }, "passphrase")) pass.input.value = "";
      });
    });
    return h("details", { class: "card-form" }, h("summary", {}, t("set.delete")), h("p", { class: "notice bad" }, t("set.delete.what")), form);
  }

  /** @param {string} what @param {() => void} then */
  #ask(what, then) {
    question({ title: t(`${what}.ask`), reasons: [h("p", {}, t(`${what}.what`))], no: t("cancel"), yes: t(`${what}.go`) }, then);
  }
}
