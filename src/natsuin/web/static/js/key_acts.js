/** Acts on keys: proposed, checked against what was asked for, approved with a passkey. The same for owners and officers. */

import { Problem, send } from "./api.js";
import { fromBase64url, sameBytes, sha256, toBase64url } from "./bytes.js";
import { find, goToStep, onPress } from "./dom.js";
import { checkRecord, mismatch } from "./record.js";
import { seal } from "./sealing.js";
import { clear, notice, tellBusy, tellProblem } from "./status.js";
import { assert } from "./webauthn.js";
import { say } from "./words.js";

/**
 * Have an act written, and refuse one that is not exactly what was asked for.
 * @param {string} base address of the key
 * @param {object} wish what is sent: `act` and what belongs to it
 * @param {object} expected fields of the record that are known here
 * @returns {Promise<object>} the act as the server gave it, with `challenge` computed here and the record's `content`
 */
export async function propose(base, wish, expected) {
  const act = await send(`${base}/acts`, { json: wish });
  const { challenge, content } = await checkRecord(act, `key-${wish.act}`);
  const wanted = { reason: wish.reason ?? "", note: wish.note ?? "", ...expected };
  for (const [name, value] of Object.entries(wanted)) {
    if (JSON.stringify(content[name]) !== JSON.stringify(value)) throw mismatch();
  }
  return { ...act, base, challenge, content };
}

/** Show what would be approved: facts in words, and the record itself. */
export function show(act, facts) {
  const part = find('[data-step="approve"]');
  find("[data-approval-facts]", part).replaceChildren(...facts);
  find("[data-record]", part).textContent = JSON.stringify(act.content, null, 2);
  find("[data-record-check]", part).replaceChildren(notice("good", "", say("keyRecordGood")));
  clear(find(":scope > [data-status]", part));
  goToStep("approve");
}

/**
 * Ask the passkey and deliver its answer when the button is pressed. An act is spent by its first answer, so whatever is
 * refused after that begins anew.
 * @param {() => object} current the act shown; its approval goes to its `path`, or to that of an act on a key
 * @param {(act: object) => {prefix: string, secrets: object} | null} secretsOf what is sealed to sam with it
 * @param {(answer: object) => void} onDone
 * @param {(problem: Error) => void} onRefused
 */
export function bindApproval({ current, secretsOf = () => null, onDone, onRefused }) {
  const part = find('[data-step="approve"]');
  const status = find(":scope > [data-status]", part);
  const button = find("[data-approve]", part);
  onPress(button, async () => {
    const act = current();
    button.disabled = true;
    let sent = false;
    try {
      const sealing = secretsOf(act);
      const body = {};
      if (sealing) body.sealed_secrets = await seal(sealing.prefix, act.hpke_public_key, act.challenge, sealing.secrets);
      tellBusy(status, say("waitingForPasskey"));
      body.credential = await assert(act.publicKey, act.challenge);
      tellBusy(status);
      sent = true;
      const answer = await send(act.path ?? `${act.base}/acts/${encodeURIComponent(act.act_id)}`, { json: body });
      clear(status);
      onDone(answer);
    } catch (problem) {
      if (!sent || !(problem instanceof Problem)) tellProblem(status, problem);
      else if (problem.worthRepeating) tellProblem(status, problem, say("keyActUnknown"));
      else onRefused(problem);
    } finally {
      button.disabled = false;
    }
  });
}

/**
 * The public key (COSE, base64url) that the authenticator itself put into a new passkey, so that no other one can be bound
 * to the same name.
 * @param {object} credential RegistrationResponseJSON
 */
export function publicKeyOf(credential) {
  const data = fromBase64url(credential.response.authenticatorData);
  // Web Authentication Level 3, 6.1 and 6.5.1: hash, flags, counter, AAGUID, length of the id, id, public key.
  const length = (data[53] << 8) | data[54];
  const id = data.slice(55, 55 + length);
  const extensions = data[32] & 0x80;
  if (extensions || !sameBytes(id, fromBase64url(credential.rawId))) return "";
  return toBase64url(data.slice(55 + length));
}

/** SHA-256 of every certificate in files of PEM or DER, base64url. @param {Uint8Array[]} files @returns {Promise<string[]>} */
export async function printsOf(files) {
  const found = [];
  for (const bytes of files) {
    const text = new TextDecoder("latin1").decode(bytes);
    const blocks = [...text.matchAll(/-----BEGIN CERTIFICATE-----([\sA-Za-z0-9+/=]+)-----END CERTIFICATE-----/g)];
    const ders = blocks.length ? blocks.map(([, body]) => fromBase64url(body.replaceAll(/\s/g, ""))) : [bytes];
    for (const der of ders) found.push(toBase64url(await sha256(der)));
  }
  return [...new Set(found)].sort();
}
