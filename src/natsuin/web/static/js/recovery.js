/** Recovery codes: 26 characters of Crockford's base32, 130 random bits, made in the browser and nowhere else. */

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const length = 26;
const groupLengths = [5, 5, 5, 5, 6];

/** @returns {string} 26 characters */
export function newRecoveryCode() {
  // 32 divides 256, so the low five bits of a random byte are as random as the byte.
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => alphabet[byte & 31]).join("");
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

/** @param {string} code as `normalisedCode` gives it */
export function isRecoveryCode(code) {
  return code.length === length && [...code].every((character) => alphabet.includes(character));
}
