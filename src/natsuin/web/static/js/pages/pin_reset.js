/** A new PIN: the old recovery code, the new PIN, the new recovery code, the passkey. */

import { Problem, send } from "../api.js";
import { find, goToStep, onSubmit } from "../dom.js";
import { checkRecord } from "../record.js";
import { faultOfCode, normalisedCode } from "../recovery.js";
import { purposes, seal } from "../sealing.js";
import { bindPINStep, bindRecoveryStep } from "../secret_steps.js";
import { clear, tellBusy, tellProblem } from "../status.js";
import { assert } from "../webauthn.js";
import { say } from "../words.js";

const keyId = find("[data-reset]").dataset.reset;
const codeStatus = find('[data-step="code"] [data-status]');
const codeField = find("#recovery-code");
const reset = { oldCode: "", pin: "" };

onSubmit(find("[data-code-form]"), async () => {
  const code = normalisedCode(codeField.value);
  const fault = faultOfCode(code);
  codeField.setAttribute("aria-invalid", String(Boolean(fault)));
  if (fault) {
    tellFault(fault, code);
    codeField.focus();
    return;
  }
  clear(codeStatus);
  reset.oldCode = code;
  goToStep("pin");
});

codeField.addEventListener("input", () => {
  // A code of full length that cannot be right is told of at once; a shorter one may still become right.
  const code = normalisedCode(codeField.value);
  const fault = faultOfCode(code);
  if (fault && fault !== "codeTooShort") tellFault(fault, code);
  else clear(codeStatus);
});

function tellFault(fault, code) {
  const detail = say(fault, { count: code.length });
  tellProblem(codeStatus, new Problem({ code: "malformed", detail, hint: say("codeInvalidStep") }));
}

const pinStep = bindPINStep((pin) => {
  reset.pin = pin;
  goToStep("recovery");
});

bindRecoveryStep({ name: () => find(".lede").textContent, finish: "finishReset", onKept: complete });

async function complete(newCode, status) {
  tellBusy(status, say("settingPIN"));
  const path = `/api/keys/${encodeURIComponent(keyId)}/pin-reset`;
  try {
    const act = await send(path, { json: {} });
    const { challenge } = await checkRecord(act, "reset-pin");
    const secrets = { recovery_code: reset.oldCode, new_pin: reset.pin, new_recovery_code: newCode };
    const sealed = await seal(purposes.resetPIN, act.hpke_public_key, challenge, secrets);
    tellBusy(status, say("waitingForPasskey"));
    const credential = await assert(act.publicKey, challenge);
    tellBusy(status, say("settingPIN"));
    await send(`${path}/${encodeURIComponent(act.act_id)}`, { json: { credential, sealed_secrets: sealed } });
    reset.oldCode = reset.pin = codeField.value = "";
    clear(status);
    goToStep("done");
  } catch (problem) {
    refused(problem, status);
  }
}

function refused(problem, status) {
  if (problem.code === "weak_pin") {
    clear(status);
    goToStep("pin");
    pinStep.refuse(problem);
  } else if (problem.code === "wrong_secret") {
    clear(status);
    goToStep("code");
    tellProblem(codeStatus, problem);
    codeField.focus();
  } else {
    tellProblem(status, problem);
  }
}
