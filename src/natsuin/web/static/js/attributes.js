/** The signed attributes of a CMS (RFC 5652, 5.4), read far enough to see which document they are about. */

import { fromBase64url, sameBytes, toHex } from "./bytes.js";

const messageDigest = "06092a864886f70d010904";
const hashes = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

/**
 * Whether what the record has signed is exactly what belongs to a document's digest.
 * @param {string} attributes DER of the SET, in base64url
 * @param {string} recorded the digest in the record, in base64url
 * @param {string} shown the document's digest, in base64url
 * @param {string} hash the hash function, as the service names it
 * @returns {Promise<boolean>}
 */
export async function belongsTo(attributes, recorded, shown, hash) {
  const whole = fromBase64url(attributes);
  const digest = new Uint8Array(await crypto.subtle.digest(hashes[hash], whole));
  if (!sameBytes(digest, fromBase64url(recorded))) return false;
  const [set, ...others] = elements(whole);
  if (others.length || set?.tag !== 0x31) return false;
  const named = elements(set.content)
    .map((attribute) => elements(attribute.content))
    .filter(([type]) => type && toHex(type.whole) === messageDigest);
  if (named.length !== 1 || named[0].length !== 2) return false;
  const values = elements(named[0][1].content);
  return values.length === 1 && values[0].tag === 0x04 && sameBytes(values[0].content, fromBase64url(shown));
}

/** The elements that stand one after the other; none where the lengths do not fit. */
function elements(bytes) {
  const found = [];
  let start = 0;
  while (start < bytes.length) {
    let size = bytes[start + 1];
    let content = start + 2;
    if (size > 0x82) return [];
    for (let more = size & 0x80 ? size & 0x7f : 0, sum = 0; more > 0; more -= 1) {
      sum = sum * 256 + bytes[content];
      size = sum;
      content += 1;
    }
    const end = content + size;
    if (!(end <= bytes.length)) return [];
    found.push({ tag: bytes[start], whole: bytes.subarray(start, end), content: bytes.subarray(content, end) });
    start = end;
  }
  return found;
}
