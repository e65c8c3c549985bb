// Line icons, one path a picture, drawn in the colour of the text beside them.

import { svg } from "../dom.js";

/** @type {Record<string, string>} */
const PATHS = {
  lock: "M7 11V8a5 5 0 0 1 10 0v3M5.5 11h13v9.5h-13z",
  eye: "M2 12c2.7-5 6-7.2 10-7.2S19.3 7 22 12c-2.7 5-6 7.2-10 7.2S4.7 17 2 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  document: "M6 2.5h8l4.5 4.5v14.5H6zM14 2.5V7h4.5M9 12h6.5M9 16h6.5",
  photo: "M3 5h18v14H3zM3 16l5-5 4 4 3-3 6 6M16 9.5h.01",
  pulse: "M2 12h4.5l2.5-6 4.5 12 3-8 1.5 2h4",
  steps: "M4 20V13M9.3 20V8M14.6 20v-9M20 20V4",
  sleep: "M19.5 14.5A8.5 8.5 0 0 1 9.5 4.5a8.5 8.5 0 1 0 10 10z",
  health: "M12 20.5S3.5 15.5 3.5 9.3A4.6 4.6 0 0 1 12 7a4.6 4.6 0 0 1 8.5 2.3c0 6.2-8.5 11.2-8.5 11.2z",
  table: "M3 5h18v14H3zM3 10h18M3 14.5h18M9 5v14",
  file: "M6 2.5h8l4.5 4.5v14.5H6zM14 2.5V7h4.5",
  list: "M8 6h13M8 12h13M8 18h13M3.5 6h.01M3.5 12h.01M3.5 18h.01",
  plus: "M12 4.5v15M4.5 12h15",
  inbox: "M3 13.5h5.5l1.5 3h4l1.5-3H21M3 13.5 6 5h12l3 8.5V19.5H3z",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5V12l3 2.5",
  key: "M8 11.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM10.8 12.7 20 3.5M16 7.5l3 3",
  phone: "M7.5 2.5h9v19h-9zM11 18.5h2",
  more: "M5 12h.01M12 12h.01M19 12h.01",
};

/** Which picture stands for which kind of record. @type {Record<string, string>} */
const KINDS = {
  text: "document", note: "document", letter: "document", document: "document", pdf: "document", json: "document",
  image: "photo", photo: "photo",
  "heart-rate": "pulse", series: "pulse", vitals: "pulse", observation: "pulse",
  steps: "steps", activity: "steps", sleep: "sleep",
  fhir: "health", health: "health", medication: "health", allergy: "health", condition: "health", patient: "health", immunization: "health",
  table: "table", csv: "table",
};

/** @param {string} name a picture, or a kind of record @returns {SVGElement} */
export function icon(name) {
  const d = PATHS[name] ?? PATHS[KINDS[name] ?? "file"] ?? "";
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, svg("path", { d }));
}
