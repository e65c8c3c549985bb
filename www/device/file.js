// A text that the person keeps as a file.

import { h } from "../dom.js";

/** @param {import("../engine.js").Report} report */
export function keepFile(report) {
  if (report.kind !== "file") return;
  const url = URL.createObjectURL(new Blob([report.text], { type: "application/octet-stream" }));
  h("a", { href: url, download: report.name }).click();
  // The download has taken the blob over by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
