// After the session: only the reason is left, and it came in the address.

import { byId, say } from "./dom.js";
import { choose, has, languages, preferred, t } from "./text.js";

const [code = "session-ended", wish = "", whose = ""] = location.hash.slice(1).split(";");

async function show() {
  await choose(languages().includes(wish) ? wish : preferred());
  // Whatever stands in the address, only a reason of the catalogue is shown.
  const known = /^[a-z-]+$/.test(code) && has(`error.${code}`) ? code : "session-ended";
  say(byId("reason"), t(`error.${known}`));
  say(byId("next"), t(`error.${known}.next`));
  if (whose === "agent") {
    const again = /** @type {HTMLAnchorElement} */ (byId("again"));
    again.href = "./agent";
    say(again, t("ended.desk"));
  }
  document.title = t("title.ended");
  document.documentElement.dataset.reason = known;
  byId("reason").focus();
}

addEventListener("pageshow", (event) => event.persisted && location.reload());
// The static text of the page stands when no catalogue comes.
show().catch(() => byId("reason").focus());
