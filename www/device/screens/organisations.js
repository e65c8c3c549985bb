// Organisations whose agents may ask: those that are pinned, and a card that may become one of them. A card that was pasted,
// scanned or read from a file pins nothing: its key is shown first, and the person presses on.

import { fill, h, say } from "../../dom.js";
import { chosen, t } from "../../text.js";
import { question } from "../dialog.js";
import { button, span } from "../linking.js";
import { mark } from "../marks.js";
import { Scanner } from "../scan.js";
import { field } from "./gate.js";

/** No card is longer, in bytes. */
const MOST = 4096;

/** A key in groups, so that two people can compare it. @param {string[]} groups */
const key = (groups) => h("p", { class: "key-groups", dir: "ltr", translate: false }, ...groups.flatMap((group, at) => [at > 0 && " ", h("span", {}, group)]));

export class Screen {
  #send;
  #heading = h("h1", { tabIndex: -1 }, t("org.title"));
  #state = h("p", { class: "hint", role: "status" });
  #done = h("p", { class: "notice good", role: "status", hidden: true });
  #waiting = h("section", { class: "card-form", hidden: true });
  #list = h("ul", { class: "devices" });
  #reading;
  #field = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "org-card", rows: 3, autocomplete: "off", spellcheck: false, autocapitalize: "off", dir: "ltr", translate: false, "aria-describedby": "org-card-hint" }));
  #scanner;
  #card = h("section", { class: "card-form card-shown", hidden: true });
  #drawn = ["", "", ""];
  element;

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    const read = button("org-read", "primary wide", "org.read", () => (this.#field.value.trim() ? this.#act("read", { text: this.#field.value }) : this.#field.focus()));
    // Filled and no more, by whatever way it came.
    const found = (/** @type {string} */ text) => {
      this.#field.value = text.trim();
      read.focus();
    };
    this.#scanner = new Scanner(send, found);
    const file = /** @type {HTMLInputElement} */ (h("input", { type: "file", id: "org-file", class: "hidden", tabIndex: -1, accept: ".txt,text/plain" }));
    file.setAttribute("aria-hidden", "true");
    file.addEventListener("change", async () => {
      const from = file.files?.[0];
      if (from) found(await from.slice(0, MOST).text().catch(() => ""));
      file.value = "";
    });
    const choose = button("org-choose", "plain wide", "org.file", () => file.click());
    const hint = h("p", { class: "hint", id: "org-card-hint" }, t("org.card.hint"));
    this.#reading = h("section", { class: "card-form" }, h("h2", {}, t("org.add")), hint, h("label", { for: "org-card" }, t("org.card")), this.#field, this.#scanner.element, file, choose, read);
    this.element = h("section", { class: "screen narrow organisations" }, this.#heading, h("p", { class: "lead" }, t("org.lead")), this.#done, this.#state, this.#waiting, this.#list, this.#card, this.#reading);
  }

  focus() {
    this.#heading.focus();
  }

  forget() {
    this.#scanner.stop();
  }

  /** @param {import("../../engine.js").Report} report */
  hear(report) {
    this.#scanner.hear(report);
  }

  /** @param {string} act @param {Record<string, unknown>} [more] */
  #act(act, more = {}) {
    this.#send({ type: "organisations", act, ...more });
  }

  /** @param {Record<string, any>} snapshot */
  draw({ organisations, busy }) {
    const { rows, card, waiting, pinned } = organisations;
    say(this.#state, busy ? t(`busy.${busy.what}`) : rows.length === 0 ? t("org.none") : "");
    this.#done.hidden = pinned === null;
    say(this.#done, pinned === null ? "" : pinned > 0 ? t("org.pinned.held", { span: span(pinned) }) : t("org.pinned"));
    if (this.#changed(0, rows)) fill(this.#list, ...rows.map((/** @type {any} */ row) => this.#row(row)));
    if (this.#changed(1, waiting)) this.#drawWaiting(waiting);
    if (this.#changed(2, card)) this.#drawCard(card);
    for (const each of this.element.querySelectorAll("button")) each.disabled = Boolean(busy);
  }

  /** @param {number} at @param {unknown} value */
  #changed(at, value) {
    const drawn = JSON.stringify([value, chosen()]);
    const changed = drawn !== this.#drawn[at];
    this.#drawn[at] = drawn;
    return changed;
  }

  /** @param {Record<string, any>} row */
  #row(row) {
    const unpin = button("", "danger", "org.unpin", () => question({ title: t("org.unpin.title", { name: row.name }), reasons: [h("p", {}, t("org.unpin.why"))], no: t("devices.no"), yes: t("org.unpin"), id: "unpin-yes" }, () => this.#act("unpin", { key: row.key })));
    unpin.setAttribute("aria-label", `${t("org.unpin")}: ${row.name}`);
    const head = h("div", { class: "device-head" }, mark("organisation"), h("bdi", { class: "device-name" }, row.name), !row.counts && h("span", { class: "tag warn" }, t("devices.held")));
    const held = !row.counts && h("p", { class: "notice warn" }, t("org.held"));
    return h("li", {}, head, h("p", { class: "hint" }, t("org.key")), key(row.groups), held, h("div", { class: "choices" }, unpin));
  }

  /** @param {Record<string, any> | null} waiting */
  #drawWaiting(waiting) {
    this.#waiting.hidden = !waiting;
    if (!waiting) return fill(this.#waiting);
    const proposal = h("textarea", { id: "org-proposal", rows: 4, readOnly: true, autocomplete: "off", spellcheck: false, dir: "ltr", translate: false, value: waiting.proposal });
    const signed = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "org-signed", rows: 4, dir: "ltr", autocomplete: "off", spellcheck: false, autocapitalize: "off" }));
    const go = button("org-complete", "primary wide", "link.second.go", () => (signed.value.trim() ? this.#act("complete", { signed: signed.value }) : signed.focus()));
    const changes = [...waiting.pinned.map((/** @type {string} */ name) => t("org.waiting.pin", { name })), ...waiting.unpinned.map((/** @type {string} */ name) => t("org.waiting.unpin", { name }))];
    const list = h("ul", { class: "titles" }, ...changes.map((each) => h("li", {}, each)));
    fill(this.#waiting, h("h2", {}, t("link.second.title")), list, h("p", { class: "hint" }, t("link.second.lead")), h("label", { for: "org-proposal" }, t("link.second.proposal")), proposal, h("label", { for: "org-signed" }, t("link.second.signed")), signed, go);
  }

  /** @param {Record<string, any> | null} card */
  #drawCard(card) {
    const was = !this.#card.hidden;
    this.#card.hidden = !card;
    this.#reading.hidden = Boolean(card);
    if (!card) {
      this.#field.value = "";
      fill(this.#card);
      // Where the person was is gone.
      if (was) this.#heading.focus();
      return;
    }
    this.#scanner.stop();
    const heading = h("h2", { tabIndex: -1 }, t("org.confirm"));
    const claim = (/** @type {string} */ name, /** @type {string} */ value) => [h("dt", {}, t(name)), h("dd", {}, h("bdi", { class: "claimed" }, value || t("asking.nothing")))];
    const said = h("dl", { class: "claims" }, ...claim("org.confirm.name", card.name), ...claim("org.confirm.server", card.server));
    const away = button("org-away", "plain even", "org.confirm.no", () => this.#act("put-away"));
    const what = [heading, said, h("p", {}, h("strong", {}, t("org.confirm.key"))), key(card.groups)];
    if (card.known !== null) return this.#show(heading, ...what, h("p", { class: "notice" }, t("org.confirm.known", { name: card.known })), h("div", { class: "choices even" }, away));
    const { input, all } = field("org-name", "text", "org.confirm.call", { autocomplete: "off", maxLength: 80, value: card.name });
    const pin = button("org-pin", "plain even", "org.confirm.yes", () => (input.value.trim() ? this.#act("pin", { name: input.value }) : input.focus()));
    const other = card.other && h("p", { class: "notice bad" }, t("org.confirm.other"));
    this.#show(heading, ...what, h("p", { class: "notice warn" }, t("org.confirm.why")), other, ...all, h("div", { class: "choices even" }, away, pin));
  }

  /** @param {HTMLElement} heading @param {...any} parts */
  #show(heading, ...parts) {
    fill(this.#card, ...parts);
    heading.focus();
    this.#card.scrollIntoView({ block: "nearest" });
  }
}
