// The devices of the account: which there are, what they are called, taking one out.

import { fill, h, say } from "../../dom.js";
import { chosen, number, t } from "../../text.js";
import { question, titled } from "../dialog.js";
import { button, moment } from "../linking.js";
import { field } from "./gate.js";

export class Screen {
  #send;
  #heading = h("h1", { tabIndex: -1 }, t("devices.title"));
  #recovery = h("div", { class: "notice bad stack", hidden: true });
  #state = h("p", { class: "hint", role: "status" });
  #bar = h("progress", { class: "rekeying", hidden: true });
  #list = h("ul", { class: "devices" });
  #gone = h("ul", { class: "devices" });
  #past = h("details", { hidden: true });
  #drawn = "";
  #busy = false;
  element;

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    const link = button("devices-link", "primary wide", "devices.link", () => send({ type: "go", to: "link" }));
    this.#bar.setAttribute("aria-label", t("busy.rekeying"));
    fill(this.#past, h("summary", {}, t("devices.past")), this.#gone);
    this.element = h("section", { class: "screen narrow" }, this.#heading, this.#recovery, this.#state, this.#bar, this.#list, link, this.#past);
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw({ devices, busy }) {
    this.#drawBusy(busy, devices.looked);
    const key = JSON.stringify([devices, chosen()]);
    if (key !== this.#drawn) {
      this.#drawn = key;
      const rows = (/** @type {boolean} */ gone) => devices.rows.filter((/** @type {any} */ row) => row.gone === gone).map((/** @type {any} */ row) => this.#row(row));
      fill(this.#list, ...rows(false));
      fill(this.#gone, ...rows(true));
      this.#past.hidden = !devices.rows.some((/** @type {any} */ row) => row.gone);
      this.#drawRecovery(devices.recovery);
    }
    this.#busy = Boolean(busy);
    for (const each of this.element.querySelectorAll("button")) each.disabled = this.#busy;
  }

  /** @param {any} busy @param {boolean} looked */
  #drawBusy(busy, looked) {
    const sealing = busy?.what === "rekeying" && busy.total > 0;
    const text = sealing ? t("devices.rekeying", { count: busy.total, done: number(busy.done) }) : busy ? t(`busy.${busy.what}`) : looked ? "" : t("devices.looking");
    say(this.#state, text);
    const bar = /** @type {HTMLProgressElement} */ (this.#bar);
    bar.hidden = !sealing;
    if (sealing) [bar.max, bar.value] = [busy.total, busy.done];
  }

  /** @param {any} recovery */
  #drawRecovery(recovery) {
    this.#recovery.hidden = !recovery;
    if (!recovery) return;
    const veto = button("veto", "danger wide", "devices.veto", () => this.#ask({ title: t("devices.veto.title"), why: [t("devices.veto.why")], yes: "devices.veto", id: "veto-yes", intent: { type: "veto-recovery" } }));
    fill(this.#recovery, h("strong", {}, t("devices.recovery")), h("p", {}, t("devices.recovery.why", { id: recovery.device, date: moment(recovery.due) })), veto);
  }

  /** @param {Record<string, any>} row */
  #row(row) {
    const name = h("bdi", { class: "device-name" }, row.name || t("devices.unnamed"));
    const badge = row.this ? h("span", { class: "tag" }, t("devices.this")) : row.heldUntil && h("span", { class: "tag warn" }, t("devices.held"));
    const seen = row.seen ? t("devices.seen", { date: moment(row.seen) }) : t("devices.unseen");
    const meta = h("p", { class: "row-meta" }, h("span", { class: "id", dir: "ltr" }, row.short), " · ", seen);
    const held = row.heldUntil && h("p", { class: "notice warn" }, t("devices.held.until", { date: moment(row.heldUntil) }));
    const same = row.sameMachine.length > 0 && h("p", { class: "notice warn" }, t("devices.same", { names: row.sameMachine.join(", ") }));
    const rename = button("", "plain", "devices.rename", () => this.#rename(row));
    const out = !row.this && button("", "danger", row.heldUntil ? "devices.stop" : "devices.revoke", () => this.#revoke(row));
    const label = (/** @type {any} */ each) => each && each.setAttribute("aria-label", `${each.textContent}: ${row.name || row.short}`);
    [rename, out].forEach(label);
    return h("li", { class: row.gone ? "gone-device" : "" }, h("div", { class: "device-head" }, name, badge), meta, held, same, !row.gone && h("div", { class: "choices" }, rename, out));
  }

  /** @param {Record<string, any>} row */
  #revoke(row) {
    const why = ["devices.revoke.once", "devices.revoke.stays", "devices.revoke.sealed", "devices.revoke.final"].map((key) => t(key));
    const title = t(row.heldUntil ? "devices.stop.title" : "devices.revoke.title", { name: row.name || row.short });
    this.#ask({ title, why, yes: row.heldUntil ? "devices.stop" : "devices.revoke", id: "revoke-yes", intent: { type: "revoke-device", device: row.device } });
  }

  /** @param {Record<string, any>} row */
  #rename(row) {
    const { input, all } = field("device-name", "text", "devices.rename.label", { autocomplete: "off", maxLength: 60, value: row.name });
    const dialog = titled(t("devices.rename.title"));
    const save = button("rename-yes", "primary", "devices.rename.go", () => (dialog.close(), this.#send({ type: "rename-device", device: row.device, name: input.value })));
    const form = h("form", { method: "dialog", class: "stack" }, ...all, h("p", { class: "hint" }, t("devices.rename.hint")), h("div", { class: "choices" }, button("", "plain", "cancel", () => dialog.close()), save));
    form.addEventListener("submit", (event) => (event.preventDefault(), save.click()));
    dialog.append(form);
    dialog.showModal();
    input.select();
  }

  /** @param {{ title: string, why: string[], yes: string, id: string, intent: import("../../engine.js").Intent }} question */
  #ask({ title, why, yes, id, intent }) {
    const reasons = why.length > 1 ? h("ul", { class: "gone" }, ...why.map((each) => h("li", {}, each))) : h("p", {}, why[0]);
    question({ title, reasons: [reasons], no: t("devices.no"), yes: t(yes), id }, () => this.#send(intent));
  }
}
