// Lending to an agent: to whom is chosen, the question with who asks and why, and the red screen where nobody vouches.

import { fill, h, say } from "../../dom.js";
import { clock, t } from "../../text.js";
import { button } from "../linking.js";
import { mark } from "../marks.js";

/** @typedef {import("../app.js").Send} Send */

/** What a person is offered for an agent, in minutes; the Worker offers the same when it asks. */
const MINUTES = [5, 10, 15, 30, 60];
const USUAL = 10;

/**
 * One of several, as tiles.
 * @param {{ name: string, legend: string, options: [string, string][], chosen: string, look?: string }} what
 * @param {(value: string) => void} then
 */
export function tiles({ name, legend, options, chosen, look = "" }, then) {
  const tile = (/** @type {[string, string]} */ [value, text]) => h("label", {}, h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => then(value) }), h("span", {}, text));
  return h("fieldset", { class: `minutes ${look}` }, h("legend", {}, legend), ...options.map(tile));
}

/** @param {number[]} offered @param {number} chosen @param {(minutes: number) => void} then */
export function minuteTiles(offered, chosen, then) {
  const options = offered.map((each) => /** @type {[string, string]} */ ([String(each), t("lend.minutes.of", { count: each })]));
  return tiles({ name: "minutes", legend: t("lend.minutes"), options, chosen: String(chosen) }, (value) => then(Number(value)));
}

