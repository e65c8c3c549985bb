// Looks that go on, whichever device of the account lends them, and the end of each.

import { button, heading } from "./joining.js";
import { deviceName } from "../device/words.js";
import { fill, h, say } from "../dom.js";
import { t, time } from "../text.js";

export class Looks {
  heading = heading("sessions.title");
  #send;
  #state = h("p", { class: "hint", role: "status" });
  #rows = h("ul", { class: "looks" });
  #drawn = "";
  parts;

  /** @param {import("./app.js").Send} send */
  constructor(send) {
    this.#send = send;
    const back = button("looks-back", "plain", "watch.back", () => send({ type: "go", to: "records" }));
    this.parts = [this.#state, this.#rows, back];
  }

  /** @param {import("./app.js").Snapshot} snapshot */
  draw({ sessions, busy, away }) {
    const running = (sessions?.rows ?? []).filter((/** @type {any} */ row) => row.running);
    say(this.#state, running.length > 0 ? "" : t(sessions?.read ? "sessions.none" : "sessions.reading"));
    const key = JSON.stringify([running, Boolean(busy), away]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    fill(this.#rows, ...running.map((/** @type {any} */ row) => this.#row(row, Boolean(busy) || away)));
  }

  /** @param {Record<string, any>} row @param {boolean} off */
  #row({ session, until, opened, lender }, off) {
    const end = h("button", { type: "button", class: "pill danger", disabled: off, onclick: () => this.#send({ type: "sessions", act: "end", session }) }, t("watch.end"));
    const state = `${t("sessions.until", { time: time(until, { timeStyle: "short" }) })} · ${t("over.opened", { count: opened })}`;
    return h("li", {}, lender && h("p", {}, t("sessions.lender", { device: deviceName(lender) })), h("p", { class: "hint" }, state), end);
  }
}
