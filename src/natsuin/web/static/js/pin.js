/** The rules for a PIN. The key module applies its own, longer list again; this only answers sooner. */

const common = new Set(
  ("password passw0rd qwerty qwertyuiop asdfgh asdfghjkl zxcvbn iloveyou letmein welcome monkey dragon sunshine princess " +
    "football baseball admin123 abc123 123abc 1q2w3e 1qaz2wsx q1w2e3 natsuin hankohanko inkan sakura nippon tokyo123 " +
    "112233 121212 123123 131313 159753 147258 147369 258456 654321 696969 789456 010203 102030 112358 314159 271828 " +
    "142857 520520 246810 135790 741852 963852 987654321").split(" "),
);
const rows = ["01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/** One spelling for one PIN, whatever the keyboard: full-width and half-width characters become the same. */
export function normalisedPIN(typed) {
  return typed.normalize("NFKC");
}

/** @param {string} pin normalised @returns {string} the name of the words that say what is wrong, or "" */
export function faultOf(pin) {
  const plain = pin.toLowerCase();
  const size = [...pin].length;
  if (size < 6) return "pinTooShort";
  if (size > 64) return "pinTooLong";
  if (new Set(plain).size <= 2) return "pinRepeated";
  if (isRow(plain)) return "pinRow";
  if (common.has(plain)) return "pinCommon";
  if (isDate(plain)) return "pinDate";
  return "";
}

function isRow(plain) {
  const backward = [...plain].reverse().join("");
  return rows.some((row) => (row + row).includes(plain) || (row + row).includes(backward));
}

function isDate(plain) {
  const match = /^(?:(?:19|20)\d\d|\d\d)(\d\d)(\d\d)$/.exec(plain);
  return match !== null && Number(match[1]) >= 1 && Number(match[1]) <= 12 && Number(match[2]) >= 1 && Number(match[2]) <= 31;
}
