/** The token of an invitation. It stands after # in the address, which browsers send to no server and put into no log. */

import { Problem } from "./api.js";
import { say } from "./words.js";

/** @returns {string} the token; rejects an address without one */
export function invitationToken() {
  const token = decodeURIComponent(location.hash.slice(1)).replace(/^token=/, "");
  if (!token) throw new Problem({ code: "token_missing", detail: say("tokenMissing"), hint: say("tokenMissingStep") });
  return token;
}

/** Take the token out of the address bar and the browser's history, once it is of no more use. */
export function forgetInvitation() {
  history.replaceState(null, "", location.pathname + location.search);
}
