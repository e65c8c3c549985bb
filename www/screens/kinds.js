// What a record is called in a line.

import { h } from "../dom.js";
import { chosen, number, size, t, time } from "../text.js";

/** What a kind of record is called. @param {string} kind one that the model knows @returns {string} */
export const kindName = (kind) => t(`kind.${kind}`);

/** Kind, day and size, for a row. @param {Record<string, any>} record @returns {string} */
export const brief = (record) => line(kindName(record.kind), time(record.created, { dateStyle: "medium" }), size(record.size));

/** Kind, date and size, for the head of an open record. @param {Record<string, any>} record @returns {string} */
export const describe = (record) =>
  line(kindName(record.kind), time(record.created, { dateStyle: "medium", timeStyle: "short" }), size(record.size));

/** Parts in one line, each in a direction of its own. @param {...string} parts @returns {string} */
const line = (...parts) => parts.map((part) => `\u2068${part}\u2069`).join(" · ");

/** What the options of each field were drawn from. @type {WeakMap<HTMLSelectElement, string>} */
const drawn = new WeakMap();

/** The kinds that there are, as the options of a field, and the one that is shown. @param {HTMLSelectElement} select @param {Record<string, any>} list */
export function drawKinds(select, { kinds, kind }) {
  const key = JSON.stringify(kinds) + chosen();
  if (drawn.get(select) !== key) {
    drawn.set(select, key);
    const option = (/** @type {{kind: string, count: number}} */ each) => h("option", { value: each.kind }, `${kindName(each.kind)} (${number(each.count)})`);
    select.replaceChildren(h("option", { value: "" }, t("session.kind.all")), ...kinds.map(option));
  }
  select.value = kind;
}
