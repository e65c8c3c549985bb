// Pictures of this page alone, drawn as its icons are: what is verified, what is wrong, and an organisation.

import { svg } from "../dom.js";

/** @type {Record<string, string>} */
const PATHS = {
  verified: "M12 2.5l2.6 2 3.3-.1 1 3.1 2.7 1.9-1.1 3.1 1.1 3.1-2.7 1.9-1 3.1-3.3-.1-2.6 2-2.6-2-3.3.1-1-3.1-2.7-1.9 1.1-3.1L2.4 9.4l2.7-1.9 1-3.1 3.3.1zM8 12.2l2.8 2.8 5.2-5.6",
  stop: "M8 2.5h8l5.5 5.5v8L16 21.5H8L2.5 16V8zM12 7v6.5M12 17h.01",
  organisation: "M4 21V4.5h10V21M14 9.5h6V21M2.5 21h19M7.5 8.5h3M7.5 12.5h3M7.5 16.5h3M17 13.5h.01M17 17h.01",
};

/** @param {string} name @returns {SVGElement} */
export function mark(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, svg("path", { d: PATHS[name] ?? "" }));
}
