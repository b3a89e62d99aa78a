/** Stopping an application, and letting it ask again. */

import { send } from "../api.js";
import { find, onPress } from "../dom.js";
import { tellProblem } from "../status.js";

for (const button of document.querySelectorAll("[data-application]")) {
  onPress(button, async () => {
    const { application, to } = button.dataset;
    try {
      await send(`/api/officer/applications/${encodeURIComponent(application)}/${to}`, { json: {} });
      location.reload();
    } catch (problem) {
      tellProblem(find("[data-status]"), problem);
    }
  });
}
