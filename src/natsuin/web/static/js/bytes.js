/** Bytes and their texts: base64url as WebAuthn writes it, hexadecimal as people compare it. */

/** @param {ArrayBuffer | Uint8Array} data @returns {string} base64url without padding (RFC 4648 section 5) */
export function toBase64url(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {string} text base64url with or without padding @returns {Uint8Array} */
export function fromBase64url(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

/** @param {ArrayBuffer | Uint8Array} data @returns {string} lower-case hexadecimal */
export function toHex(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Uint8Array} data @returns {Promise<Uint8Array>} 32 bytes */
export async function sha256(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}

/** @param {Uint8Array[]} parts @returns {Uint8Array} one after the other */
export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}

/** @param {Uint8Array} left @param {Uint8Array} right @returns {boolean} */
export function sameBytes(left, right) {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
