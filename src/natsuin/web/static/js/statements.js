/** Statements of keys: made by the server on request, saved as files. */

import { madeFile } from "./api.js";
import { find, onPress } from "./dom.js";
import { saveBlob } from "./save.js";
import { tell, tellBusy, tellProblem } from "./status.js";
import { say } from "./words.js";

/** Bind every button that has the statement of the key in its `data-statement` made. */
export function bindStatements() {
  for (const button of document.querySelectorAll("[data-statement]")) {
    const place = find(`#statement-${button.dataset.statement}`);
    onPress(button, async () => {
      button.disabled = true;
      tellBusy(place);
      try {
        const id = button.dataset.statement;
        const file = await madeFile(`/api/keys/${id}/statement`);
        saveBlob(file, `statement-${id.slice(0, 8)}.json`);
        tell(place, "good", say("statementSaved"));
      } catch (problem) {
        tellProblem(place, problem);
      } finally {
        button.disabled = false;
      }
    });
  }
}
