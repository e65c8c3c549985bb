// Lending: what, for how long, the code, who is there, the session as it is used, and its end.

import { fill, h, say } from "../../dom.js";
import { clock, number, parts, size, t } from "../../text.js";
import { icon } from "../../screens/icons.js";
import { kindName } from "../../screens/kinds.js";
import { List } from "../../screens/list.js";
import { keepFile } from "../file.js";
import { serversOwn } from "../site.js";
import { deviceName, troubleText } from "../words.js";
import { AskingAgent, NoAgent, Whom, crowded, reporting, reportingOwn, verified } from "./lend-agent.js";
import { Fields } from "./lend-fields.js";
import { LendFinder } from "./lend-finder.js";
import { More } from "./lend-more.js";

/** What a person is offered for a screen of their own, in minutes, and what is not more than most need. */
const MINUTES = [5, 15, 60, 120];
const USUAL = 15;
/** Openings that are allowed at a time, as in the terminal. */
const MORE = 64;

export class Screen {
  #send;
  #body = h("div", { class: "lend" });
  /** @type {Stage | null} */
  #stage = null;
  #name = "";
  element = h("section", { class: "screen lending" }, this.#body);

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
  }

  focus() {
    this.#stage?.heading.focus();
  }

  /** @param {import("../../engine.js").Report} report */
  hear(report) {
    keepFile(report);
  }

  /** @param {Record<string, any>} snapshot */
  draw(snapshot) {
    const name = snapshot.lending?.stage ?? "choose";
    if (name !== this.#name) {
      this.#name = name;
      this.#stage = new STAGES[name](this.#send, snapshot);
      // The heading of the red screen is inside of it.
      fill(this.#body, name !== "no-agent" && this.#stage.heading, ...this.#stage.parts);
      this.#stage.heading.focus();
    }
    this.#stage?.draw(snapshot);
  }
}

/**
 * @typedef {object} Stage
 * @property {HTMLElement} heading
 * @property {HTMLElement[]} parts
 * @property {(snapshot: Record<string, any>) => void} draw
 */

const heading = (/** @type {string} */ key) => h("h1", { tabIndex: -1 }, t(key));

/** @param {string} id @param {string} look @param {string} key @param {() => void} onclick */
const button = (id, look, key, onclick) => /** @type {HTMLButtonElement} */ (h("button", { type: "button", id, class: look, onclick }, t(key)));

class Choose {
  heading = heading("lend.title");
  #send;
  #list;
  #count = h("p", { class: "count", role: "status" });
  #finder;
  #save = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", id: "save-too" }));
  #go;
  /** Whether all that the list shows is ticked. */
  #all = false;
  #whom;
  #fields;
  parts;

