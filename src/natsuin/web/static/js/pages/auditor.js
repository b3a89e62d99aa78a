/** An auditor begins a reading: the purpose, the record, the passkey; then the page that was asked for. */

import { send } from "../api.js";
import { fact, find, goToStep, onSubmit } from "../dom.js";
import { bindApproval, show } from "../key_acts.js";
import { checkRecord, mismatch } from "../record.js";
import { clear, tell, tellBusy, tellProblem } from "../status.js";
import { say } from "../words.js";

const form = find("[data-begin]");
const status = find("[data-status]", form);
const field = find("#purpose", form);
let act = null;

onSubmit(form, async () => {
  const purpose = field.value.normalize("NFC").trim();
  if (!purpose) {
    field.setAttribute("aria-invalid", "true");
    tell(status, "bad", say("auditPurposeMissing"));
    return field.focus();
  }
  field.removeAttribute("aria-invalid");
  tellBusy(status);
  try {
    const offered = await send("/api/auditor/readings", { json: { purpose } });
    const { challenge, content } = await checkRecord(offered, "read-log");
    if (content.purpose !== purpose) throw mismatch();
    act = { ...offered, challenge, content, path: `/api/auditor/readings/${encodeURIComponent(offered.act_id)}` };
    clear(status);
    show(act, [
      ...fact(say("auditPurpose"), content.purpose),
      ...fact(say("auditMinutes"), say("auditMinutesValue", { minutes: content.minutes })),
    ]);
  } catch (problem) {
    tellProblem(status, problem);
  }
  return undefined;
});

bindApproval({
  current: () => act,
  onDone: () => location.replace(find("[data-next]").dataset.next),
  onRefused: (problem) => {
    goToStep("begin");
    tellProblem(status, problem);
  },
});
