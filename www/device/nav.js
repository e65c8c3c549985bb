// The ways that are always there, in reach of a thumb.

import { fill, h } from "../dom.js";
import { number, t } from "../text.js";
import { icon } from "../screens/icons.js";

const PLACES = [
  { to: "records", icon: "list" },
  { to: "lend", icon: "eye" },
  { to: "add", icon: "plus" },
  { to: "inbox", icon: "inbox" },
  { to: "more", icon: "more" },
];

/** Places that are reached by way of "more". */
const BEHIND_MORE = new Set(["more", "devices", "link", "organisations", "sessions", "kit", "settings"]);

export class Nav {
  #element;
  #send;
  /** @type {Map<string, HTMLElement>} */
  #buttons = new Map();

  /** @param {HTMLElement} element @param {import("./app.js").Send} send */
  constructor(element, send) {
    this.#element = element;
    this.#send = send;
  }

  /** In another language. */
  renew() {
    this.#buttons.clear();
  }

  /** @param {Record<string, any>} snapshot */
  draw(snapshot) {
    this.#element.hidden = !snapshot.list;
    if (!snapshot.list) return;
    if (this.#buttons.size === 0) this.#make();
    for (const [to, button] of this.#buttons) {
      if (to === snapshot.screen || (to === "more" && BEHIND_MORE.has(snapshot.screen))) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
    // A session is never out of sight.
    const live = snapshot.lending && snapshot.lending.stage !== "over" && snapshot.lending.stage !== "no-agent";
    this.#buttons.get("lend")?.classList.toggle("live", Boolean(live));
    this.#drawBadge(snapshot.inbox);
  }

  /** How much is new, where it is found. @param {{ unread: number, alarms: number, waiting: number }} inbox */
  #drawBadge({ unread, alarms, waiting }) {
    const button = this.#buttons.get("inbox");
    if (!button) return;
    const badge = button.querySelector(".badge") ?? h("span", { class: "badge", "aria-hidden": "true" });
    if (!badge.parentNode) button.append(badge);
    // Drawn, and no text: the name of the button says it in words.
    const count = alarms > 0 ? "!" : unread + waiting > 0 ? number(Math.min(unread + waiting, 99)) : "";
    if (badge.getAttribute("data-count") !== count) badge.setAttribute("data-count", count);
    badge.classList.toggle("urgent", alarms > 0);
    const news = [unread > 0 && t("nav.inbox.unread", { count: unread }), waiting > 0 && t("nav.inbox.waiting", { count: waiting })].filter(Boolean);
    const label = alarms > 0 ? t("nav.inbox.alarm") : news.length > 0 ? news.join(" · ") : t("nav.inbox");
    if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
  }

  #make() {
    this.#element.setAttribute("aria-label", t("nav.label"));
    const button = ({ to, icon: name }) => {
      const made = h("button", { type: "button", id: `nav-${to}`, onclick: () => this.#send({ type: "go", to }) }, icon(name), h("span", {}, t(`nav.${to}`)));
      this.#buttons.set(to, made);
      return made;
    };
    fill(this.#element, ...PLACES.map(button));
  }
}
