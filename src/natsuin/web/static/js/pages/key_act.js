/** One act of an owner on a key: what happens, the secrets it needs, the record, the passkey. */

import { send } from "../api.js";
import { fact, find, goToStep, onPress, onSubmit } from "../dom.js";
import { bindApproval, propose, publicKeyOf, show } from "../key_acts.js";
import { normalisedPIN } from "../pin.js";
import { mismatch } from "../record.js";
import { purposes } from "../sealing.js";
import { bindPINStep, bindRecoveryStep } from "../secret_steps.js";
import { clear, guarded, notice, tell, tellBusy, tellProblem } from "../status.js";
import { register } from "../webauthn.js";
import { say } from "../words.js";

const about = find("[data-key]").dataset;
const base = `/api/keys/${encodeURIComponent(about.key)}`;
const form = find("[data-begin]");
const formStatus = find("[data-status]", form);
const pinField = form.querySelector("#pin");
const given = { pin: "", newPIN: "", code: "", reason: "", algorithm: "", offer: null, credential: null };
let act = null;

const afterBegin = { "change-pin": "pin", "add-passkey": "device", renew: "recovery", "remove-passkey": "recovery" };

onSubmit(form, async () => {
  const missing = missingField();
  for (const field of form.querySelectorAll("input, select")) field.setAttribute("aria-invalid", String(field === missing?.field));
  if (missing) {
    tell(formStatus, "bad", say(missing.words));
    missing.field.focus();
    return;
  }
  clear(formStatus);
  given.pin = pinField ? normalisedPIN(pinField.value) : "";
  given.reason = form.querySelector("#reason")?.value ?? "";
  given.algorithm = form.querySelector("#algorithm")?.value ?? "";
  const next = afterBegin[about.act];
  if (next) goToStep(next);
  else await ask(formStatus);
});

function missingField() {
  const fields = { reason: "keyReasonMissing", confirmation: "keyWordMissing", pin: "pinMissing" };
  const word = form.querySelector("[data-word]")?.textContent ?? "";
  for (const [id, words] of Object.entries(fields)) {
    const field = form.querySelector(`#${id}`);
    const value = field?.value.normalize("NFKC").trim() ?? "";
    if (field && (!value || (id === "confirmation" && value.toLowerCase() !== word.toLowerCase()))) return { field, words };
  }
  return null;
}

if (about.act === "change-pin") {
  bindPINStep((pin) => {
    given.newPIN = pin;
    return ask(find('[data-step="pin"] [data-status]'));
  });
}

if (about.act === "add-passkey") {
  const step = find('[data-step="device"]');
  const button = find("[data-register]", step);
  onPress(button, () =>
    guarded({ place: find("[data-status]", step), button, busy: say("passkeyRegistering") }, async () => {
      given.offer = await send(`${base}/passkey-offer`, { json: {} });
      given.credential = await register(given.offer.publicKey);
      goToStep("recovery");
    }),
  );
}

if (document.querySelector('[data-step="recovery"]')) {
  bindRecoveryStep({
    name: () => about.name,
    finish: "keyCodeKept",
    onKept: async (code, status) => {
      given.code = code;
      await ask(status);
    },
  });
}

/** Have the act written, check it, and show it for approval. */
async function ask(status) {
  tellBusy(status);
  try {
    act = await propose(base, ...wish());
    clear(status);
    show(act, facts());
  } catch (problem) {
    tellProblem(status, problem);
  }
}

/** What is sent, and what the record must then say. */
function wish() {
  const { reason, algorithm, offer, credential } = given;
  const always = { key: about.key, officer: "" };
  if (about.act === "revoke") return [{ act: "revoke", reason }, always];
  if (about.act === "renew") return [{ act: "renew", algorithm }, { ...always, algorithm }];
  if (about.act === "remove-passkey") {
    return [{ act: "remove-passkey", credential_id: about.passkey }, { ...always, passkey: about.passkey }];
  }
  if (about.act === "add-passkey") {
    const passkey_public_key = publicKeyOf(credential);
    if (!passkey_public_key) throw mismatch();
    return [{ act: "add-passkey", offer_id: offer.offer_id, credential }, { ...always, passkey: credential.rawId, passkey_public_key }];
  }
  return [{ act: about.act }, always];
}

function facts() {
  const words = (id) => form.querySelector(`#${id}`)?.selectedOptions[0]?.textContent ?? "";
  return [
    ...fact(say("keyAct"), about.title),
    ...fact(say("keyOf"), `${about.name} (${about.kind})`),
    ...(given.reason ? fact(say("reason"), words("reason")) : []),
    ...(given.algorithm ? fact(say("keyKindNew"), words("algorithm")) : []),
  ];
}

function secretsOf() {
  const { pin, newPIN, code } = given;
  if (about.act === "renew") return { prefix: purposes.renew, secrets: { pin, recovery_code: code } };
  if (about.act === "change-pin") return { prefix: purposes.change, secrets: { pin, new_pin: newPIN } };
  if (afterBegin[about.act]) return { prefix: purposes.change, secrets: { pin, recovery_code: code } };
  return null;
}

bindApproval({
  current: () => act,
  secretsOf,
  onDone: (answer) => {
    given.pin = given.newPIN = given.code = "";
    const waiting = answer.made?.state === "pre-active";
    find("[data-outcome]").replaceChildren(notice("good", "", say(waiting ? "keyDone_waiting" : `keyDone_${about.act.replace("-", "_")}`)));
    goToStep("done");
  },
  onRefused: (problem) => {
    given.pin = given.newPIN = "";
    if (pinField) pinField.value = "";
    goToStep("begin");
    tellProblem(formStatus, problem);
    if (problem.code === "wrong_secret") pinField?.focus();
  },
});
