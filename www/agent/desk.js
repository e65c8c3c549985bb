// Up to the viewer: enrol this browser, sign in, say which case and why.

import { fill, h, say } from "../dom.js";
import { chosen, has, t, time } from "../text.js";
import { answer, make, offered } from "./passkey.js";

/** @typedef {(intent: import("../engine.js").Intent) => void} Send */
/** @typedef {Record<string, any>} View What the portal computed; see `View` in `glimpse-portal`. */

export class Desk {
  #section = h("section", { class: "screen narrow desk" });
  #heading = h("h1", { tabIndex: -1 });
  #problem = h("div", { class: "notice bad", role: "alert", hidden: true });
  #body = h("div", {});
  #send;
  /** @type {import("./app.js").Around | null} */
  #around;
  /** What the body was made for. */
  #drawn = "";
  /** The challenge that a passkey was asked for, so that it is asked once. */
  #asked = "";

  /** @param {HTMLElement} main @param {Send} send @param {import("./app.js").Around | null} [around] */
  constructor(main, send, around = null) {
    this.#send = send;
    this.#around = around;
    this.#section.append(this.#heading, this.#problem, this.#body);
    main.append(this.#section);
  }

  focus() {
    this.#heading.focus();
  }

  /** @param {{ agent: View, failure: string | null }} snapshot */
  draw({ agent, failure }) {
    const { stage } = agent;
    // A frame enrols nobody and signs nobody in.
    const elsewhere = this.#around && (stage === "stranger" || stage === "signed-out") ? this.#around.signIn() : [];
    const titled = elsewhere.length ? "signed-out" : stage;
    say(this.#heading, t(`agent.${titled}.title`, { organisation: agent.organisation }));
    const problem = agent.problem ?? (stage === "ready" ? failure : null);
    this.#problem.hidden = !problem;
    if (problem) fill(this.#problem, ...told(problem));
    if (agent.assert) void this.#assert(agent.assert);
    const key = [stage, agent.organisation, agent.name, agent.until, chosen()].join("\n");
    if (key === this.#drawn) return;
    this.#drawn = key;
    fill(this.#body, ...(elsewhere.length ? elsewhere : this.#parts[stage]?.(agent) ?? []));
    // In a frame only from whoever works in it: the page around keeps its own focus.
    if (this.#around && !document.hasFocus()) return;
    /** @type {HTMLElement | null} */ (this.#body.querySelector("[data-first]"))?.focus();
  }

  /** What each stage shows. @type {Record<string, (agent: View) => HTMLElement[]>} */
  #parts = {
    starting: () => [h("p", { role: "status" }, t("agent.wait"))],
    stranger: () => [h("p", {}, t("agent.stranger.how")), h("p", { class: "hint" }, t("agent.stranger.why"))],
    invited: (agent) => [
      h("p", {}, t("agent.invited.what", { organisation: agent.organisation })),
      h("p", { class: "hint" }, t("agent.invited.key")),
      ...(agent.enrolled ? this.#replaces(agent) : this.#enrolButtons(agent)),
    ],
    enrolling: () => [h("p", { role: "status" }, t("agent.wait"))],
    "signed-out": () => [
      h("p", {}, t("agent.signed-out.how")),
      this.#button("primary", "agent.sign-in", { type: "sign-in" }, true),
      h("details", {}, h("summary", {}, t("agent.forget.title")), h("p", {}, t("agent.forget.what")), this.#button("danger", "agent.forget", { type: "forget" })),
    ],
    "signing-in": () => [h("p", { role: "status" }, t("agent.wait"))],
    leaving: (agent) => [h("p", { role: "status" }, t("agent.leaving.where", { host: new URL(agent.leave).host }))],
    unvouched: (agent) => [
      h("p", {}, t("agent.unvouched.what", { organisation: agent.organisation })),
      this.#button("primary", "agent.again", { type: "again" }, true),
    ],
    ready: (agent) => [
      this.#caseForm(agent),
      ...(agent.supervisor ? [h("section", { class: "supervise" }, h("h2", {}, t("agent.supervise.title")), h("p", { class: "hint" }, t("agent.supervise.what")), h("button", { type: "button", class: "plain", id: "supervise", onclick: () => this.#send({ type: "ledger", act: "read" }) }, t("agent.supervise")))] : []),
    ],
  };

  /** @param {string} kind @param {string} key @param {import("../engine.js").Intent} intent @param {boolean} [first] */
  #button(kind, key, intent, first = false) {
    return h("button", { type: "button", class: kind, "data-first": first || undefined, onclick: () => this.#send(intent) }, t(key));
  }

  /** Somebody is enrolled here: their key goes only when that was said. @param {View} agent */
  #replaces(agent) {
    const { enrolled } = agent;
    const name = enrolled.name || t("agent.replace.nameless", { id: enrolled.agent.slice(0, 8) });
    const box = h("div", { class: "replace" });
    const go = h("button", { type: "button", class: "danger", id: "replace", onclick: () => fill(box, ...this.#enrolButtons(agent)) }, t("agent.replace.go"));
    const keep = h("button", { type: "button", class: "primary", id: "keep", "data-first": true, onclick: () => this.#send({ type: "desk" }) }, t("agent.replace.keep"));
    fill(box, h("p", { class: "notice" }, h("strong", {}, t("agent.replace.who", { name })), " ", t("agent.replace.what")), h("div", { class: "row" }, keep, go));
    return [box];
  }

  /** @param {View} agent */
  #enrolButtons(agent) {
    const replace = Boolean(agent.enrolled);
    const plain = agent.passkeyOnly ? false : this.#button(offered() ? "plain" : "primary", "agent.enrol.plain", { type: "enrol", passkey: null, replace });
    if (!offered()) return [plain || h("p", { class: "notice bad" }, ...told("agent.passkey.demanded"))];
    const go = h("button", { type: "button", class: "primary", "data-first": true }, t("agent.enrol.passkey"));
    const trouble = h("p", { class: "field-error", role: "alert" });
    go.addEventListener("click", async () => {
      say(trouble, "");
      // One question of the browser at a time.
      /** @type {HTMLButtonElement} */ (go).disabled = true;
      try {
        this.#send({ type: "enrol", passkey: await make(t("agent.passkey.name")), replace });
      } catch {
        say(trouble, t("agent.passkey.cancelled"));
      }
      /** @type {HTMLButtonElement} */ (go).disabled = false;
    });
    return [go, trouble, h("p", { class: "hint" }, t("agent.enrol.passkey.why")), ...(plain ? [plain] : [])];
  }

  /** @param {{ challenge: string, id: string }} asked */
  async #assert(asked) {
    if (this.#asked === asked.challenge) return;
    this.#asked = asked.challenge;
    try {
      this.#send({ type: "asserted", assertion: await answer(asked) });
    } catch {
      this.#send({ type: "not-asserted" });
    }
  }

  /** @param {View} agent */
  #caseForm(agent) {
    const field = (/** @type {string} */ id, /** @type {Record<string, unknown>} */ more) =>
      /** @type {HTMLInputElement} */ (h("input", { id, name: id, type: "text", required: true, autocomplete: "off", spellcheck: false, "aria-describedby": `${id}-hint`, ...more }));
    const number = field("case", { maxLength: 100, value: agent.case || this.#around?.prefill.case, "data-first": true });
    const reason = field("reason", { maxLength: 200, value: agent.reason || this.#around?.prefill.reason });
    const form = h(
      "form",
      { class: "case", noValidate: true },
      h("p", { class: "hint" }, t("agent.ready.until", { organisation: agent.organisation, until: time(agent.until, { dateStyle: "medium", timeStyle: "short" }) })),
      h("label", { for: "case" }, t("agent.case")),
      number,
      h("p", { id: "case-hint", class: "hint" }, t("agent.case.hint")),
      h("label", { for: "reason" }, t("agent.reason")),
      reason,
      h("p", { id: "reason-hint", class: "hint" }, t("agent.reason.hint")),
      h("button", { type: "submit", class: "primary" }, t("agent.look")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const empty = [number, reason].find((each) => !each.value.trim());
      this.#send({ type: "look", case: number.value, reason: reason.value });
      empty?.focus();
    });
    return form;
  }
}

/** What went wrong, and the next step: in words for agents, where those for customers say something else. @param {string} problem */
function told(problem) {
  const key = [problem, `agent.error.${problem}`].find(has) ?? `error.${problem}`;
  return [h("strong", {}, t(key)), " ", has(`${key}.next`) ? t(`${key}.next`) : ""];
}
