// Records that are lent on top, while somebody looks.

import { h, say } from "../../dom.js";
import { t } from "../../text.js";
import { List } from "../../screens/list.js";
import { Fields } from "./lend-fields.js";
import { LendFinder } from "./lend-finder.js";

export class More {
  #send;
  #list;
  #finder;
  #go;
  #fields;
  #fold;
  #opener;
  element;

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    this.#list = new List(send, { choosing: true });
    this.#finder = new LendFinder(send, this.#list);
    this.#fields = new Fields(send);
    this.#go = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "primary wide", id: "lend-more", onclick: () => this.#lend() }));
    this.#fold = h("div", { class: "chooser", id: "more-box", hidden: true }, this.#finder.element, this.#list.element, this.#fields.element, this.#go);
    this.#opener = h("button", { type: "button", class: "plain wide", id: "more-open", "aria-expanded": "false", "aria-controls": "more-box", onclick: () => (this.#fold.hidden ? this.open() : this.#close()) }, t("running.more"));
    this.element = h("div", { class: "lend-more" }, this.#opener, this.#fold);
  }

  /** Shows what there is to choose from. */
  open() {
    this.#fold.hidden = false;
    this.#opener.setAttribute("aria-expanded", "true");
    this.#finder.focus();
  }

  #close() {
    this.#fold.hidden = true;
    this.#opener.setAttribute("aria-expanded", "false");
  }

  #lend() {
    this.#send({ type: "lend-more" });
    this.#close();
    this.#opener.focus();
  }

  /** @param {Record<string, any>} list @param {number} more how many are ticked and not lent @param {Record<string, any> | null} withholding */
  draw(list, more, withholding) {
    this.#fields.draw(withholding);
    this.#list.draw({ ...list, empty: "list.nothing" }, null);
    this.#finder.draw(list);
    this.#go.disabled = more === 0;
    say(this.#go, more === 0 ? t("running.more.none") : t("running.more.go", { count: more }));
  }
}
