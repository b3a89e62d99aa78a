/** An invitation withdrawn or an account ended, each approved with the officer's passkey; an ended account's data erased. */

import { Problem, send } from "../api.js";
import { fact, find, goToStep, onSubmit } from "../dom.js";
import { bindApproval, show } from "../key_acts.js";
import { mismatch } from "../record.js";
import { checked } from "../shared_acts.js";
import { clear, notice, tell, tellBusy, tellProblem } from "../status.js";
import { say } from "../words.js";

const about = find("[data-about]").dataset;
const base = `/api/officer/people/${encodeURIComponent(about.user)}`;
const form = find("[data-begin]");
const status = find("[data-status]", form);
const reason = form.querySelector("#reason");
let act = null;

onSubmit(form, async () => {
  const missing = reason && !reason.value;
  reason?.toggleAttribute("aria-invalid", missing);
  if (missing) {
    tell(status, "bad", say("keyReasonMissing"));
    return reason.focus();
  }
  try {
    if (about.act === "erase") await erase();
    else await begin();
  } catch (problem) {
    tellProblem(status, problem);
  }
  return undefined;
});

async function erase() {
  if (!find("#sure", form).checked) {
    tell(status, "bad", say("personNotSure"));
    return find("#sure", form).focus();
  }
  tellBusy(status);
  await send(`${base}/erasure`, { json: {} });
  return done("erase");
}

async function begin() {
  tellBusy(status);
  const wish = { act: about.act, reason: reason?.value ?? "", note: find("#note", form).value.normalize("NFC").trim() };
  const expected = { officer: about.me, user: about.user, reason: wish.reason, note: wish.note };
  act = await checked(await send(`${base}/acts`, { json: wish }), about.act, expected);
  act.path = `/api/officer/person-acts/${encodeURIComponent(act.act_id)}/approval`;
  clear(status);
  show(act, [
    ...fact(say("keyAct"), about.title),
    ...fact(say("officerWhom"), about.whom),
    ...fact(say("officerAccount"), act.content.user),
    ...(wish.reason ? fact(say("reason"), reason.selectedOptions[0].textContent) : []),
    ...(wish.note ? fact(say("officerNote"), wish.note) : []),
  ]);
}

function done(what, count = 0) {
  const words = { "withdraw-invitation": "personWithdrawn", "end-person": "personEnded", erase: "personErased" };
  find("[data-outcome]").replaceChildren(notice("good", "", say(words[what], { count })));
  goToStep("done");
}

bindApproval({
  current: () => act,
  onDone: (answer) => done(answer.act, answer.ended_keys.length),
  onRefused: (problem) => {
    goToStep("begin");
    tellProblem(status, problem instanceof Problem ? problem : mismatch());
  },
});
