// The list of records, and the open one.

import { h, say } from "../../dom.js";
import { number, t } from "../../text.js";
import { Finder } from "../../screens/finder.js";
import { List } from "../../screens/list.js";
import { RecordPane } from "../../screens/record.js";
import { KitCard } from "../kit-card.js";
import { StorageCard } from "../storage-card.js";
import { ask } from "../dialog.js";
import { Decision } from "../held.js";

export class Screen {
  #heading = h("h1", { class: "hidden", tabIndex: -1 });
  #finder;
  #count = h("p", { class: "count", id: "count" });
  #list;
  #record;
  #panes;
  #tools;
  #replace;
  #decision;
  #card;
  #unsafe;
  /** @type {Record<string, any> | null} */
  #kit = null;
  element;

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#list = new List(send);
    this.#record = new RecordPane(send, () => this.#list.focus(), { approved: "records.from.approved", not: "records.from.not" });
    this.#finder = new Finder(send, this.#list);
    const remove = h("button", { type: "button", class: "danger", id: "delete", onclick: () => ask("records.delete", () => send({ type: "delete" }), [], "delete-yes") }, t("records.delete"));
    this.#replace = h("button", { type: "button", class: "plain", id: "replace", onclick: () => send({ type: "replace" }) }, t("add.replace"));
    this.#tools = h("div", { class: "record-tools", hidden: true }, this.#replace, remove);
    this.#decision = new Decision(send);
    const pane = h("div", { class: "record-side" }, this.#record.element, this.#decision.element, this.#tools);
    this.#card = new KitCard(send);
    this.#unsafe = new StorageCard(send, () => this.#drawCards());
    const aside = h("section", { class: "list-pane", "aria-label": t("session.records") }, this.#finder.element, this.#unsafe.element, this.#card.element, this.#count, this.#list.element);
    this.#panes = h("div", { class: "panes" }, aside, pane);
    this.element = h("section", { class: "screen session" }, this.#heading, this.#panes);
  }

  forget() {
    this.#record.draw(null);
    this.#list.forget();
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {Record<string, any>} snapshot */
  draw({ list, record, name, fresh, online, busy, kit }) {
    this.#kit = kit;
    this.#drawCards();
    say(this.#heading, name ? t("records.title.of", { name }) : t("records.title"));
    this.#finder.draw(list);
    const { total, matching } = list;
    const count = total === matching ? t("list.count", { count: total }) : t("list.matching", { count: matching, total: number(total) });
    say(this.#count, fresh ? count : `${count} · ${t(online ? "records.looking" : "set.offline.list")}`);
    this.#list.draw({ ...list, empty: total === 0 ? (fresh ? "records.none" : online ? "records.looking" : "set.offline.none") : "list.nothing" }, record?.unit ?? null);
    this.#record.draw(record);
    this.#decision.draw(record, busy);
    // Of what waits, the no is its deletion.
    this.#tools.hidden = record?.waits || (record?.phase !== "shown" && record?.phase !== "failed");
    this.#replace.hidden = record?.phase !== "shown" || !record.replaceable;
    for (const button of this.#tools.querySelectorAll("button")) button.disabled = Boolean(busy);
    this.#panes.classList.toggle("reading", Boolean(record));
  }

  /** @param {import("../../engine.js").Report} report */
  hear(report) {
    this.#record.hear(report);
  }

  #drawCards() {
    const kit = /** @type {any} */ (this.#kit);
    // One at a time, and the warning first: it offers a kit as well.
    if (kit && this.#unsafe.draw(kit)) this.#card.draw({ ...kit, offer: false });
    else if (kit) this.#card.draw(kit);
  }
}