/** To whom, and for how long. Where no organisation is pinned there is one answer to the first, and the way to another. */
export class Whom {
  to;
  minutes;
  #own;
  #usual;
  #agents = "";
  #whom = h("div");
  #times = h("div");
  parts = [this.#whom, this.#times];

  /**
   * @param {Send} send
   * @param {number[]} own minutes for a screen of one's own
   * @param {number} usual
   * @param {{ to: string, minutes: number } | null} resumed what was chosen before
   */
  constructor(send, own, usual, resumed) {
    this.#own = own;
    this.#usual = usual;
    this.to = resumed?.to ?? "own-screen";
    this.minutes = resumed?.minutes ?? usual;
    this.#way = button("to-organisations", "plain small", "agent.choose.pin", () => send({ type: "go", to: "organisations" }));
    this.#drawTimes();
  }

  #way;

  /** @param {string} agents */
  draw(agents) {
    if (agents === this.#agents) return;
    this.#agents = agents;
    if (agents !== "some") {
      this.#choose("own-screen");
      const why = h("span", {}, t(agents === "held" ? "agent.choose.held" : "agent.choose.none"));
      return fill(this.#whom, h("p", { class: "hint beside" }, why, " ", this.#way));
    }
    const options = /** @type {[string, string][]} */ (["own-screen", "agent"].map((each) => [each, t(`agent.choose.${each}`)]));
    const hint = h("p", { class: "hint", id: "to-hint", role: "status" });
    const set = tiles({ name: "to", legend: t("agent.choose"), options, chosen: this.to, look: "whom" }, (to) => {
      this.#choose(to);
      say(hint, t(`agent.choose.${to}.hint`));
    });
    say(hint, t(`agent.choose.${this.to}.hint`));
    fill(this.#whom, set, hint);
  }

  /** @param {string} to */
  #choose(to) {
    if (to === this.to) return;
    this.to = to;
    this.minutes = to === "agent" ? USUAL : this.#usual;
    this.#drawTimes();
  }

  #drawTimes() {
    fill(this.#times, minuteTiles(this.to === "agent" ? MINUTES : this.#own, this.minutes, (minutes) => (this.minutes = minutes)));
  }
}

/** Who it is, as an organisation vouches for it. @param {Record<string, string>} agent */
export function verified(agent) {
  const who = h("p", { class: "agent-name" }, t("agent.of", { name: agent.name, organisation: agent.organisation }));
  return h("div", { class: "verified" }, mark("verified"), h("div", {}, who, h("p", { class: "hint" }, h("strong", {}, t("agent.verified")), " ", t("agent.vouched", { organisation: agent.organisation }))));
}

/** @param {[string, string][]} said keys of the catalogue, and what was said */
const claims = (said) => h("dl", { class: "claims" }, ...said.filter(([, value]) => value).flatMap(([key, value]) => [h("dt", {}, t(key)), h("dd", {}, h("bdi", { class: "claimed" }, value))]));

/** @param {Send} send */
export const reporting = (send) => button("report", "plain", "agent.report", () => send({ type: "report" }));

/** The same about a screen of one's own: for whoever runs the server, not for an organisation. @param {Send} send */
export const reportingOwn = (send) => h("div", { class: "report" }, button("report", "plain", "agent.report", () => send({ type: "report" })), h("p", { class: "hint" }, t("own.report.hint")));

/** Somebody else tried the code while it stood here. */
export const crowded = () => h("p", { class: "notice bad", id: "crowded", hidden: true }, t("asking.crowded"));

export class AskingAgent {
  heading = h("h1", { tabIndex: -1 }, t("agent.asking.title"));
  #send;
  #who = h("div");
  #said = h("div");
  #crowded = crowded();
  #what = h("section", { class: "granted" });
  #times = h("div");
  #words = h("p", { class: "big-words", lang: "en", dir: "ltr", translate: false });
  #left = h("span", { class: "clock", role: "timer", "aria-live": "off" });
  #minutes = 0;
  #drawn = "";
  parts;

  /** @param {Send} send */
  constructor(send) {
    this.#send = send;
    // Both answers look the same, and weigh the same.
    const no = button("decline", "plain even", "asking.no", () => send({ type: "decline" }));
    const yes = button("approve-agent", "plain even", "asking.yes", () => this.#send({ type: "approve-agent", minutes: this.#minutes }));
    const warning = h("p", { class: "notice warn" }, h("strong", {}, t("agent.asking.called")), " ", t("agent.asking.called.next"));
    const words = h("section", {}, h("p", { id: "agent-words" }, t("agent.asking.words")), this.#words);
    this.#words.setAttribute("aria-describedby", "agent-words");
    // What the agent wrote comes after the warning: no length of it pushes that away.
    this.parts = [this.#who, this.#crowded, warning, this.#said, this.#what, this.#times, words, h("p", { class: "left-line" }, t("asking.silence"), " ", this.#left), h("div", { class: "choices even" }, no, yes), reporting(send)];
  }

  /** @param {Record<string, any>} snapshot */
  draw({ lending }) {
    say(this.#left, clock(lending.secondsLeft));
    this.#crowded.hidden = !lending.crowded;
    const key = JSON.stringify([lending.agent, lending.titles, lending.offered, lending.withheld]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const { agent, titles, offered, minutes, records, save } = lending;
    this.#minutes = minutes;
    fill(this.#who, verified(agent));
    fill(this.#said, claims([["agent.case", agent.case], ["agent.reason", agent.reason]]));
    const more = records - titles.length;
    const list = h("ul", { class: "titles" }, ...titles.map((/** @type {string} */ title) => h("li", {}, h("bdi", {}, title || t("record.untitled")))), more > 0 && h("li", {}, t("agent.asking.more", { count: more })));
    fill(this.#what, h("p", { class: "what" }, t(save ? "agent.asking.save" : "agent.asking.view", { count: records })), list, lending.withheld > 0 && h("p", {}, t("record.withheld.long", { count: lending.withheld })));
    fill(this.#times, minuteTiles(offered, minutes, (chosen) => (this.#minutes = chosen)));
    say(this.#words, agent.words);
  }
}

/** Nobody vouches. There is nothing to say yes to. */
export class NoAgent {
  heading = h("h1", { tabIndex: -1 }, t("no-agent.title"));
  #panel = h("div", { class: "no-agent", role: "alert" });
  #send;
  #drawn = "";
  parts = [this.#panel];

  /** @param {Send} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {Record<string, any>} snapshot */
  draw({ lending }) {
    const { nobody } = lending;
    const key = JSON.stringify(nobody);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const said = claims([["agent.case", nobody.case], ["agent.reason", nobody.reason], ["no-agent.page", nobody.origin], ["no-agent.program", nobody.program]]);
    const head = h("div", { class: "no-agent-head" }, mark("stop"), this.heading);
    const back = button("no-agent-back", "plain", "no-agent.back", () => this.#send({ type: "close-lending" }));
    fill(
      this.#panel,
      head,
      h("p", { class: "what" }, t("no-agent.shared")),
      h("p", {}, t(`no-agent.${nobody.fault}`)),
      h("p", { class: "what" }, t("no-agent.hang-up")),
      said.childElementCount > 0 && h("p", { class: "hint" }, t("no-agent.say")),
      said.childElementCount > 0 && said,
      h("div", { class: "choices even" }, reporting(this.#send), back),
      h("p", { class: "hint" }, t("agent.report.hint")),
    );
    this.heading.focus();
  }
}
