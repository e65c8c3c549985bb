// The end of a document that showed what was lent.

import { fill, h } from "./dom.js";
import { t } from "./text.js";

/** How long the page that comes next may take, in milliseconds. */
const PATIENCE = 4_000;
/** How long this one waits before it tries again, in milliseconds. */
const AGAIN = 10_000;

/** Whether this document is on its way out. */
let leaving = false;

/**
 * Has another document take this one's place, with nothing of it in its heap and no way back. What this one held is let go of by now,
 * and its body is empty. Where the other does not come, the browser's own would, which says nothing of the session: then this one
 * says why it is over, and goes as soon as it can.
 * @param {string} code why
 * @param {string} whose what `ended.js` reads behind it
 */
export async function leave(code, whose) {
  if (leaving) return;
  leaving = true;
  const again = h("button", { type: "button", class: "primary", id: "leave-again" }, t("ended.leave"));
  while (!(await comes())) {
    if (!again.isConnected) say(code, again);
    await new Promise((go) => {
      again.addEventListener("click", go, { once: true });
      addEventListener("online", go, { once: true });
      setTimeout(go, AGAIN);
    });
  }
  location.replace(`ended.html#${code};${whose}`);
}

/** Whether the page that comes next can be had. @returns {Promise<boolean>} */
async function comes() {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), PATIENCE);
  try {
    const page = await fetch("ended.html", { cache: "no-store", signal: late.signal });
    return page.ok && (await page.text()) !== "";
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} code @param {HTMLElement} again */
function say(code, again) {
  const reason = h("h1", { tabIndex: -1 }, t(`error.${code}`));
  const said = [reason, h("p", {}, t(`error.${code}.next`)), h("p", { id: "ended-offline" }, t("ended.offline"))];
  fill(document.body, h("main", { id: "main" }, h("section", { class: "screen narrow over" }, ...said, again)));
  document.documentElement.dataset.screen = "ended";
  reason.focus();
}
