// Words, numbers and times in the reader's language. One catalogue a language, fetched when the language is chosen and
// checked against the hash that the page pins.

import { byId, h, say } from "./dom.js";
import { fetchPinned, Stop } from "./pinned.js";

/** @typedef {string | Record<string, string>} Entry A text, or one for each plural form of `{count}`. */

/** @type {Record<string, Entry>} */
let catalogue = {};
let language = "en";
/** The language that was asked for last; its words may still be under way. */
let asked = language;
/** The language whose content words are in the catalogue. */
let contentWords = "";

/** The languages that the page names, in its order. @returns {string[]} */
export function languages() {
  return [...new Set([...document.querySelectorAll("link[data-lang]")].map((link) => link.getAttribute("data-lang") ?? "en"))];
}

/** The best match for what the browser asks for. @returns {string} */
export function preferred() {
  const known = languages();
  for (const wish of navigator.languages ?? [navigator.language]) {
    const base = wish.toLowerCase().split("-")[0] ?? "";
    if (known.includes(base)) return base;
  }
  return "en";
}

/** The chosen language. @returns {string} */
export const chosen = () => language;

/**
 * Fetches a catalogue and puts the static texts of the page into its language.
 * @param {string} wish
 */
export async function choose(wish) {
  // A page may have words of its own beside those that all pages have.
  const links = [...document.querySelectorAll(`link[data-lang="${CSS.escape(wish)}"]`)];
  if (links.length === 0) return;
  asked = wish;
  const words = await Promise.all(links.map(async (link) => (await fetchPinned(/** @type {HTMLLinkElement} */ (link))).json()));
  if (wish !== asked) return;
  catalogue = Object.assign({}, ...words);
  language = wish;
  contentWords = "";
  document.documentElement.lang = wish;
  document.documentElement.dir = wish === "ar" ? "rtl" : "ltr";
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(element.getAttribute("data-t") ?? "");
  }
}

/**
 * Changes to the language that the page's field says. Where it cannot be had the page goes on in the one that is there: the field
 * says so, and a voice why.
 */
export async function speak() {
  const field = /** @type {HTMLSelectElement} */ (byId("language"));
  const wish = field.value;
  try {
    await choose(wish);
  } catch (error) {
    // Another was asked for meanwhile: that one answers.
    if (wish !== asked) return;
    field.value = language;
    const key = `error.${error instanceof Stop ? error.code : "internal"}`;
    say(byId("assertive"), `${t(key)} ${t(`${key}.next`)}`);
  }
}

/**
 * A text of the catalogue with its placeholders filled. `count` chooses the plural form. Words are set apart in their own
 * direction, so that a title in another script does not reorder the sentence around it.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  let entry = catalogue[key];
  if (entry === undefined) return key;
  if (typeof entry === "object") {
    const count = Number(values.count ?? 0);
    entry = entry[new Intl.PluralRules(language).select(count)] ?? entry.other ?? key;
  }
  return entry.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? number(value) : `\u2068${value}\u2069`;
  });
}

/**
 * The same as nodes, with each value in an element of its own: where a value is a claim of somebody else, it must not read
 * like a sentence of the page.
 * @param {string} key
 * @param {Record<string, string>} values
 * @returns {(string | HTMLElement)[]}
 */
export function parts(key, values) {
  return String(catalogue[key] ?? key)
    .split(/(\{\w+\})/)
    .map((part) => {
      const value = values[part.slice(1, -1)];
      return part.startsWith("{") && value !== undefined ? h("bdi", { class: "claimed" }, value) : part;
    });
}

/** Adds the words that the content of records is shown with, in the chosen language. */
export async function addContentWords() {
  const wish = language;
  const link = document.querySelector(`link[data-content="${CSS.escape(wish)}"]`);
  if (!(link instanceof HTMLLinkElement) || contentWords === wish) return;
  const words = await (await fetchPinned(link)).json();
  if (wish !== language) return;
  catalogue = { ...catalogue, ...words };
  contentWords = wish;
}

/** Is there such a text? @param {string} key @returns {boolean} */
export const has = (key) => Object.hasOwn(catalogue, key);

/** @param {number} value @param {Intl.NumberFormatOptions} [options] @returns {string} */
export const number = (value, options) => new Intl.NumberFormat(language, options).format(value);

/** @param {number} millis since 1970 @param {Intl.DateTimeFormatOptions} options @returns {string} */
export const time = (millis, options) => new Intl.DateTimeFormat(language, options).format(millis);

/** A size in bytes, in units that people read. @param {number} bytes @returns {string} */
export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  // The short form of byte has no plural.
  const unitDisplay = unit === 0 ? "long" : "short";
  return number(value, { style: "unit", unit: units[unit], unitDisplay, maximumFractionDigits: digits });
}

/** A stretch of time as minutes and seconds, `14:05`. @param {number} seconds @returns {string} */
export function clock(seconds) {
  const two = { minimumIntegerDigits: 2, useGrouping: false };
  const hours = Math.floor(seconds / 3600);
  const rest = `${number(Math.floor((seconds % 3600) / 60), hours ? two : {})}:${number(seconds % 60, two)}`;
  return hours ? `${number(hours)}:${rest}` : rest;
}
