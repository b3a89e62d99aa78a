/** Enrolment: who you are, passkey, PIN, recovery code, done. Nothing is final before the last step. */

import { send } from "../api.js";
import { fromBase64url } from "../bytes.js";
import { find, goToStep, onPress } from "../dom.js";
import { forgetInvitation, invitationToken } from "../invitation.js";
import { purposes, seal } from "../sealing.js";
import { bindPINStep, bindRecoveryStep } from "../secret_steps.js";
import { clear, guarded, tellBusy, tellProblem } from "../status.js";
import { register } from "../webauthn.js";
import { say } from "../words.js";

const enrolment = { pin: "", credential: null, offer: null, token: "" };
const opening = find("[data-opening]");

const pinStep = bindPINStep((pin) => {
  enrolment.pin = pin;
  goToStep("recovery");
});

bindRecoveryStep({ name: () => enrolment.offer.common_name, finish: "finishEnrolment", onKept: complete });

onPress(find("[data-begin]"), () => goToStep("passkey"));

const registerButton = find("[data-register]");
onPress(registerButton, () =>
  guarded(
    { place: find('[data-step="passkey"] [data-status]'), button: registerButton, busy: say("passkeyRegistering") },
    async () => {
      enrolment.credential = await register(enrolment.offer.publicKey);
      goToStep("pin");
    },
  ),
);

async function complete(code, status) {
  tellBusy(status, say("makingKey"));
  const { offer, token, credential, pin } = enrolment;
  try {
    const challenge = fromBase64url(offer.challenge);
    const secrets = { pin, recovery_code: code };
    const sealed = await seal(purposes.enrol, offer.hpke_public_key, challenge, secrets);
    const enrolled = await send("/api/enrol/complete", { json: { token, credential, sealed_secrets: sealed } });
    enrolment.pin = "";
    clear(status);
    forgetInvitation();
    if (enrolled.signed_in === false) {
      // The request had come before: the key is there, and only the passkey signs in.
      window.location.assign("/");
      return undefined;
    }
    goToStep("done");
  } catch (problem) {
    if (problem.code !== "weak_pin") return tellProblem(status, problem);
    clear(status);
    goToStep("pin");
    pinStep.refuse(problem);
  }
  return undefined;
}

async function open() {
  tellBusy(opening);
  try {
    enrolment.token = invitationToken();
    enrolment.offer = await send("/api/enrol/open", { json: { token: enrolment.token } });
    const subject = enrolment.offer.subject ?? {};
    const values = { ...subject, common_name: enrolment.offer.common_name, algorithm: enrolment.offer.algorithm.toUpperCase() };
    for (const place of document.querySelectorAll("[data-subject]")) {
      place.textContent = values[place.dataset.subject] || "–";
    }
    find("[data-resident]").hidden = !enrolment.offer.resident;
    clear(opening);
    goToStep("welcome");
  } catch (problem) {
    tellProblem(opening, problem);
  }
}

await open();
