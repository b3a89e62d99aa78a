/** An officer's or auditor's own passkey, registered with the one-time link that was made on the host. */

import { send } from "../api.js";
import { find, goToStep, onPress } from "../dom.js";
import { forgetInvitation, invitationToken } from "../invitation.js";
import { clear, guarded, tellBusy, tellProblem } from "../status.js";
import { register } from "../webauthn.js";
import { say } from "../words.js";

const opening = find("[data-opening]");
const button = find("[data-register]");

try {
  tellBusy(opening);
  const token = invitationToken();
  const offer = await send("/api/officer/invitation", { json: { token } });
  find("[data-display-name]").textContent = offer.display_name;
  const roles = offer.roles ?? [];
  for (const part of document.querySelectorAll("[data-for-role]")) part.hidden = !roles.includes(part.dataset.forRole);
  if (!roles.includes("registration-officer")) find("[data-sign-in]").dataset.next = roles.includes("auditor") ? "/auditor/log" : "/";
  clear(opening);
  goToStep("welcome");
  onPress(button, () =>
    guarded({ place: find('[data-step="welcome"] [data-status]'), button, busy: say("passkeyRegistering") }, async () => {
      const credential = await register(offer.publicKey);
      await send("/api/officer/register", { json: { token, credential } });
      forgetInvitation();
      goToStep("done");
    }),
  );
} catch (problem) {
  tellProblem(opening, problem);
}
