// Draws what glimpse-content made of a record: blocks of words, numbers and times. Data is always text, in a direction of
// its own; a record can show anything here and run nothing.

import { fill, h } from "../dom.js";
import { has, number, t, time } from "../text.js";
import { icon } from "./icons.js";

/** @typedef {Record<string, any>} Block */
/**
 * @typedef {object} Means
 * @property {() => string} blob an address of the opened bytes
 * @property {boolean} mayDownload
 * @property {() => void} save
 * @property {(block: number, from: number, to: number, take: (chart: Block) => void) => void} zoom asks for a stretch of a chart
 */

/** @param {HTMLElement} into @param {Record<string, any>} view @param {Means} means */
export function drawContent(into, view, means) {
  const notices = view.notices.map((/** @type {Block} */ notice) => h("li", {}, words(notice)));
  const blocks = view.blocks.map((/** @type {Block} */ block, /** @type {number} */ at) => DRAW[block.block]?.(block, means, view, at) ?? null);
  fill(into, notices.length > 0 && h("ul", { class: "notices" }, ...notices), ...blocks);
}

/** @type {Record<string, (block: Block, means: Means, view: Record<string, any>, at: number) => Node>} */
const DRAW = {
  text: ({ text }) => h("pre", { class: "text", dir: "auto", tabIndex: 0 }, text),
  tree: ({ nodes }) => h("div", { class: "tree", role: "list", dir: "ltr", tabIndex: 0 }, ...nodes.map(node)),
  table: (block) => table(block),
  fields: (block) => fields(block),
  chart: (block, means, _, at) => chart(block, (from, to, take) => means.zoom(at, from, to, take)),
  image: (_, means, view) => image(means.blob(), view),
  pdf: (_, means) => pdf(means),
  download: (_, means) => download(means),
};

/**
 * Words of a record as they are, or of the catalogue by key, or a time.
 * @param {any} said @returns {Node}
 */
export function words(said) {
  return typeof said === "string" ? h("bdi", {}, said) : document.createTextNode(plain(said));
}

/** The same as a string. @param {any} said @returns {string} */
export function plain(said) {
  if (typeof said === "string") return said;
  if (typeof said === "number") return number(said, { maximumFractionDigits: 2 });
  if ("at" in said) return moment(said);
  /** @type {Record<string, string | number>} */
  const values = {};
  for (const [name, value] of Object.entries(said.args ?? {})) {
    // `count` stays a number, because it chooses the plural form.
    values[name] = typeof value === "number" && Number.isInteger(value) ? value : plain(value);
  }
  return has(said.key) ? t(said.key, values) : said.key;
}

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const PRECISIONS = {
  year: { year: "numeric" },
  month: { year: "numeric", month: "long" },
  day: { dateStyle: "medium" },
  minute: { dateStyle: "medium", timeStyle: "short" },
  second: { dateStyle: "medium", timeStyle: "medium" },
};

/** A time, as exact as the record has it and no more. @param {Record<string, any>} said @returns {string} */
function moment({ at, precision, floating }) {
  const dated = floating || precision === "year" || precision === "month" || precision === "day";
  return time(at, { ...PRECISIONS[precision], ...(dated ? { timeZone: "UTC" } : {}) });
}

/** @param {Block} block @returns {HTMLElement} */
function table({ caption, columns, rows }) {
  const head = columns.map((/** @type {Block} */ column) => h("th", { scope: "col", class: column.numeric ? "numeric" : "" }, words(column.title)));
  const body = rows.map((/** @type {any[]} */ row) =>
    h("tr", {}, ...row.map((cell, at) => h("td", { class: columns[at]?.numeric ? "numeric" : "" }, words(cell)))),
  );
  const label = caption ? plain(caption) : t("record.table");
  return h(
    "div",
    { class: "scroll", role: "region", tabIndex: 0, "aria-label": label },
    h("table", {}, caption && h("caption", {}, words(caption)), h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...body)),
  );
}

/** @param {Block} block @returns {HTMLElement} */
function fields({ heading, lead, rows, folded }) {
  const line = (/** @type {Block} */ row) => [
    h("dt", { class: `depth-${Math.min(row.depth, 4)}` }, words(row.label)),
    h("dd", {}, ...row.values.map((/** @type {any} */ value) => h("div", {}, words(value)))),
  ];
  const main = rows.filter((/** @type {Block} */ row) => !row.technical).flatMap(line);
  const technical = rows.filter((/** @type {Block} */ row) => row.technical).flatMap(line);
  const head = h("h3", {}, h("span", { class: "eyebrow" }, words(heading)), lead && h("span", { class: "lead" }, words(lead)));
  const all = [h("dl", {}, ...main), technical.length > 0 && h("details", {}, h("summary", {}, t("record.technical")), h("dl", {}, ...technical))];
  // A table above has the essence already.
  return folded ? h("details", { class: "fields" }, h("summary", {}, head), ...all) : h("section", { class: "fields" }, head, ...all);
}

/** @param {Block} node @returns {HTMLElement} */
function node({ depth, name, shape, text, size }) {
  const value = size === undefined ? h("span", { class: `value ${shape}` }, shape === "null" ? "null" : text) : h("span", { class: "hint" }, shape === "array" ? `[${number(size)}]` : `{${number(size)}}`);
  const element = h("div", { role: "listitem" }, name !== undefined && h("span", { class: "name" }, h("bdi", {}, name), ": "), value);
  element.style.paddingInlineStart = `${depth * 1.25}rem`;
  return element;
}

/** The drawing of charts is fetched when the first chart is. @param {Block} block @param {import("./chart.js").Zoom} zoom @returns {HTMLElement} */
function chart(block, zoom) {
  const summary = block.summary.map((/** @type {Block} */ line) => plain(line));
  const figure = h("figure", { class: "chart" }, h("figcaption", {}, ...summary.map((/** @type {string} */ line) => h("p", {}, line))));
  import("./chart.js").then(({ drawChart }) => figure.prepend(drawChart(block, summary.join(" "), zoom))).catch(() => figure.classList.add("no-picture"));
  return figure;
}

/** @param {string} src @param {Record<string, any>} view @returns {HTMLElement} */
function image(src, view) {
  const picture = h("img", { src, alt: t("record.image"), decoding: "async", draggable: false });
  const frame = h("div", { class: "image" }, picture);
  picture.addEventListener("error", () => fill(frame, h("p", { class: "notice bad" }, t("record.image.broken", { type: view.contentType }))));
  return frame;
}

/** @param {Means} means @returns {HTMLElement} */
function pdf(means) {
  if (navigator.pdfViewerEnabled === false) return h("div", {}, h("p", { class: "notice" }, t("record.pdf.none")), download(means));
  return h("iframe", { class: "pdf", src: `${means.blob()}#toolbar=0&navpanes=0&view=FitH`, title: t("record.pdf"), referrerPolicy: "no-referrer" });
}

/** @param {Means} means @returns {HTMLElement} */
function download(means) {
  const text = t(means.mayDownload ? "record.download.may" : "record.download.not");
  return h("div", { class: "nothing-open" }, icon("file"), h("p", {}, text), means.mayDownload && h("button", { type: "button", class: "primary", onclick: means.save }, t("record.save")));
}
