// What a passkey opens beside the passphrase: one gesture instead of a passphrase each time, where the browser can. Offered
// wherever keys come to this browser.

import { h } from "../dom.js";
import { t } from "../text.js";
import { Unable, builtIn, make, offered } from "./passkey.js";
import { tick } from "./tick.js";

export class Quick {
  #tick = tick("quick", "start.passkey");
  /** Whether the browser asks for one at this moment. */
  making = false;
  element = h("div", { hidden: true }, this.#tick.all, h("p", { class: "hint" }, t("start.passkey.hint")));

  constructor() {
    void offered().then((able) => (this.element.hidden = !able));
    void builtIn().then((able) => (this.#tick.input.checked = able));
  }

  /**
   * Sends what the person wants, with a passkey where one is wanted. Says why there is none, by key of the catalogue: then nothing
   * was sent, and it goes on when the person says so once more, without. Whoever calls it looks first at `making`: a browser asks
   * once at a time, and a second press is not that word.
   * @param {import("./app.js").Send} send
   * @param {import("../engine.js").Intent & { name: string }} told
   * @param {import("../engine.js").Intent & { name: string }} [keyed] the same, where it is called otherwise beside a passkey
   * @returns {Promise<string | null>}
   */
  async send(send, told, keyed = told) {
    if (!this.#tick.input.checked) {
      send(told);
      return null;
    }
    this.making = true;
    try {
      const { passkey, secret } = await make(told.name);
      send({ type: "keyed", told: { ...keyed, ...passkey }, secret }, [secret]);
      return null;
    } catch (error) {
      this.#tick.input.checked = false;
      this.#tick.input.focus();
      return error instanceof Unable ? "start.passkey.unable" : "start.passkey.cancelled";
    } finally {
      this.making = false;
    }
  }
}
