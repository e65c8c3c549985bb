// A code for a camera, drawn from its modules.

import { svg } from "../dom.js";
import { t } from "../text.js";

/** What a reader of codes needs around one, in modules. */
const QUIET = 4;

/** @param {{ size: number, modules: string }} square @returns {SVGElement} */
export function drawSquare({ size, modules }) {
  let dark = "";
  for (let at = 0; at < modules.length; at += 1) {
    if (modules[at] === "1") dark += `M${at % size} ${Math.floor(at / size)}h1v1h-1z`;
  }
  const whole = size + 2 * QUIET;
  const paper = svg("rect", { class: "square-paper", x: -QUIET, y: -QUIET, width: whole, height: whole });
  return svg("svg", { class: "square", viewBox: `${-QUIET} ${-QUIET} ${whole} ${whole}`, role: "img", "aria-label": t("link.square"), "shape-rendering": "crispEdges" }, paper, svg("path", { class: "square-ink", d: dark }));
}
