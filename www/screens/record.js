// One open record: what it is, how far it has come, and its content.

import { fill, h, say } from "../dom.js";
import { addContentWords, number, parts, size, t } from "../text.js";
import { drawContent } from "./content.js";
import { icon } from "./icons.js";
import { describe } from "./kinds.js";

export class RecordPane {
  #send;
  #back;
  #title = h("h2", { tabIndex: -1 });
  #meta = h("p", { class: "meta" });
  #origin = h("p", { class: "origin" });
  #withheld = h("p", { class: "withheld" });
  #body = h("div", { class: "body" });
  #save;
  #head;
  #empty = h("div", { class: "nothing-open" }, icon("eye"), h("p", {}, t("record.choose")));
  element = h("article", { class: "record-pane", "aria-labelledby": "record-title" });
  /** @type {Record<string, any> | null} */
  #record = null;
  #phase = "";
  #from = "";
  #words;
  /** Bytes of the open record, as far as the page needs them: images, PDF and what is saved. @type {Uint8Array[]} */
  #parts = [];
  /** @type {string[]} */
  #urls = [];
  /** Who takes a stretch of a chart, by the chart's place among the blocks. @type {Map<number, (chart: Record<string, any>) => void>} */
  #charts = new Map();
  /** Counts records: what an earlier one still brings is not shown. */
  #count = 0;

  /**
   * @param {import("./session.js").Send} send
   * @param {() => void} back gives the focus back to the list
   * @param {{ approved: string, not: string }} words of whom a record is from
   */
  constructor(send, back, words = { approved: "record.from.long.approved", not: "record.from.long" }) {
    this.#words = words;
    this.#send = send;
    this.#back = back;
    this.#title.id = "record-title";
    const close = h("button", { type: "button", class: "plain close", onclick: () => this.#close() }, t("record.close"));
    this.#save = h("button", { type: "button", class: "plain", id: "save", onclick: () => send({ type: "save" }) }, t("record.save"));
    this.#head = h("header", { class: "record-head" }, h("div", {}, this.#title, this.#meta, this.#origin, this.#withheld), h("div", { class: "actions" }, this.#save, close));
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
    fill(this.element, this.#empty);
  }

  /** @param {Record<string, any> | null} record */
  draw(record) {
    if (record?.unit !== this.#record?.unit) {
      this.#forget();
      if (record) fill(this.element, this.#head, this.#body);
      else fill(this.element, this.#empty);
    }
    const fresh = record !== null && record.unit !== this.#record?.unit;
    this.#record = record;
    if (!record) return;
    say(this.#title, record.title || t("record.untitled"));
    say(this.#meta, describe(record));
    this.#drawOrigin(record);
    say(this.#withheld, record.withheld > 0 ? t("record.withheld.long", { count: record.withheld }) : "");
    this.#save.hidden = !record.save || record.phase !== "shown";
    this.#drawPhase(record);
    if (fresh) this.#title.focus();
  }

  /** From whom it is, and whether the owner has approved it, which may change while it is open. @param {Record<string, any>} record */
  #drawOrigin({ unit, author, approved }) {
    const from = author === null ? "" : `${unit} ${approved} ${author}`;
    if (from === this.#from) return;
    this.#from = from;
    this.#origin.classList.toggle("calm", Boolean(approved));
    fill(this.#origin, ...(author === null ? [] : parts(approved ? this.#words.approved : this.#words.not, { author })));
  }

  /** @param {Record<string, any>} record */
  #drawPhase(record) {
    if (record.phase === "opening" || record.phase === "preparing") {
      if (this.#phase !== record.phase) {
        const text = t(`record.${record.phase}`);
        const bar = h("progress", { id: "progress", max: 1, "aria-label": text });
        const cancel = h("button", { type: "button", class: "plain", onclick: () => this.#close() }, t("cancel"));
        fill(this.#body, h("div", { class: "progress" }, h("p", {}, text), bar, h("p", { class: "hint", id: "progress-text" }), cancel));
      }
      const bar = this.#body.querySelector("progress");
      const text = this.#body.querySelector("#progress-text");
      if (bar && text && record.received > 0) {
        bar.value = record.received / record.total;
        const part = number(record.received / record.total, { style: "percent" });
        say(text, t("record.progress", { received: size(record.received), total: size(record.total), part }));
      }
    } else if (record.phase === "failed" && this.#phase !== "failed") {
      const again = record.retry && h("button", { type: "button", class: "primary", onclick: () => this.#send({ type: "open", unit: record.unit }) }, t("record.again"));
      // Here it is a matter of what was granted, and nobody can make the record smaller.
      const key = record.failure === "too-large" && !record.save ? "record.too-large" : `error.${record.failure}`;
      fill(this.#body, h("div", { class: "notice bad", role: "alert" }, h("strong", {}, t(key)), " ", t(`${key}.next`), again && h("p", {}, again)));
    }
    this.#phase = record.phase;
  }

  /** @param {import("../engine.js").Report} report */
  hear(report) {
    if (report.unit !== this.#record?.unit) return;
    if (report.kind === "bytes") {
      if (report.offset === 0) this.#parts = [];
      this.#parts.push(report.bytes);
    } else if (report.kind === "view") this.#show(report.view);
    else if (report.kind === "chart") this.#charts.get(report.block)?.(report.chart);
    else if (report.kind === "save") this.#download(report);
  }

  /** @param {Record<string, any>} view */
  async #show(view) {
    const count = this.#count;
    // Without its words a record can still be read: keys stand where they are missing.
    await addContentWords().catch(() => {});
    if (count !== this.#count) return;
    drawContent(this.#body, view, {
      blob: () => this.#blob(view.contentType),
      mayDownload: Boolean(this.#record?.save),
      save: () => this.#send({ type: "save" }),
      zoom: (block, from, to, take) => {
        this.#charts.set(block, take);
        this.#send({ type: "zoom", block, from, to });
      },
    });
  }

  /** A blob of the bytes that were opened, under the type that was found and never the one that was claimed. @param {string} type @returns {string} */
  #blob(type) {
    const url = URL.createObjectURL(new Blob(/** @type {BlobPart[]} */ (this.#parts), { type }));
    this.#urls.push(url);
    return url;
  }

  /** @param {import("../engine.js").Report} report */
  #download({ bytes, name }) {
    const parts = bytes ? [bytes] : this.#parts;
    const url = URL.createObjectURL(new Blob(/** @type {BlobPart[]} */ (parts), { type: "application/octet-stream" }));
    h("a", { href: url, download: name }).click();
    // The download has taken the blob over by then.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  #close() {
    this.#send({ type: "close" });
    this.#back();
  }

  #forget() {
    for (const url of this.#urls) URL.revokeObjectURL(url);
    this.#urls = [];
    this.#parts = [];
    this.#charts.clear();
    this.#count += 1;
    this.#phase = "";
    fill(this.#body);
  }
}
