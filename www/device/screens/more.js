// The ways to everything that is needed less often.

import { fill, h, say } from "../../dom.js";
import { t } from "../../text.js";
import { icon } from "../../screens/icons.js";
import { openWatch } from "../companion.js";
import { mark } from "../marks.js";

/** Where they lead, in the order of the list. @type {{ to: string, icon?: string, mark?: string }[]} */
const PLACES = [
  { to: "devices", icon: "phone" },
  { to: "organisations", mark: "organisation" },
  { to: "sessions", icon: "clock" },
  { to: "kit", icon: "key" },
  { to: "settings", icon: "lock" },
];

export class Screen {
  #heading = h("h1", { tabIndex: -1 });
  element = h("section", { class: "screen narrow" });

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    say(this.#heading, t("more.title"));
    const way = (/** @type {{ to: string, icon?: string, mark?: string }} */ place) => h("li", {}, h("button", { type: "button", id: `more-${place.to}`, onclick: () => send({ type: "go", to: place.to }) }, place.mark ? mark(place.mark) : icon(place.icon ?? ""), h("span", {}, t(`more.${place.to}`))));
    const watch = h("button", { type: "button", class: "plain wide", id: "more-watch", onclick: openWatch }, t("more.watch"));
    const lock = h("button", { type: "button", class: "plain wide", id: "lock", onclick: () => send({ type: "lock" }) }, t("more.lock"));
    fill(this.element, this.#heading, h("ul", { class: "ways" }, ...PLACES.map(way)), watch, lock);
  }

  focus() {
    this.#heading.focus();
  }

  draw() {}
}
