/** Choosing a PIN and keeping a recovery code: the same steps at enrolment and when a PIN is set anew. */

import { find, make, onPress, onSubmit } from "./dom.js";
import { faultOf, normalisedPIN } from "./pin.js";
import { groupsOf, newRecoveryCode, normalisedCode } from "./recovery.js";
import { copy } from "./shell.js";
import { clear, tell } from "./status.js";
import { say, sayMoment } from "./words.js";

/** Bind the PIN step; `onPIN` is given the normalised PIN once it is good and was typed twice alike. */
export function bindPINStep(onPIN) {
  const step = find('[data-step="pin"]');
  const status = find("[data-status]", step);
  const first = find("#new-pin", step);
  const second = find("#repeat-pin", step);
  onSubmit(find("[data-pin-form]", step), async () => {
    const pin = normalisedPIN(first.value);
    const fault = faultOf(pin) || (pin === normalisedPIN(second.value) ? "" : "pinDiffers");
    const wrong = fault === "pinDiffers" ? second : first;
    for (const field of [first, second]) field.setAttribute("aria-invalid", String(Boolean(fault) && field === wrong));
    if (fault) {
      tell(status, "bad", say(fault));
      wrong.focus();
      return;
    }
    clear(status);
    first.value = second.value = "";
    onPIN(pin);
  });
  return { refuse: (problem) => tell(status, "bad", problem.detail, problem.hint) };
}

/**
 * Bind the recovery step with a code made now. `onKept` is given the code after its last group was typed; `name` is
 * whose code it is, for the saved file; `finish` names the words of the last button.
 */
export function bindRecoveryStep({ name, finish, onKept }) {
  const step = find('[data-step="recovery"]');
  const status = find("[data-status]", step);
  const typed = find("#last-group", step);
  const code = newRecoveryCode();
  const groups = groupsOf(code);
  const button = find("[data-finish]", step);
  button.textContent = say(finish);
  find("[data-recovery-code]", step).replaceChildren(...groups.map((group) => make("span", {}, group)));
  onPress(find("[data-print]", step), () => window.print());
  onPress(find("[data-copy-code]", step), () => copy(groups.join("-")));
  onPress(find("[data-download-code]", step), () => download(groups.join("-"), name()));
  onSubmit(find("[data-confirm-form]", step), async () => {
    const right = normalisedCode(typed.value) === groups.at(-1);
    typed.setAttribute("aria-invalid", String(!right));
    if (!right) {
      tell(status, "bad", say("groupWrong"));
      typed.focus();
      return;
    }
    button.disabled = true;
    await onKept(code, status).finally(() => (button.disabled = false));
  });
}

function download(code, name) {
  const words = say("codeFile", { code, name, origin: location.origin, time: sayMoment(Date.now()) });
  const address = URL.createObjectURL(new Blob([words], { type: "text/plain;charset=utf-8" }));
  make("a", { href: address, download: say("codeFileName") }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
