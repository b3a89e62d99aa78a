/** CSV as spreadsheet programs read it, of which no field becomes a formula. */

/** @param {string[][]} rows @returns {string} with a byte order mark, by which Excel knows UTF-8 */
export function csv(rows) {
  return `\ufeff${rows.map((row) => row.map(field).join(",")).join("\r\n")}\r\n`;
}

function field(value) {
  const plain = String(value);
  // A quotation mark in front is what spreadsheet programs take for "this is text".
  const text = /^\s*[=+\-@\t\r＝＋－＠]/.test(plain) ? `'${plain}` : plain;
  return `"${text.replaceAll('"', '""')}"`;
}
