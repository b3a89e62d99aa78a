/** The signed document, with the fingerprint of the very bytes shown. */

import { find } from "../dom.js";
import { showDocument } from "../shown.js";

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
const shown = await showDocument(find(".workspace"));
if (shown && signed) shown.viewer.goTo(signed.page);
