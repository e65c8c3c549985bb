// What a record is called in a line.

import { has, size, t, time } from "../text.js";

/** What a kind of record is called. @param {string} kind @returns {string} */
export const kindName = (kind) => (has(`kind.${kind}`) ? t(`kind.${kind}`) : kind);

/** Kind, day and size, for a row. @param {Record<string, any>} record @returns {string} */
export const brief = (record) => [kindName(record.kind), time(record.created, { dateStyle: "medium" }), size(record.size)].join(" · ");

/** Kind, date and size in one line. @param {Record<string, any>} record @returns {string} */
export const describe = (record) =>
  [kindName(record.kind), time(record.created, { dateStyle: "medium", timeStyle: "short" }), size(record.size)].join(" · ");
