// A linked device brings another one into the account.

import { h } from "../../dom.js";
import { t } from "../../text.js";
import { CodeForm, LinkingScreen } from "../linking.js";

class Choose {
  heading = h("h1", { tabIndex: -1 }, t("link.title"));
  #code;
  parts;

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    const go = (/** @type {string} */ form, /** @type {string | undefined} */ code) => send({ type: "link", form, code });
    this.#code = new CodeForm(send, go, { show: "link.show.title", type: "link.type.title", hint: "link.type.hint" });
    this.parts = [h("p", { class: "lead" }, t("link.lead")), ...this.#code.parts];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ busy }) {
    this.#code.draw(Boolean(busy));
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
