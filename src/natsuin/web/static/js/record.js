/** The record of an approval, recomputed here so that a passkey never signs what the person did not see. */

import { Problem } from "./api.js";
import { fromBase64url, joined, sameBytes, sha256, toHex } from "./bytes.js";
import { say } from "./words.js";

const tag = new TextEncoder().encode("natsuin/approval/v1\0");

/**
 * Refuse, before any passkey is asked, a challenge that was not made from the record, and a record of another act or
 * another service.
 * @param {{record: string, challenge?: string, publicKey: {challenge: string, rpId: string}}} act as the server gave it
 * @param {string} kind `sign`, `enrol`, `reset-pin` or `key-` and an act on a key: what the person is about to do
 * @returns {Promise<{challenge: Uint8Array, content: object}>} the challenge computed here, and the record's JSON
 */
export async function checkRecord(act, kind) {
  const challenge = await sha256(joined(tag, new TextEncoder().encode(act.record)));
  const told = [act.challenge ?? act.publicKey.challenge, act.publicKey.challenge].map(fromBase64url);
  if (!told.every((value) => sameBytes(value, challenge))) throw mismatch();
  const content = JSON.parse(act.record);
  if (content.act !== kind || content.service !== act.publicKey.rpId) throw mismatch();
  return { challenge, content };
}

/**
 * Refuse a record that is not about one signature of exactly the document shown, with the key chosen.
 * @param {object} content of the record
 * @param {{name: string, size: number, sha256: Uint8Array}} shown computed from the very bytes on the screen
 * @param {{keyId: string, certificate: string, reason: string}} chosen the key, the fingerprint of the certificate shown, in
 *   hexadecimal, and the reason typed
 */
export function checkSignature(content, shown, chosen) {
  const documents = content.documents ?? [];
  const [named] = documents;
  const agrees =
    documents.length === 1 &&
    content.digests?.length === 1 &&
    content.count === 1 &&
    content.key === chosen.keyId &&
    (content.purpose ?? "") === chosen.reason &&
    hexOf(content.certificate_sha256) === hexOf(chosen.certificate) &&
    hexOf(named.sha256) === toHex(shown.sha256) &&
    named.size === shown.size &&
    named.name === shown.name;
  if (!agrees) throw mismatch();
}

/** Refuse a record of a registration that differs from what the officer typed. */
export function checkRegistration(content, typed) {
  const { subject = {}, evidence = {} } = content;
  const agrees =
    subject.common_name === typed.common_name &&
    (subject.organization ?? "") === typed.organization &&
    subject.country === typed.country &&
    content.algorithm === typed.algorithm &&
    content.resident === typed.resident &&
    evidence.kind === typed.evidence.kind &&
    evidence.reference === typed.evidence.reference &&
    evidence.level === typed.evidence.level;
  if (!agrees) throw mismatch();
}

/** Hashes stand in records as 64 hexadecimal digits or as base64url of 32 bytes. */
function hexOf(value) {
  if (typeof value !== "string") throw mismatch();
  return /^[0-9a-f]{64}$/.test(value) ? value : toHex(fromBase64url(value));
}

/** What is told of a record that is not what was asked for. */
export function mismatch() {
  return new Problem({ code: "record_mismatch", detail: say("recordBad"), hint: say("recordBadStep") });
}
