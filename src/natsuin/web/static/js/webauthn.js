/** Passkey ceremonies (Web Authentication Level 3) with options and answers as JSON, always with user verification. */

import { Problem } from "./api.js";
import { fromBase64url, sameBytes } from "./bytes.js";
import { say } from "./words.js";

/** Make a passkey. @param {object} options PublicKeyCredentialCreationOptionsJSON @returns {Promise<object>} RegistrationResponseJSON */
export async function register(options) {
  requireSupport();
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  publicKey.authenticatorSelection = { ...publicKey.authenticatorSelection, userVerification: "required" };
  return ceremony(() => navigator.credentials.create({ publicKey }));
}

/**
 * Ask a passkey to sign. Where `challenge` is given it was computed here from what the person saw, and options that
 * hold another one are refused before the passkey is asked.
 * @param {object} options PublicKeyCredentialRequestOptionsJSON
 * @param {Uint8Array} [challenge] 32 bytes
 * @returns {Promise<object>} AuthenticationResponseJSON
 */
export async function assert(options, challenge) {
  requireSupport();
  if (challenge && !sameBytes(fromBase64url(options.challenge), challenge)) {
    throw new Problem({ code: "record_mismatch", detail: say("recordBad"), hint: say("recordBadStep") });
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  publicKey.userVerification = "required";
  return ceremony(() => navigator.credentials.get({ publicKey }));
}

function requireSupport() {
  if (!globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    throw new Problem({ code: "no_passkeys", detail: say("passkeyUnsupported"), hint: say("passkeyUnsupportedStep") });
  }
}

async function ceremony(act) {
  try {
    const credential = await act();
    return credential.toJSON();
  } catch (failure) {
    const [detail, hint] = {
      InvalidStateError: ["passkeyAlready", "passkeyAlreadyStep"],
      SecurityError: ["passkeyWrongPlace", "passkeyWrongPlaceStep"],
      NotSupportedError: ["passkeyUnsupported", "passkeyUnsupportedStep"],
    }[failure?.name] ?? ["passkeyRefused", "passkeyRefusedStep"];
    throw new Problem({ code: "passkey", detail: say(detail), hint: say(hint) });
  }
}
