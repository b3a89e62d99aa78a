/** Acts of several people: the record checked against what the page is about, and told in words. */

import { joined, sha256, toHex } from "./bytes.js";
import { fact, fingerprint, moment } from "./dom.js";
import { checkRecord, mismatch } from "./record.js";
import { say } from "./words.js";

/**
 * The act, if its record is of this kind and says what is expected.
 * @param {object} act as the server gave it
 * @param {string} kind `archive-key`, `restore-key` or `import-key`
 * @param {object} expected fields of the record that are known here
 */
export async function checked(act, kind, expected) {
  const { challenge, content } = await checkRecord(act, kind);
  for (const [name, value] of Object.entries(expected)) {
    if (JSON.stringify(content[name]) !== JSON.stringify(value)) throw mismatch();
  }
  return { ...act, challenge, content };
}

/**
 * Whether the record of an import is about this file: its name for the envelope is a hash of the authority and of the number
 * in the envelope's clear part.
 * @param {Uint8Array} file
 */
export async function isOf(content, file) {
  const numbers = new TextDecoder("latin1").decode(file).matchAll(/"envelope"\s*:\s*"([0-9a-f]{32})"/g);
  const text = new TextEncoder();
  const authority = Uint8Array.from(content.authority_sha256.match(/../g), (pair) => Number.parseInt(pair, 16));
  for (const [, number] of numbers) {
    const name = await sha256(joined(text.encode("natsuin/key-envelope/v1\0"), authority, text.encode(number)));
    if (toHex(name) === content.envelope) return true;
  }
  return false;
}

/** What the passkey signs, in words; fingerprints are those of the record itself. */
export function factsOf({ content, officers }, about) {
  const print = (name, value) => (value ? fact(say(name), fingerprint(value)) : []);
  return [
    ...fact(say("keyAct"), about.title),
    ...(about.owner ? fact(say("sharedOwner"), about.owner) : []),
    ...(content.key === "all" ? fact(say("sharedKeys"), say("sharedAllKeys")) : fact(say("sharedKeyNumber"), content.key)),
    ...fact(say("sharedOfficers"), officers.join(", ")),
    ...(content.archived_at ? fact(say("sharedArchiveMade"), moment(content.archived_at)) : []),
    ...print("sharedArchivePrint", content.archive_sha256),
    ...(content.envelope ? fact(say("sharedEnvelopeNumber"), content.envelope) : []),
    ...print("sharedAuthorityPrint", content.authority_sha256),
    ...print("sharedCertificatePrint", content.certificate_sha256),
  ];
}
