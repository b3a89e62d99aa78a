/** What runs for the person who is signed in, and cancelling it with a passkey. */

import { fact, find, goToStep, onPress } from "../dom.js";
import { mismatch } from "../record.js";
import { offer } from "../replacements.js";
import { guarded } from "../status.js";
import { say } from "../words.js";

const cancel = document.querySelector("[data-cancel]");
if (cancel) {
  const { act } = find("[data-act]").dataset;
  const base = `/api/replacements/${encodeURIComponent(act)}`;
  onPress(cancel, () =>
    guarded({ place: find('[data-step="begin"] [data-status]'), button: cancel, busy: say("working") }, () =>
      offer(`${base}/cancel`, {
        kind: "cancel-replacement",
        matches: (content) => {
          if (content.replacement !== act) throw mismatch();
        },
        facts: () => fact(say("replaceAct"), say("replaceActCancel")),
        deliver: () => `${base}/cancellation`,
        done: () => goToStep("done"),
      }),
    ),
  );
}
