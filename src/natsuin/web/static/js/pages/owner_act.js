/** The owner's part of a restoration or an import: the PIN, for an import a new recovery code, the record, the passkey. */

import { send } from "../api.js";
import { find, goToStep, onSubmit } from "../dom.js";
import { bindApproval, show } from "../key_acts.js";
import { normalisedPIN } from "../pin.js";
import { purposes } from "../sealing.js";
import { bindRecoveryStep } from "../secret_steps.js";
import { checked, factsOf } from "../shared_acts.js";
import { clear, notice, tell, tellBusy, tellProblem } from "../status.js";
import { say } from "../words.js";

const about = find("[data-about]").dataset;
const form = find("[data-begin]");
const status = find("[data-status]", form);
const pin = find("#pin", form);
const importing = about.kind === "import";
const given = { pin: "", code: "" };
let act = null;

onSubmit(form, async () => {
  pin.setAttribute("aria-invalid", String(!pin.value));
  if (!pin.value) {
    tell(status, "bad", say("pinMissing"));
    pin.focus();
    return;
  }
  clear(status);
  given.pin = normalisedPIN(pin.value);
  if (importing) goToStep("recovery");
  else await ask(status);
});

if (importing) {
  bindRecoveryStep({
    name: () => about.name,
    finish: "keyCodeKept",
    onKept: async (code, place) => {
      given.code = code;
      await ask(place);
    },
  });
}

/** Fetch the record, check it, and show it for approval. */
async function ask(place) {
  tellBusy(place);
  try {
    const answer = await send(`/api/waiting/${encodeURIComponent(about.act)}`, { method: "GET" });
    act = await checked(answer, `${about.kind}-key`, { id: about.act, key: about.key, user: about.user });
    act.path = `/api/${importing ? "imports" : "restores"}/${encodeURIComponent(act.act_id)}`;
    clear(place);
    show(act, factsOf(act, { ...about, owner: about.name }));
  } catch (problem) {
    tellProblem(place, problem);
  }
}

bindApproval({
  current: () => act,
  secretsOf: () =>
    importing
      ? { prefix: purposes.import, secrets: { pin: given.pin, recovery_code: given.code } }
      : { prefix: purposes.restore, secrets: { pin: given.pin } },
  onDone: () => {
    given.pin = given.code = pin.value = "";
    find("[data-outcome]").replaceChildren(notice("good", "", say(importing ? "sharedImported" : "sharedRestored")));
    goToStep("done");
  },
  onRefused: (problem) => {
    given.pin = pin.value = "";
    goToStep("begin");
    tellProblem(status, problem);
  },
});
