/** Giving the reader a file that the page holds already. */

import { make } from "./dom.js";

/** @param {string} text @param {string} name of the file @param {string} type its media type */
export function saveText(text, name, type) {
  saveBlob(new Blob([text], { type }), name);
}

/** @param {Blob} blob @param {string} name of the file */
export function saveBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
