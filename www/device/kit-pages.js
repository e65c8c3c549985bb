// The pages of a recovery kit, for a printer: one share a page. They stand in the document while they are shown, and whoever
// shows them takes them out of it.

import { h, svg } from "../dom.js";
import { t, time } from "../text.js";

/** @typedef {{ index: number, words: string[], letters: string, size: number, path: string }} Sheet */
/** @typedef {{ kit: string, shares: number, needed: number, server: string, account: string, at: number, pages: Sheet[] }} Pages */

/** @param {Pages} pages @returns {HTMLElement} */
export function drawPages(pages) {
  addEventListener("beforeunload", guard);
  return h("div", { class: "kit-pages", id: "kit-pages" }, ...pages.pages.map((sheet) => drawSheet(sheet, pages)));
}

/** @param {Sheet} sheet @param {Pages} pages */
function drawSheet(sheet, { kit, shares, needed, server, account, at }) {
  const held = needed === 1 ? t("kitpage.held.one") : needed === shares ? t("kitpage.held.all", { count: shares }) : t("kitpage.held.some", { count: needed, shares });
  const facts = [
    ["kitpage.kit", kit],
    ["kitpage.share", t("kitpage.share.of", { index: sheet.index, shares, count: needed })],
    ["kitpage.server", server],
    ["kitpage.account", account],
    ["kitpage.date", time(at, { dateStyle: "long" })],
  ];
  const code = sheet.size > 0 && svg("svg", { class: "qr", viewBox: `0 0 ${sheet.size} ${sheet.size}`, role: "img", "aria-label": t("kitpage.qr"), "shape-rendering": "crispEdges" }, svg("rect", { width: sheet.size, height: sheet.size, fill: "#fff" }), svg("path", { d: sheet.path, fill: "#000" }));
  // Read down in the order of their numbers by a screen reader, and across by the eye: four a row, as they are typed.
  const rows = [];
  for (let start = 0; start < sheet.words.length; start += 4) {
    rows.push(h("tr", {}, ...sheet.words.slice(start, start + 4).map((word, at) => h("td", {}, h("span", { class: "place" }, `${start + at + 1}.`), " ", h("b", {}, word)))));
  }
  return h(
    "article",
    { class: "kit-page" },
    h("h2", {}, t("kitpage.title", { index: sheet.index, shares })),
    h("p", {}, t("kitpage.what")),
    h("p", {}, held),
    h("p", {}, t("kitpage.later")),
    h("p", {}, t("kitpage.day", { server: `${server}/device` })),
    h("p", {}, t("kitpage.terminal"), h("br"), h("code", { dir: "ltr", translate: false }, `glimpse recovery restore --server ${server}`)),
    h("p", {}, needed === 1 ? t("kitpage.then.one") : t("kitpage.then", { count: needed })),
    h("dl", { class: "kit-facts" }, ...facts.flatMap(([name, value]) => [h("dt", {}, t(String(name))), h("dd", { translate: false }, String(value))])),
    h("table", { class: "kit-words", dir: "ltr", lang: "en", translate: false, "aria-label": t("kitpage.words") }, h("tbody", {}, ...rows)),
    h("div", { class: "kit-code" }, code, h("p", {}, t("kitpage.same"), h("br"), h("code", { dir: "ltr", translate: false }, sheet.letters))),
  );
}

/** Takes the words out of the elements before they are left to the collector. @param {Element} place */
export function wipe(place) {
  for (const each of place.querySelectorAll(".kit-pages b, .kit-pages code")) each.textContent = "";
  for (const each of place.querySelectorAll(".kit-pages path")) each.removeAttribute("d");
  place.querySelector(".kit-pages")?.remove();
}

/** A page that goes while shares are on the screen takes them with it. @param {BeforeUnloadEvent} event */
function guard(event) {
  if (document.getElementById("kit-pages")) event.preventDefault();
}
