// What a record is called in a line.

import { size, t, time } from "../text.js";

/** What a kind of record is called. @param {string} kind one that the model knows @returns {string} */
export const kindName = (kind) => t(`kind.${kind}`);

/** Kind, day and size, for a row. @param {Record<string, any>} record @returns {string} */
export const brief = (record) => line(kindName(record.kind), time(record.created, { dateStyle: "medium" }), size(record.size));

/** Kind, date and size, for the head of an open record. @param {Record<string, any>} record @returns {string} */
export const describe = (record) =>
  line(kindName(record.kind), time(record.created, { dateStyle: "medium", timeStyle: "short" }), size(record.size));

/** Parts in one line, each in a direction of its own. @param {...string} parts @returns {string} */
const line = (...parts) => parts.map((part) => `\u2068${part}\u2069`).join(" · ");
