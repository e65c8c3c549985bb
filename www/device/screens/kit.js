// The recovery kit: whether there is one, making one, its pages, giving it up.

import { fill, h, say } from "../../dom.js";
import { t } from "../../text.js";
import { ask } from "../dialog.js";
import { drawPages, wipe } from "../kit-pages.js";
import { typedNumber } from "../typed.js";

/** The most that a kit has. */
const MOST = 16;

export class Screen {
  #send;
  #heading = h("h1", { tabIndex: -1 });
  #body = h("div", { class: "kit" });
  #key = "";
  #busy = h("p", { class: "hint", role: "status" });
  element = h("section", { class: "screen narrow" });

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    say(this.#heading, t("kit.title"));
    fill(this.element, this.#heading, this.#body, this.#busy);
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw({ kit, busy }) {
    const key = `${kit.known} ${kit.there} ${kit.made} ${kit.drawn?.kit ?? ""}`;
    if (key !== this.#key) {
      const first = this.#key === "";
      this.#key = key;
      wipe(this.#body);
      if (!kit.known) fill(this.#body, h("p", { class: "lead" }, t("kit.reading")));
      else if (kit.drawn) this.#drawDrawn(kit.drawn, kit.there);
      else this.#drawState(kit);
      if (!first) {
        scrollTo(0, 0);
        this.#heading.focus();
      }
    }
    for (const button of this.#body.querySelectorAll("button")) button.disabled = Boolean(busy);
    say(this.#busy, busy ? t(`busy.${busy.what}`) : "");
  }

  /** @param {Record<string, any>} kit */
  #drawState({ there, made, alone }) {
    const number = (/** @type {string} */ id, /** @type {number} */ value) => /** @type {HTMLInputElement} */ (h("input", { id, type: "text", value: String(value), inputMode: "numeric", autocomplete: "off", spellcheck: false, required: true }));
    const shares = number("kit-shares", 3);
    const needed = number("kit-needed", 2);
    const wrong = h("p", { class: "field-error", role: "alert" });
    const go = h("button", { type: "submit", class: "primary wide", id: "kit-draw" }, t(there ? "kit.draw.again" : "kit.draw"));
    const form = h("form", { class: "card-form", novalidate: "" }, h("h2", {}, t(there ? "kit.another" : "kit.make")), h("label", { for: "kit-shares" }, t("kit.shares")), shares, h("label", { for: "kit-needed" }, t("kit.needed")), needed, h("p", { class: "hint" }, t("kit.plan")), wrong, go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [all, enough] = [typedNumber(shares.value), typedNumber(needed.value)];
      const fits = Number.isInteger(all) && Number.isInteger(enough) && all <= MOST && ((all === 1 && enough === 1) || (enough >= 2 && enough <= all));
      say(wrong, fits ? "" : t("kit.plan.wrong"));
      if (!fits) return shares.focus();
      const draw = () => this.#send({ type: "kit", act: "draw", needed: enough, shares: all });
      if (there) ask("kit.void", draw);
      else draw();
    });
    fill(
      this.#body,
      made && h("p", { class: "notice", role: "status", id: "kit-made" }, h("strong", {}, t("kit.made")), " ", t("kit.made.next")),
      h("p", { class: there ? "lead" : "notice warn", id: "kit-state" }, t(there ? "kit.there" : alone ? "kit.none.alone" : "kit.none")),
      h("p", {}, t("kit.lead")),
      form,
      there && h("section", { class: "kit-end" }, h("h2", {}, t("kit.give-up.heading")), h("p", { class: "hint" }, t("kit.give-up.hint")), h("button", { type: "button", class: "danger", id: "kit-give-up", onclick: () => ask("kit.give-up", () => this.#send({ type: "kit", act: "give-up" })) }, t("kit.give-up"))),
    );
  }

  /** @param {import("../kit-pages.js").Pages} drawn @param {boolean} there */
  #drawDrawn(drawn, there) {
    fill(this.#body, ...drawnKit(drawn, there ? "kit.drawn.void" : "kit.drawn.none", { kept: () => this.#send({ type: "kit", act: "kept" }), discard: () => this.#send({ type: "kit", act: "discard" }) }));
  }
}

/**
 * A kit that was drawn, and what to do with it: on this screen, and where an account comes back.
 * @param {import("../kit-pages.js").Pages} drawn
 * @param {string} state what stands in the catalogue for how the account is without it
 * @param {{ kept: () => void, discard: () => void }} acts
 */
export function drawnKit(drawn, state, acts) {
  const kept = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", id: "kit-kept" }));
  const go = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "primary wide", id: "kit-install", onclick: () => (kept.checked ? acts.kept() : say(wrong, t("kit.keep-first"))) }, t("kit.install")));
  const wrong = h("p", { class: "field-error", role: "alert" });
  kept.addEventListener("change", () => say(wrong, ""));
  return [
    h("ol", { class: "kit-steps" }, h("li", {}, t("kit.step.print", { count: drawn.shares })), h("li", {}, t("kit.step.check")), h("li", {}, t("kit.step.places"))),
    h("p", { class: "notice warn" }, t(state)),
    h("button", { type: "button", class: "plain wide", id: "kit-print", onclick: () => print() }, t("kit.print")),
    h("label", { class: "tick-line", for: "kit-kept" }, kept, h("span", {}, t("kit.kept"))),
    wrong,
    h("div", { class: "choices even" }, h("button", { type: "button", class: "plain", id: "kit-discard", onclick: acts.discard }, t("kit.discard")), go),
    drawPages(drawn),
  ];
}
