/** Approving something about the replacement of a lost passkey: shown, checked, signed. The same for officers and persons. */

import { send } from "./api.js";
import { find, goToStep, onPress } from "./dom.js";
import { checkRecord } from "./record.js";
import { clear, guarded, notice } from "./status.js";
import { assert } from "./webauthn.js";
import { say } from "./words.js";

const part = document.querySelector('[data-step="approve"]');
let current = null;

/**
 * Fetch a record, check it, and show it for approval.
 * @param {string} path where the record comes from
 * @param {object} ask `kind` of record, `body` to send, `matches` throws for a record about something else, `facts` to
 *   show of it, `deliver` address and `done` what follows
 */
export async function offer(path, { kind, body = {}, matches, facts, deliver, done }) {
  const act = await send(path, { json: body });
  const { challenge, content } = await checkRecord(act, kind);
  matches(content);
  current = { ...act, challenge, deliver, done };
  find("[data-approval-facts]", part).replaceChildren(...facts(content));
  find("[data-record]", part).textContent = JSON.stringify(content, null, 2);
  find("[data-record-check]", part).replaceChildren(notice("good", "", say("keyRecordGood")));
  clear(find(":scope > [data-status]", part));
  goToStep("approve");
  return act;
}

if (part) {
  const button = find("[data-approve]", part);
  onPress(button, () =>
    guarded({ place: find(":scope > [data-status]", part), button, busy: say("waitingForPasskey") }, async () => {
      const credential = await assert(current.publicKey, current.challenge);
      current.done(await send(current.deliver(current.act_id), { json: { credential } }));
    }),
  );
}
