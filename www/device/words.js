// Words for what went wrong on the device, and for devices.

import { h } from "../dom.js";
import { clock, has, t } from "../text.js";

/**
 * What happened, and what to do next.
 * @param {{ key: string, wait: number | null }} trouble
 * @returns {(HTMLElement | string)[]}
 */
export function troubleText({ key, wait }) {
  const name = has(`trouble.${key}`) ? `trouble.${key}` : has(`error.${key}`) ? `error.${key}` : "error.internal";
  const next = has(`${name}.next`) ? t(`${name}.next`) : "";
  const later = wait ? t("trouble.wait", { left: clock(wait) }) : "";
  return [h("strong", {}, t(name)), " ", [next, later].filter(Boolean).join(" ")];
}

/** @typedef {{ id: string, name: string, this: boolean }} Named */

/** @param {Named} device @returns {string} */
export function deviceName(device) {
  if (device.this) return device.name ? t("inbox.this.of", { name: device.name }) : t("inbox.this");
  return device.name || t("inbox.unnamed", { id: device.id });
}
