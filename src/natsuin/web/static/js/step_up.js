/** Asking the passkey again where an act wants it: the session goes on as a new one. */

import { send } from "./api.js";
import { assert } from "./webauthn.js";

/** Resolves when the passkey confirmed; rejects with `Problem`. */
export async function stepUp() {
  const { publicKey } = await send("/api/step-up/options", { json: {} });
  await send("/api/step-up", { json: { credential: await assert(publicKey) } });
}
