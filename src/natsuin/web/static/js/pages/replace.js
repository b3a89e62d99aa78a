/** Behind the one-time link: prove the keys, make a passkey, keep a new recovery code. Nothing is final before the last step. */

import { Problem, send } from "../api.js";
import { fromBase64url } from "../bytes.js";
import { find, goToStep, make, moment, onPress, onSubmit } from "../dom.js";
import { forgetInvitation, invitationToken } from "../invitation.js";
import { normalisedPIN } from "../pin.js";
import { faultOfCode, normalisedCode } from "../recovery.js";
import { purposes, seal } from "../sealing.js";
import { bindPINStep, bindRecoveryStep } from "../secret_steps.js";
import { clear, guarded, tellBusy, tellProblem } from "../status.js";
import { register } from "../webauthn.js";
import { say, sayMoment } from "../words.js";

const state = { token: "", offer: null, credential: null, proofs: [], givenUp: [], pin: "" };
const opening = find("[data-opening]");
const keysForm = find("[data-keys-form]");
const keysStatus = find("[data-status]", keysForm);

onPress(find("[data-begin]"), () => goToStep("keys"));

/** A key's fields: how it is proved, and the secret. */
function fieldsOf(key, index) {
  const how = make(
    "select",
    { id: `how-${index}` },
    make("option", { value: "pin" }, say("replaceByPIN", { tries: key.pin_tries_left })),
    make("option", { value: "recovery" }, say("replaceByCode")),
    make("option", { value: "" }, say("replaceByNothing")),
  );
  const secret = make("input", { id: `secret-${index}`, type: "password", autocomplete: "off", spellcheck: "false", maxlength: 128 });
  const label = make("label", { for: `secret-${index}` }, say("replaceSecretPIN"));
  const field = make("div", { class: "field" }, label, secret);
  how.addEventListener("change", () => {
    label.textContent = say(how.value === "recovery" ? "replaceSecretCode" : "replaceSecretPIN");
    field.hidden = !how.value;
    find("[data-lost]").hidden = ![...keysForm.querySelectorAll("select")].some((one) => !one.value);
  });
  const name = say("replaceKey", { kind: key.algorithm.toUpperCase(), date: sayMoment(key.created_at) });
  return make(
    "fieldset",
    { class: "whole" },
    make("legend", {}, make("h3", {}, name)),
    make("div", { class: "field" }, make("label", { for: `how-${index}` }, say("replaceHow")), how),
    field,
  );
}

onSubmit(keysForm, async () => {
  const proofs = [];
  const givenUp = [];
  for (const [index, key] of state.offer.keys.entries()) {
    const slot = find(`#how-${index}`).value;
    const field = find(`#secret-${index}`);
    const secret = slot === "recovery" ? normalisedCode(field.value) : normalisedPIN(field.value);
    const fault = slot === "recovery" ? faultOfCode(secret) : slot && !secret ? "replaceSecretMissing" : "";
    field.setAttribute("aria-invalid", String(Boolean(fault)));
    if (fault) {
      const hint = slot === "recovery" ? say("codeInvalidStep") : "";
      tellProblem(keysStatus, new Problem({ code: "malformed", detail: say(fault, { count: secret.length }), hint }));
      field.focus();
      return;
    }
    if (slot) proofs.push({ key: key.key_id, slot, secret });
    else givenUp.push(key.key_id);
  }
  clear(keysStatus);
  Object.assign(state, { proofs, givenUp });
  if (state.credential) afterPasskey();
  else goToStep("passkey");
});

/** A new PIN is needed where a key was proved by its code, and where a new key is made. */
function afterPasskey() {
  const needed = !state.proofs.length || state.proofs.some((proof) => proof.slot === "recovery");
  if (needed && !state.pin) goToStep("pin");
  else goToStep("recovery");
}

const registerButton = find("[data-register]");
onPress(registerButton, () =>
  guarded(
    { place: find('[data-step="passkey"] [data-status]'), button: registerButton, busy: say("passkeyRegistering") },
    async () => {
      state.credential = await register(state.offer.publicKey);
      afterPasskey();
    },
  ),
);

const pinStep = bindPINStep((pin) => {
  state.pin = pin;
  goToStep("recovery");
});

bindRecoveryStep({ name: () => state.offer.common_name, finish: "replaceFinish", onKept: complete });

async function complete(code, status) {
  tellBusy(status, say("replacing"));
  const { token, credential, proofs, givenUp, pin, offer } = state;
  try {
    const secrets = { proofs, given_up: givenUp, recovery_code: code, new_pin: pin };
    const sealed = await seal(purposes.replace, offer.hpke_public_key, fromBase64url(offer.challenge), secrets);
    await send("/api/replace/complete", { json: { token, credential, sealed_secrets: sealed } });
    Object.assign(state, { proofs: [], pin: "" });
    for (const field of keysForm.querySelectorAll("input")) field.value = "";
    clear(status);
    forgetInvitation();
    find("[data-outcome]").replaceChildren(make("p", {}, say(proofs.length ? "replaceDone" : "replaceDoneNew")));
    goToStep("done");
  } catch (problem) {
    refused(problem, status);
  }
}

function refused(problem, status) {
  if (problem.code === "weak_pin") {
    state.pin = "";
    clear(status);
    goToStep("pin");
    pinStep.refuse(problem);
  } else if (["wrong_secret", "locked"].includes(problem.code)) {
    clear(status);
    goToStep("keys");
    tellProblem(keysStatus, problem);
    // How many tries are left tells which of several keys it was; not knowing it is no further problem.
    showTries().catch(() => {});
  } else {
    tellProblem(status, problem);
  }
}

/** Write anew how many tries each key has left. */
async function showTries() {
  const { keys } = await send("/api/replace/open", { json: { token: state.token } });
  for (const [index, { key_id: id }] of state.offer.keys.entries()) {
    const tries = keys.find((key) => key.key_id === id)?.pin_tries_left;
    if (tries !== undefined) find(`#how-${index} option`).textContent = say("replaceByPIN", { tries });
  }
}

async function open() {
  tellBusy(opening);
  try {
    state.token = invitationToken();
    state.offer = await send("/api/replace/open", { json: { token: state.token } });
    clear(opening);
    for (const place of document.querySelectorAll("[data-subject]")) {
      place.textContent = state.offer[place.dataset.subject] || "–";
    }
    if (!state.offer.waited) {
      find("[data-waits-until]").replaceChildren(moment(state.offer.ends_waiting_at));
      goToStep("waiting");
      return;
    }
    find("[data-keys]").replaceChildren(...state.offer.keys.map(fieldsOf));
    goToStep("welcome");
  } catch (problem) {
    tellProblem(opening, problem);
  }
}

await open();
