/** The token of an invitation. It stands after # in the address, which browsers send to no server and put into no log. */

import { Problem } from "./api.js";
import { say } from "./words.js";

/** 256 random bits in base64url. */
const tokenLength = 43;

/** @returns {string} the token; rejects an address without one, and one that cannot be whole */
export function invitationToken() {
  const token = location.hash.slice(1);
  if (!token) throw new Problem({ code: "token_missing", detail: say("tokenMissing"), hint: say("tokenMissingStep") });
  if (token.length !== tokenLength || /[^A-Za-z0-9_-]/.test(token)) {
    const detail = say("tokenCut", { wanted: tokenLength, found: token.length });
    throw new Problem({ code: "token_cut", detail, hint: say("tokenCutStep") });
  }
  return token;
}

/** Take the token out of the address bar and the browser's history, once it is of no more use. */
export function forgetInvitation() {
  history.replaceState(null, "", location.pathname + location.search);
}
