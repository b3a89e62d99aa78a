/** Names of passkeys, what a person is told of, and ending sessions. */

import { send } from "../api.js";
import { find, onPress, onSubmit } from "../dom.js";
import { tellProblem } from "../status.js";

/** Ask the server, then show the page as it is now. */
async function change(path, json) {
  try {
    await send(path, { json });
    location.reload();
  } catch (problem) {
    tellProblem(find("[data-status]"), problem);
  }
}

for (const button of document.querySelectorAll("[data-end]")) {
  onPress(button, () => change(`/api/account/sessions/${encodeURIComponent(button.dataset.end)}/end`, {}));
}

for (const button of document.querySelectorAll("[data-end-others]")) {
  onPress(button, () => change("/api/account/end-other-sessions", {}));
}

for (const form of document.querySelectorAll("[data-name]")) {
  const credential = form.closest("[data-passkey]").dataset.passkey;
  const field = find("input", form);
  onSubmit(form, () => change("/api/account/passkey-name", { credential_id: credential, name: field.value }));
}

for (const form of document.querySelectorAll("[data-notices]")) {
  const box = find("input", form);
  onSubmit(form, () => change("/api/account/notices", { of_use: box.checked }));
}
