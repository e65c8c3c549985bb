// Bringing an account back with the pages of its recovery kit.

import { fill, h, say } from "../../dom.js";
import { number, t, time } from "../../text.js";
import { wipe } from "../kit-pages.js";
import { Quick } from "../quick.js";
import { field } from "./gate.js";
import { drawnKit } from "./kit.js";

/** The least that a passphrase may have; the Worker checks it again. */
const SHORTEST = 8;

export class Screen {
  #send;
  #heading = h("h1", { tabIndex: -1 });
  #body = h("div", { class: "restore" });
  #key = "";
  /** What the field for a page shows of itself. @type {((restore: Record<string, any>, busy: boolean) => void) | null} */
  #live = null;
  #busy = h("p", { class: "hint", role: "status" });
  /** Whether a page of the kit was taken. */
  #taken = false;
  #leave;
  element = h("section", { class: "screen narrow" });

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    say(this.#heading, t("restore.title"));
    this.#leave = h("button", { type: "button", class: "quiet", id: "restore-leave", onclick: () => send({ type: "restore", act: "leave" }) }, t("restore.leave"));
    fill(this.element, this.#heading, this.#body, this.#busy, this.#leave);
  }

  focus() {
    this.#heading.focus();
  }

  holds() {
    const fields = /** @type {NodeListOf<HTMLInputElement | HTMLTextAreaElement>} */ (this.#body.querySelectorAll("input:not([type=checkbox]), textarea"));
    return this.#taken || [...fields].some(({ value }) => Boolean(value));
  }

  /** @param {Record<string, any>} snapshot */
  draw({ restore, busy }) {
    if (!restore) return;
    this.#taken = restore.taken.length > 0;
    const key = `${restore.stage} ${restore.begun} ${restore.pages?.kit ?? ""}`;
    if (key !== this.#key) {
      const first = this.#key === "";
      this.#key = key;
      wipe(this.#body);
      this.#live = null;
      if (restore.stage === "passphrase") this.#passphrase(restore.begun);
      else if (restore.stage === "typing") this.#typing();
      else if (restore.stage === "ready") this.#ready(restore);
      else if (restore.stage === "waiting") this.#waiting(restore);
      else if (restore.stage === "printing") this.#printing(restore.pages);
      else fill(this.#body, h("p", { class: "lead" }, t("restore.sending")));
      if (!first && restore.stage !== "typing") {
        scrollTo(0, 0);
        this.#heading.focus();
      }
    }
    this.#live?.(restore, Boolean(busy));
    for (const button of this.#body.querySelectorAll("button:not(.judged)")) /** @type {HTMLButtonElement} */ (button).disabled = Boolean(busy);
    this.#leave.hidden = Boolean(busy) || restore.stage === "printing" || restore.stage === "sending";
    say(this.#busy, busy ? t(`busy.${busy.what}`) : "");
  }

  /** @param {boolean} begun */
  #passphrase(begun) {
    const name = field("name", "text", "restore.name", { autocomplete: "off", maxLength: 100 });
    const first = field("passphrase", "password", begun ? "restore.passphrase.begun" : "start.passphrase", { autocomplete: begun ? "current-password" : "new-password" });
    const again = field("again", "password", "start.again", { autocomplete: "new-password" });
    const wrong = h("p", { class: "field-error", role: "alert" });
    const quick = new Quick();
    const go = h("button", { type: "submit", class: "primary wide", id: "restore-go" }, t("restore.next"));
    const fresh = begun ? [...first.all] : [...name.all, h("p", { class: "hint" }, t("restore.name.hint")), ...first.all, h("p", { class: "hint" }, t("start.passphrase.hint")), ...again.all];
    const form = h("form", { class: "card-form", novalidate: "" }, ...fresh, quick.element, wrong, go);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (quick.making) return;
      const short = !begun && [...first.input.value].length < SHORTEST;
      const differ = !begun && first.input.value !== again.input.value;
      say(wrong, short ? t("start.short", { count: SHORTEST }) : differ ? t("start.differ") : "");
      if (short || !first.input.value) return first.input.focus();
      if (differ) return again.input.focus();
      const told = { name: name.input.value, passphrase: first.input.value };
      const missing = await quick.send(this.#send, { type: "restore", act: "passphrase", ...told }, { type: "restore", ...told });
      if (missing) return say(wrong, t(missing));
      first.input.value = again.input.value = "";
    });
    fill(this.#body, h("p", { class: "lead" }, t(begun ? "restore.begun" : "restore.lead")), form);
  }

  #typing() {
    const taken = h("p", { class: "lead", id: "restore-taken", role: "status" });
    const page = /** @type {HTMLTextAreaElement} */ (
      h("textarea", { id: "page-words", class: "page-words", rows: 8, dir: "ltr", lang: "en", spellcheck: false, autocapitalize: "off", autocomplete: "off", translate: false, "aria-describedby": "page-hint page-state" })
    );
    page.setAttribute("autocorrect", "off");
    page.addEventListener("input", () => this.#send({ type: "restore", act: "type", text: page.value }));
    const state = h("p", { class: "hint", id: "page-state", role: "status" });
    const slips = h("ul", { class: "slips", role: "alert" });
    const said = h("p", { class: "notice", role: "alert", id: "page-said", hidden: true });
    const take = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "primary wide judged", id: "page-take", onclick: () => this.#send({ type: "restore", act: "take" }) }, t("restore.take")));
    const anew = h("button", { type: "button", class: "plain", id: "page-anew", onclick: () => this.#send({ type: "restore", act: "anew" }) }, t("restore.anew"));
    const label = h("label", { for: "page-words" });
    fill(this.#body, h("p", { class: "lead" }, t("restore.typing")), taken, h("div", { class: "card-form" }, label, page, h("p", { class: "hint", id: "page-hint" }, t("restore.hint")), state, slips, said, take), anew);
    page.focus();
    let turn = -1;
    this.#live = (restore, busy) => {
      if (restore.turn !== turn) {
        // A page that was taken does not stand here any longer.
        if (turn >= 0) page.value = "";
        turn = restore.turn;
        page.focus();
      }
      const indices = restore.taken.map((/** @type {any} */ each) => each.index);
      say(label, t("restore.page", { count: indices.length + 1 }));
      say(taken, indices.length > 0 ? t("restore.taken", { pages: indices.map((/** @type {number} */ index) => number(index)).join(", "), kit: restore.kit, count: Math.max(restore.needed - indices.length, 1) }) : "");
      anew.hidden = indices.length === 0;
      say(state, restore.words > 0 ? t(restore.over ? "restore.over" : "restore.words", { count: restore.words, of: restore.of }) : "");
      const lines = [
        ...restore.wrong.map((/** @type {any} */ each) => t("restore.wrong", { place: each.place, row: each.row })),
        ...restore.rows.map((/** @type {any} */ each) => t("restore.row", { row: each.row, count: each.has })),
      ].slice(0, 6);
      const key = lines.join("\n");
      if (slips.dataset.key !== key) {
        slips.dataset.key = key;
        fill(slips, ...lines.map((line) => h("li", {}, line)));
      }
      take.disabled = busy || !restore.whole;
      // That a page was taken stands above, for as long as it is so.
      drawSaid(said, restore.said?.kind === "taken" ? null : restore.said);
    };
  }

  /** @param {Record<string, any>} restore */
  #ready({ kit, said, taken }) {
    const box = h("p", { class: "notice", role: "status", id: "page-said" });
    drawSaid(box, said ?? { kind: "whole", bad: false, places: [], kit, index: taken[0]?.index });
    fill(
      this.#body,
      box,
      h("p", {}, t("restore.ready")),
      h("button", { type: "button", class: "primary wide", id: "restore-bring", onclick: () => this.#send({ type: "restore", act: "go" }) }, t("restore.bring")),
      h("button", { type: "button", class: "plain", id: "page-anew", onclick: () => this.#send({ type: "restore", act: "anew" }) }, t("restore.anew")),
    );
  }

  /** @param {Record<string, any>} restore */
  #waiting({ due }) {
    fill(
      this.#body,
      h("div", { class: "notice warn", id: "restore-waits" }, h("p", {}, h("strong", {}, t("restore.waits", { time: time(due, { dateStyle: "full", timeStyle: "short" }) }))), h("p", {}, t("restore.waits.why"))),
      h("p", {}, t("restore.waits.next")),
      h("button", { type: "button", class: "primary wide", id: "restore-bring", onclick: () => this.#send({ type: "restore", act: "go" }) }, t("restore.try")),
    );
  }

  /** @param {import("../kit-pages.js").Pages} pages */
  #printing(pages) {
    const acts = { kept: () => this.#send({ type: "restore", act: "kept" }), discard: () => this.#send({ type: "restore", act: "discard" }) };
    fill(this.#body, h("p", { class: "lead" }, t("restore.print")), ...drawnKit(pages, "restore.print.warning", acts));
  }
}

/** What became of the page that was given. @param {HTMLElement} box @param {Record<string, any> | null} said */
function drawSaid(box, said) {
  box.hidden = !said;
  if (!said) return;
  box.className = said.bad ? "notice bad" : "notice";
  const values = { index: said.index ?? 0, kit: said.kit ?? "", count: said.count ?? 0, places: said.places.map((/** @type {number} */ place) => number(place)).join(", ") };
  say(box, t(`restore.said.${said.kind}`, values));
}
