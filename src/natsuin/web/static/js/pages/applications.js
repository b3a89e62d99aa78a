/** Ending what an application was allowed. */

import { send } from "../api.js";
import { find, onPress } from "../dom.js";
import { tellProblem } from "../status.js";
import { say } from "../words.js";

for (const button of document.querySelectorAll("[data-unlink]")) {
  onPress(button, async () => {
    if (!confirm(say("unlinkConfirm"))) return;
    try {
      await send(`/api/applications/${encodeURIComponent(button.dataset.unlink)}/unlink`, { json: {} });
      location.reload();
    } catch (problem) {
      tellProblem(find("[data-status]"), problem);
    }
  });
}
