// Series over time as SVG, with zoom. What it shows is also there in words (the summary) and in numbers (the table).

import { fill, h, svg } from "../dom.js";
import { number, t, time } from "../text.js";
import { plain } from "./content.js";

/** Size of the drawing in CSS pixels; the width follows the room there is. */
const WIDTH = { least: 280, usual: 720 };
const HEIGHT = 260;
const EDGE = { top: 12, right: 12, bottom: 28, left: 52 };
/** The smallest stretch that can be zoomed to. */
const LEAST = 60_000;

/** @typedef {Record<string, any>} Chart */
/** @typedef {(from: number, to: number, take: (chart: Chart) => void) => void} Zoom asks the Worker for a stretch of a chart */

/** @param {Chart} chart @param {string} summary @param {Zoom} more @returns {HTMLElement} */
export function drawChart(chart, summary, more) {
  const range = { from: chart.from, to: Math.max(chart.to, chart.from + LEAST) };
  const whole = { ...range };
  const picture = svg("svg", { class: "plot", role: "img", "aria-label": summary, height: HEIGHT });
  let width = WIDTH.usual;
  /** A stretch with points that the whole chart has no room for. @type {Chart | null} */
  let detail = null;
  let asking = false;
  const thinned = chart.series.some((/** @type {Chart} */ each) => each.thinned);
  const redraw = () => {
    const fits = detail !== null && detail.from <= range.from && detail.to >= range.to;
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    fill(picture, ...draw(fits && detail ? detail : chart, range, width));
    if (thinned) look();
  };
  /** Asks for what is missing of the stretch in sight, once at a time, and for a little more on both sides. */
  const look = () => {
    const length = range.to - range.from;
    const from = Math.round(Math.max(whole.from, range.from - length / 2));
    const to = Math.round(Math.min(whole.to, range.to + length / 2));
    const known = detail ?? chart;
    const fits = known.from <= range.from && known.to >= range.to && known.to - known.from < 3 * length;
    const all = from === whole.from && to === whole.to;
    if (asking || fits || all) return;
    asking = true;
    more(from, to, (stretch) => {
      asking = false;
      detail = stretch;
      redraw();
    });
  };
  new ResizeObserver(([entry]) => {
    width = Math.max(WIDTH.least, Math.round(entry?.contentRect.width ?? WIDTH.usual));
    redraw();
  }).observe(picture);

  /** @param {number} factor @param {number} [middle] a share of the width */
  const zoom = (factor, middle = 0.5) => {
    const length = Math.min(whole.to - whole.from, Math.max(LEAST, (range.to - range.from) * factor));
    const at = range.from + (range.to - range.from) * middle;
    move(at - length * middle, length);
  };
  /** @param {number} from @param {number} length */
  const move = (from, length) => {
    range.from = Math.min(Math.max(whole.from, from), whole.to - length);
    range.to = range.from + length;
    redraw();
  };
  const pan = (/** @type {number} */ share) => move(range.from + (range.to - range.from) * share, range.to - range.from);
  const button = (/** @type {string} */ key, /** @type {string} */ sign, /** @type {() => void} */ act) =>
    h("button", { type: "button", class: "plain small", "aria-label": t(key), title: t(key), onclick: act }, sign);

  picture.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = picture.getBoundingClientRect();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, (event.clientX - box.left) / box.width);
  });
  /** Which finger, or mouse, holds the chart, and where. @type {{ pointer: number, x: number } | null} */
  let held = null;
  picture.addEventListener("pointerdown", (event) => {
    // Between a second finger and the first one it would jump; and another button than the first asks for something else.
    if (!event.isPrimary || event.button) return;
    held = { pointer: event.pointerId, x: event.clientX };
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    if (held?.pointer !== event.pointerId) return;
    pan((held.x - event.clientX) / picture.getBoundingClientRect().width);
    held.x = event.clientX;
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) picture.addEventListener(end, ({ pointerId }) => held?.pointer === pointerId && (held = null));

  redraw();
  const tools = h(
    "div",
    { class: "chart-tools", role: "group", "aria-label": t("chart.tools") },
    button("chart.earlier", "‹", () => pan(-0.25)),
    button("chart.later", "›", () => pan(0.25)),
    button("chart.in", "+", () => zoom(0.5)),
    button("chart.out", "−", () => zoom(2)),
    button("chart.all", "⤢", () => move(whole.from, whole.to - whole.from)),
  );
  const legend = chart.series.length > 1 && h("ul", { class: "legend" }, ...chart.series.map((/** @type {Chart} */ series, /** @type {number} */ at) => h("li", {}, swatch(at), plain(series.name))));
  return h("div", { class: "chart-box", dir: "ltr" }, h("div", { class: "chart-top" }, h("span", { class: "hint" }, chart.unit), tools), picture, legend);
}

