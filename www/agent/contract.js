// What a console and the frame say to each other (docs/embedding.md). Whatever is not exactly that is nothing: no code, key or
// content has a place in it.

export const VERSION = 1;

/** How long a text may be. */
const LONGEST = { language: 35, theme: 5, case: 100, reason: 200 };
const THEMES = ["auto", "light", "dark"];

/** @typedef {{ type: "hello", version: number }} Hello */
/** @typedef {{ type: "configure", language?: string, theme?: string, case?: string, reason?: string }} Configure */

/**
 * Reads what a console says.
 * @param {unknown} data
 * @returns {Hello | Configure | null}
 */
export function read(data) {
  if (typeof data !== "object" || data === null || Object.getPrototypeOf(data) !== Object.prototype) return null;
  const { glimpse, type, ...rest } = /** @type {Record<string, unknown>} */ (data);
  if (typeof glimpse !== "number" || !Number.isInteger(glimpse)) return null;
  if (type === "hello") return Object.keys(rest).length === 0 ? { type, version: glimpse } : null;
  if (type !== "configure" || glimpse !== VERSION) return null;
  for (const [name, value] of Object.entries(rest)) {
    if (!Object.hasOwn(LONGEST, name)) return null;
    const longest = LONGEST[/** @type {keyof typeof LONGEST} */ (name)];
    if (typeof value !== "string" || value.length > longest || !plain(value)) return null;
    if (name === "theme" && !THEMES.includes(value)) return null;
  }
  return { type, ...rest };
}

/** A line of text: nothing that breaks it, and nothing that turns it around. @param {string} text @returns {boolean} */
function plain(text) {
  return !/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/.test(text);
}
