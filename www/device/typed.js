// A number as people type it: in the digits of any script, with a full stop or a comma before decimals.

/** Nothing stands for thousands: more than two digits behind the sign could be that. */
const PLAIN = /^\d*(?:[.,\u066B]\d{1,2})?$/;

/** What somebody typed; not a number where it is none. @param {string} text @returns {number} */
export function typedNumber(text) {
  const plain = text.trim().replace(/\p{Nd}/gu, digit);
  return PLAIN.test(plain) && plain ? Number(plain.replace(/[,\u066B]/, ".")) : Number.NaN;
}

/** The ASCII digit that another one stands for: in Unicode the ten of a script stand side by side. @param {string} other */
function digit(other) {
  const code = /** @type {number} */ (other.codePointAt(0));
  let zero = code;
  while (/^\p{Nd}$/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String((code - zero) % 10);
}
