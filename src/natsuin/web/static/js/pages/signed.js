/** The signed document, with the fingerprint of the very bytes shown. */

import { send } from "../api.js";
import { find, onPress } from "../dom.js";
import { showDocument } from "../shown.js";
import { tellBusy, tellProblem } from "../status.js";
import { say } from "../words.js";

/** What the page before left for this one, where it has just signed: the number of the page with the mark. */
function justSigned() {
  const left = sessionStorage.getItem("natsuin-signed");
  sessionStorage.removeItem("natsuin-signed");
  return left ? JSON.parse(left) : null;
}

const signed = justSigned();
if (signed) {
  // So that it is read out, and that the keyboard goes on from here.
  find("#signed-title").focus({ preventScroll: true });
  scrollTo(0, 0);
}
const giveBack = document.querySelector("[data-give-back]");
if (giveBack) {
  const place = find("[data-give-back-status]");
  onPress(giveBack, async () => {
    tellBusy(place);
    try {
      const handle = encodeURIComponent(giveBack.dataset.giveBack);
      const { redirect } = await send(`/api/access-requests/${handle}/document`, { json: {} });
      tellBusy(place, say("applicationGoingBack"));
      location.replace(redirect);
    } catch (problem) {
      tellProblem(place, problem);
    }
  });
}
const shown = await showDocument(find(".workspace"));
if (shown && signed) shown.viewer.goTo(signed.page);