/** A piece of line as the series with this number has it: by colour, and by dashes where there are no colours. @param {number} at @returns {SVGElement} */
function swatch(at) {
  return svg("svg", { class: "swatch", viewBox: "0 0 28 8", "aria-hidden": "true" }, svg("path", { class: `line series-${at % 6}`, d: "M0 4H28" }));
}

/** @param {Chart} chart @param {{from: number, to: number}} range @param {number} width @returns {Node[]} */
function draw(chart, range, width) {
  const bars = chart.series.some((/** @type {Chart} */ each) => each.style === "bars");
  const low = bars ? Math.min(0, chart.min) : chart.min;
  const [bottom, top, step] = nice(low, chart.max);
  const plotWidth = width - EDGE.left - EDGE.right;
  const plotHeight = HEIGHT - EDGE.top - EDGE.bottom;
  const x = (/** @type {number} */ at) => EDGE.left + ((at - range.from) / (range.to - range.from)) * plotWidth;
  const y = (/** @type {number} */ value) => EDGE.top + (1 - (value - bottom) / (top - bottom)) * plotHeight;

  /** @type {Node[]} */
  const nodes = [];
  for (let value = bottom; value <= top + step / 2; value += step) {
    nodes.push(svg("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }));
    nodes.push(svg("text", { class: "tick", x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, number(value, { maximumFractionDigits: 2 })));
  }
  for (const { at, text } of ticks(chart, range, width < 480 ? [0.17, 0.5, 0.83] : [0.1, 0.3, 0.5, 0.7, 0.9])) {
    nodes.push(svg("text", { class: "tick", x: x(at), y: HEIGHT - 8, "text-anchor": "middle" }, text));
  }
  const inside = svg("svg", { x: EDGE.left, y: 0, width: plotWidth, height: HEIGHT, viewBox: `${EDGE.left} 0 ${plotWidth} ${HEIGHT}` });
  chart.series.forEach((/** @type {Chart} */ series, /** @type {number} */ at) => {
    const name = `series-${at % 6}`;
    inside.append(...(series.style === "bars" ? columns(series, range, x, y, name) : lines(series, range, x, y, name)));
  });
  return [...nodes, inside];
}

/** @param {Chart} series @param {{from: number, to: number}} range @param {(n: number) => number} x @param {(n: number) => number} y @param {string} name @returns {Node[]} */
function columns(series, range, x, y, name) {
  const shown = series.points.filter((/** @type {Chart} */ point) => (point.until ?? point.x) >= range.from && point.x <= range.to);
  const fallback = Math.max(2, 480 / Math.max(1, shown.length));
  return shown.map((/** @type {Chart} */ point) => {
    const width = point.until === undefined ? fallback : Math.max(1.5, x(point.until) - x(point.x) - 1);
    const foot = y(0);
    const head = y(point.y);
    return svg("rect", { class: `column ${name}`, x: x(point.x), y: Math.min(head, foot), width, height: Math.max(0.5, Math.abs(foot - head)), rx: Math.min(2, width / 3) });
  });
}

/** A line, broken where the gap is longer than the series says. @param {Chart} series @param {{from: number, to: number}} range @param {(n: number) => number} x @param {(n: number) => number} y @param {string} name @returns {Node[]} */
function lines(series, range, x, y, name) {
  const margin = (range.to - range.from) / 4;
  const shown = series.points.filter((/** @type {Chart} */ point) => point.x >= range.from - margin && point.x <= range.to + margin);
  let path = "";
  let before = Number.NEGATIVE_INFINITY;
  for (const point of shown) {
    path += `${point.x - before > series.gap ? "M" : "L"}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`;
    before = point.x;
  }
  const dots = shown.length <= 60 ? shown.map((/** @type {Chart} */ point) => svg("circle", { class: `dot ${name}`, cx: x(point.x), cy: y(point.y), r: 2.5 })) : [];
  return [svg("path", { class: `line ${name}`, d: path || "M0 0" }), ...dots];
}

/** Round numbers for the axis. @param {number} low @param {number} high @returns {[number, number, number]} */
function nice(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const raw = span / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((each) => each * power >= raw) ?? 10) * power;
  const bottom = Math.floor(low / step) * step;
  const top = Math.max(bottom + step, Math.ceil(high / step) * step);
  return [bottom, top, step];
}

/** Labels along the axis of time. @param {Chart} chart @param {{from: number, to: number}} range @param {number[]} shares of the width @returns {{at: number, text: string}[]} */
function ticks(chart, range, shares) {
  const length = range.to - range.from;
  const day = 86_400_000;
  /** @type {Intl.DateTimeFormatOptions} */
  const options =
    length > 400 * day ? { year: "numeric", month: "short" } : length > 3 * day || chart.days ? { month: "short", day: "numeric" } : { weekday: "short", hour: "numeric", minute: "2-digit" };
  return shares.map((share) => {
    const at = range.from + length * share;
    return { at, text: time(at, chart.floating ? { ...options, timeZone: "UTC" } : options) };
  });
}
