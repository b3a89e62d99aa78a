/**
 * Recovery codes: 25 random characters of Crockford's base32 (125 bits) and one that checks them, made in the browser and
 * nowhere else. The check finds every wrong character and every two that changed places, before anything is asked of sam.
 */

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const length = 26;
const groupLengths = [5, 5, 5, 5, 6];

/** @returns {string} 26 characters */
export function newRecoveryCode() {
  // 32 divides 256, so the low five bits of a random byte are as random as the byte.
  const random = Array.from(crypto.getRandomValues(new Uint8Array(length - 1)), (byte) => byte & 31);
  return [...random, twice(remainderOf(random))].map((value) => alphabet[value]).join("");
}

/** Twice a number of the field with 32 elements (polynomials over two modulo x^5 + x^2 + 1). */
function twice(value) {
  return ((value << 1) ^ (value & 16 ? 0b100101 : 0)) & 31;
}

/** The characters as a polynomial, evaluated at 2, whose powers differ for all 26 places: 0 for a code typed right. */
function remainderOf(values) {
  return values.reduce((sum, value) => twice(sum) ^ value, 0);
}

/** @param {string} code @returns {string[]} the groups in which people read and type it */
export function groupsOf(code) {
  let start = 0;
  return groupLengths.map((size) => code.slice(start, (start += size)));
}

/** What a person typed, as it was made: blanks and hyphens dropped, look-alikes read as Crockford says. */
export function normalisedCode(typed) {
  return typed
    .normalize("NFKC")
    .toUpperCase()
    .replaceAll(/[\s\u2010-\u2015\u2212\u30FC-]/g, "")
    .replaceAll("O", "0")
    .replaceAll(/[IL]/g, "1");
}

/** @param {string} code as `normalisedCode` gives it @returns {string} the name of the words that say what is wrong, or "" */
export function faultOfCode(code) {
  const values = [...code].map((character) => alphabet.indexOf(character));
  if (values.includes(-1)) return "codeForeign";
  if (values.length !== length) return values.length < length ? "codeTooShort" : "codeTooLong";
  return remainderOf(values) === 0 ? "" : "codeMistyped";
}
