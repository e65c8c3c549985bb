// Between the code and the records: finding the device, checking each other, comparing words, waiting for a yes.

import { fill, h, say } from "../dom.js";
import { clock, parts, t } from "../text.js";

const STAGES = ["finding", "proving", "approving"];

export class Wait {
  #heading = h("h1", { tabIndex: -1 });
  #stages = STAGES.map((name) => h("li", {}, h("span", { class: "dot", "aria-hidden": "true" }), h("span", {}, t(`wait.${name}`))));
  #owner = h("p", { class: "owner", hidden: true });
  /** In one order on both screens, whatever the language around them. */
  #words = h("div", { class: "words", lang: "en", dir: "ltr", translate: false });
  #left = h("span", { class: "number" });
  #absent = h("p", { class: "notice", role: "status", hidden: true }, t("wait.absent"));
  #compare;

  /** @param {HTMLElement} main @param {(intent: import("../engine.js").Intent) => void} send */
  constructor(main, send) {
    this.#compare = h(
      "div",
      { hidden: true },
      this.#owner,
      h("p", { id: "words-say" }, t("wait.compare")),
      this.#words,
      h("p", { class: "hint" }, t("wait.compare.why")),
      h("p", { class: "hint" }, t("wait.silence"), " ", this.#left),
    );
    const cancel = h("button", { type: "button", class: "plain", onclick: () => send({ type: "end" }) }, t("cancel"));
    const screen = h("section", { class: "screen narrow" }, this.#heading, h("ol", { class: "stages" }, ...this.#stages), this.#absent, this.#compare, cancel);
    main.append(screen);
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw({ wait }) {
    say(this.#heading, t(`wait.title.${wait.stage}`));
    const at = STAGES.indexOf(wait.stage);
    this.#stages.forEach((stage, index) => {
      stage.className = index < at ? "done" : index === at ? "now" : "";
      if (index === at) stage.setAttribute("aria-current", "step");
      else stage.removeAttribute("aria-current");
    });
    this.#absent.hidden = wait.present;
    this.#compare.hidden = !wait.words;
    if (wait.words && !this.#words.firstChild) {
      fill(this.#words, ...wait.words.map((/** @type {string} */ word) => h("span", {}, word)));
    }
    this.#owner.hidden = wait.owner === null;
    if (wait.owner !== null && !this.#owner.firstChild) fill(this.#owner, ...parts("wait.owner", { owner: wait.owner }));
    say(this.#left, wait.secondsLeft === null ? "" : clock(wait.secondsLeft));
  }
}