  /** @param {import("../app.js").Send} send @param {Record<string, any>} snapshot */
  constructor(send, { resumed }) {
    this.#send = send;
    this.#list = new List(send, { choosing: true });
    this.#finder = new LendFinder(send, this.#list, button("choose-all", "plain", "lend.all", () => send({ type: "choose-all", chosen: !this.#all })));
    this.#whom = new Whom(send, MINUTES, USUAL, resumed);
    this.#save.checked = resumed?.save ?? false;
    this.#fields = new Fields(send);
    const save = h("label", { class: "tick-line" }, this.#save, h("span", {}, t("lend.save")));
    this.#go = button("lend-go", "primary wide", "lend.go", () => send({ type: "lend", to: this.#whom.to, save: this.#save.checked, minutes: this.#whom.minutes }));
    this.parts = [h("p", { class: "lead" }, t("lend.lead")), h("div", { class: "chooser" }, this.#finder.element, this.#count, this.#list.element), this.#fields.element, ...this.#whom.parts, save, this.#go];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ list, fresh, agents, withholding }) {
    this.#whom.draw(agents);
    this.#fields.draw(withholding);
    this.#finder.draw(list);
    this.#all = list.allChosen;
    say(this.#count, list.chosen === 0 ? t("lend.none") : list.chosen === list.total ? t("lend.everything", { count: list.total }) : t("lend.chosen", { count: list.chosen, total: number(list.total) }));
    this.#list.draw({ ...list, empty: list.total === 0 ? (fresh ? "records.none" : "records.looking") : "list.nothing" }, null);
    this.#go.disabled = list.chosen === 0;
  }
}

class Starting {
  heading = heading("lend.starting");
  parts;

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.parts = [button("cancel", "plain", "cancel", () => send({ type: "cancel-code" }))];
  }

  draw() {}
}

class Code {
  heading;
  #code = h("p", { class: "big-code", dir: "ltr", translate: false });
  #site = h("p", { class: "site" });
  #other = h("p", { class: "hint", id: "other-site", hidden: true });
  #left = h("span", { class: "clock", role: "timer", "aria-live": "off" });
  #state = h("p", { class: "hint", role: "status" });
  parts;

  /** @param {import("../app.js").Send} send @param {Record<string, any>} snapshot */
  constructor(send, { lending }) {
    const agent = lending.to === "agent";
    this.heading = heading(agent ? "agent.code.title" : "code.title");
    // An agent has the portal open: there is no page to open, and somebody to be sure of.
    const where = agent ? [h("p", { class: "lead" }, h("strong", {}, t("agent.code.only")), " ", t("agent.code.lead"))] : [h("p", { class: "lead" }, t("code.lead")), this.#site, this.#other];
    const warning = h("p", { class: "notice warn" }, t(agent ? "agent.code.warning" : "code.warning"));
    const again = button("code-again", "plain", "code.again", () => send({ type: "lend-again" }));
    const cancel = button("cancel", "plain", "cancel", () => send({ type: "cancel-code" }));
    this.parts = [...where, this.#code, h("p", { class: "left-line" }, t("session.left"), " ", this.#left), this.#state, warning, h("div", { class: "choices" }, again, cancel), ...(agent ? [] : [reportingOwn(send)])];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ lending }) {
    if (this.#code.textContent !== lending.code) {
      // Groups are elements of their own, so that a screen reader reads digit by digit and no line breaks inside one.
      fill(this.#code, ...lending.code.split(" ").flatMap((/** @type {string} */ group, /** @type {number} */ at) => [at > 0 && " ", h("span", {}, group)]));
      this.#code.setAttribute("aria-label", [...lending.code.replaceAll(" ", "")].join(" "));
      if (lending.site) fill(this.#site, ...parts("code.site", { site: lending.site }));
      // Whoever had this phone in their hand may have named it.
      this.#other.hidden = !lending.site || lending.site === serversOwn();
      say(this.#other, this.#other.hidden ? "" : t("code.other"));
    }
    say(this.#left, clock(lending.secondsLeft));
    say(this.#state, lending.connecting ? t("code.connecting") : t("code.waiting"));
  }
}

class Asking {
  heading = heading("asking.title");
  #send;
  #who = h("dl", { class: "claims" });
  #odd = h("p", { class: "notice bad", role: "alert", id: "odd", hidden: true });
  #crowded = crowded();
  #what = h("p", { class: "what" });
  #words = h("div", { class: "word-choice", role: "radiogroup" });
  #left = h("span", { class: "clock", role: "timer", "aria-live": "off" });
  #yes;
  #picked = "";
  #drawn = "";
  parts;

  /** @param {import("../app.js").Send} send */
  constructor(send) {
    this.#send = send;
    this.#words.setAttribute("aria-label", t("asking.words"));
    this.#yes = button("approve", "plain even", "asking.yes", () => this.#picked && this.#send({ type: "approve", words: this.#picked }));
    const no = button("decline", "plain even", "asking.no", () => send({ type: "decline" }));
    const none = button("none-of-these", "quiet", "asking.none", () => send({ type: "decline" }));
    this.parts = [this.#what, this.#who, this.#odd, this.#crowded, h("p", { class: "notice warn" }, t("asking.warning")), h("p", {}, h("strong", {}, t("asking.words"))), this.#words, none, h("p", { class: "left-line" }, t("asking.silence"), " ", this.#left), h("div", { class: "choices even" }, no, this.#yes), reportingOwn(send)];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ lending }) {
    say(this.#left, clock(lending.secondsLeft));
    this.#crowded.hidden = !lending.crowded;
    this.#yes.disabled = !this.#picked;
    const key = lending.words.join();
    if (key === this.#drawn) return;
    this.#drawn = key;
    const rights = t(lending.save ? "asking.what.save" : "asking.what.view", { count: lending.records });
    const less = lending.withheld > 0 ? ` ${t("record.withheld.long", { count: lending.withheld })}` : "";
    say(this.#what, `${rights} ${t("asking.what.minutes", { count: lending.minutes })}${less}`);
    const claim = (/** @type {string} */ name, /** @type {string} */ value) => [h("dt", {}, t(name)), h("dd", {}, h("bdi", { class: "claimed" }, value || t("asking.nothing")))];
    fill(this.#who, ...claim("asking.program", lending.peer.program), ...claim("asking.origin", lending.peer.origin));
    // What it names is not shown: it would be read as if somebody vouched for it.
    this.#odd.hidden = !lending.peer.namesCase;
    say(this.#odd, lending.peer.namesCase ? t("own.odd") : "");
    const choice = (/** @type {string} */ words) => {
      const input = h("input", { type: "radio", name: "words", value: words, onchange: () => ((this.#picked = words), (this.#yes.disabled = false)) });
      return h("label", { lang: "en", dir: "ltr", translate: false }, input, h("span", {}, words));
    };
    fill(this.#words, ...lending.words.map(choice));
  }
}

class Running {
  heading;
  #who = h("div", { hidden: true });
  #left = h("span", { class: "clock", role: "timer", "aria-live": "off" });
  #state = h("p", { class: "hint", role: "status" });
  #budget = h("p", { class: "hint", id: "budget" });
  #spent = h("p", { class: "notice warn", id: "spent", hidden: true });
  #asked = h("div", { class: "notice", hidden: true });
  #trouble = h("div", { class: "notice bad", hidden: true });
  #rows = h("ul", { class: "lent" });
  #more;
  #send;
  #key = "";
  parts;

  /** @param {import("../app.js").Send} send @param {Record<string, any>} snapshot */
  constructor(send, { lending }) {
    this.#send = send;
    this.heading = heading(lending.agent ? "agent.running.title" : "running.title");
    this.#who.hidden = !lending.agent;
    if (lending.agent) fill(this.#who, verified(lending.agent));
    const end = button("end", "danger wide", "running.end", () => send({ type: "end" }));
    const extend = button("extend", "plain", "running.extend", () => send({ type: "extend", minutes: 15 }));
    const shorten = button("shorten", "plain", "running.shorten", () => send({ type: "shorten", minutes: 1 }));
    const allow = h("button", { type: "button", id: "allow", class: "plain", onclick: () => send({ type: "allow", openings: MORE }) }, t("running.allow", { count: MORE }));
    this.#more = new More(send);
    const over = lending.agent && h("div", { class: "colleague" }, button("hand-over", "plain", "over.colleague", () => send({ type: "hand-over" })), h("p", { class: "hint" }, t("over.colleague.hint")));
    this.parts = [this.#who, h("p", { class: "left-line" }, t("session.left"), " ", this.#left), this.#state, this.#budget, this.#spent, this.#asked, this.#trouble, end, h("div", { class: "choices" }, extend, shorten, allow), this.#more.element, h("h2", {}, t("running.records")), this.#rows, ...(over ? [over, reporting(send)] : [])];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ lending, list, withholding }) {
    say(this.#left, clock(lending.secondsLeft));
    this.#more.draw(list, lending.more, withholding);
    this.#left.dataset.level = lending.secondsLeft <= 30 ? "last" : lending.secondsLeft <= 120 ? "soon" : "calm";
    say(this.#state, !lending.connected ? t("running.offline") : !lending.viewer ? t("running.away") : t("running.opened", { count: lending.opened }));
    this.#budget.hidden = lending.spent;
    say(this.#budget, t("running.budget", { count: Math.max(0, lending.budget - lending.opened) }));
    this.#spent.hidden = !lending.spent;
    say(this.#spent, lending.spent ? t("running.spent") : "");
    this.#drawAsked(lending.asked);
    this.#trouble.hidden = !lending.sessionTrouble;
    if (lending.sessionTrouble) fill(this.#trouble, ...troubleText(lending.sessionTrouble));
    const key = JSON.stringify(lending.rows);
    if (key === this.#key) return;
    this.#key = key;
    fill(this.#rows, ...lending.rows.map((/** @type {Record<string, any>} */ row) => this.#row(row)));
  }

  /** @param {Record<string, any> | null} asked */
  #drawAsked(asked) {
    const key = JSON.stringify(asked);
    if (this.#asked.dataset.key === key) return;
    this.#asked.dataset.key = key;
    this.#asked.hidden = !asked;
    if (!asked) return fill(this.#asked);
    const minutes = asked.minutes;
    const what = minutes ? [t("running.asks-time", { count: minutes })] : parts("running.asks-record", { text: asked.text });
    const yes = minutes ? button("give-time", "primary", "running.give", () => this.#send({ type: "extend", minutes })) : button("give-record", "primary", "running.choose", () => this.#more.open());
    const no = button("refuse", "plain", "running.refuse", () => this.#send({ type: "refuse" }));
    fill(this.#asked, h("p", {}, ...what), h("div", { class: "choices" }, no, yes));
  }

  /** @param {Record<string, any>} row */
  #row(row) {
    const state = row.failure ? t(`error.${row.failure}`) : row.opened === 0 ? t("running.unopened") : t("running.times", { count: row.opened });
    const meta = [kindName(row.kind), size(row.size), row.byKey && t("running.by-key"), row.withheld > 0 && t("record.withheld", { count: row.withheld })].filter(Boolean).join(" · ");
    return h("li", { class: row.viewing ? "viewing" : row.opened > 0 ? "was-opened" : "" }, icon(row.kind), h("span", { class: "row-text" }, h("span", { class: "row-title", dir: "auto" }, row.title || t("record.untitled")), h("span", { class: "row-meta" }, meta)), h("span", { class: row.failure ? "note bad" : "note calm" }, row.viewing ? t("running.viewing") : state));
  }
}

class Over {
  heading = heading("over.title");
  #why = h("p", { class: "lead" });
  #facts = h("ul", { class: "gone" });
  #again;
  parts;

  /** @param {import("../app.js").Send} send @param {Record<string, any>} snapshot */
  constructor(send, { lending }) {
    this.#again = button("again", "primary", "over.again", () => send({ type: "lend-again" }));
    const close = button("over-close", "plain", "over.close", () => send({ type: "close-lending" }));
    this.parts = [this.#why, this.#facts, h("div", { class: "choices" }, close, this.#again), ...(lending.agent ? [verified(lending.agent), reporting(send)] : lending.to === "agent" ? [] : [reportingOwn(send)])];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ lending }) {
    const { ran, reason, wait, left, outOfSight } = lending;
    say(this.heading, t(ran ? "over.title" : "over.nothing"));
    if (left) fill(this.#why, t(ran ? "over.you-ended" : "over.you-left"));
    else if (outOfSight) fill(this.#why, t("over.out-of-sight"));
    else if (ran?.stopper) fill(this.#why, t("over.stopped", { device: deviceName(ran.stopper) }));
    else fill(this.#why, ...troubleText({ key: reason, wait }));
    // After a look of an agent, another may go on: for them it is asked anew.
    say(this.#again, t(reason === "withhold-changed" ? "withhold.again" : !ran ? "over.new-code" : lending.agent ? "over.colleague" : "over.again"));
    const facts = ran ? [t("over.opened", { count: ran.opened }), t(ran.told ? "over.told" : "over.untold"), ran.holds === false && t("over.broken"), ran.missing && t("over.missing")] : [];
    fill(this.#facts, ...facts.filter(Boolean).map((fact) => h("li", {}, String(fact))));
  }
}

/** @type {Record<string, new (send: import("../app.js").Send, snapshot: Record<string, any>) => Stage>} */
const STAGES = { choose: Choose, starting: Starting, granting: Starting, code: Code, asking: Asking, "asking-agent": AskingAgent, "no-agent": NoAgent, running: Running, over: Over };
