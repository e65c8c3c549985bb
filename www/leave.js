// The end of a document that showed what was lent.

import { fill, h } from "./dom.js";
import { t } from "./text.js";

/** How long the server may take to say that it is there, in milliseconds. */
const PATIENCE = 2_000;

/**
 * Has another document take this one's place, with nothing of it in its heap and no way back. Its own body is empty by now.
 * Without a network none would come but the browser's own, which says nothing of the session: then this one says why it is over,
 * and goes as soon as it can.
 * @param {string} code why
 * @param {string} whose what `ended.js` reads behind it
 */
export async function leave(code, whose) {
  const there = fetch("ended.html", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  if (await there.then(async (page) => page.ok && (await page.text()) !== "").catch(() => false)) return location.replace(`ended.html#${code};${whose}`);
  const go = () => void leave(code, whose);
  const again = h("button", { type: "button", class: "primary", id: "leave-again", onclick: go }, t("ended.leave"));
  const reason = h("h1", { tabIndex: -1 }, t(`error.${code}`));
  const said = [reason, h("p", {}, t(`error.${code}.next`)), h("p", { id: "ended-offline" }, t("ended.offline"))];
  fill(document.body, h("main", { id: "main" }, h("section", { class: "screen narrow over" }, ...said, again)));
  document.documentElement.dataset.screen = "ended";
  addEventListener("online", go, { once: true });
  reason.focus();
}
