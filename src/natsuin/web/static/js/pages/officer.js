/** Registering a person: the form, the record that the officer's passkey signs, the invitation shown once. */

import { send } from "../api.js";
import { fact, find, goToStep, moment, onPress, onSubmit } from "../dom.js";
import { refreshPeople } from "../people.js";
import { checkRecord, checkRegistration } from "../record.js";
import { clear, guarded, notice, tellBusy, tellProblem } from "../status.js";
import { assert } from "../webauthn.js";
import { say } from "../words.js";

const form = find("[data-person]");
const formStatus = find("[data-status]", form);
const approvePart = find('[data-step="approve"]');
const approveButton = find("[data-approve]");
const fieldNames = [
  ...["common_name", "email", "country", "organization", "algorithm"],
  ...["name_kana", "name_romanised", "job_title"],
  ...["evidence_kind", "evidence_reference", "evidence_level"],
];
let act = null;

onSubmit(form, async () => {
  const fields = Object.fromEntries(fieldNames.map((name) => [name, find(`#${name}`, form).value.normalize("NFC").trim()]));
  const typed = {
    common_name: fields.common_name,
    email: fields.email,
    country: fields.country.toUpperCase(),
    organization: fields.organization,
    algorithm: fields.algorithm,
    name_kana: fields.name_kana,
    name_romanised: fields.name_romanised,
    job_title: fields.job_title,
    // The box is there only where keys are kept in a token.
    resident: form.querySelector("#resident")?.checked ?? false,
    evidence: { kind: fields.evidence_kind, reference: fields.evidence_reference, level: Number(fields.evidence_level) },
  };
  tellBusy(formStatus);
  try {
    const proposed = await send("/api/officer/people", { json: typed });
    const { challenge, content } = await checkRecord(proposed, "enrol");
    checkRegistration(content, typed);
    act = { ...proposed, challenge };
    clear(formStatus);
    show(content);
    goToStep("approve");
  } catch (problem) {
    tellProblem(formStatus, problem);
  }
});

/** The facts as the record states them, in the words of the form. */
function show(content) {
  const { subject, evidence, algorithm, resident } = content;
  const words = (name, value) => form.querySelector(`#${name} option[value="${CSS.escape(String(value))}"]`).textContent;
  find("[data-approval-facts]").replaceChildren(
    ...fact(say("name"), subject.common_name),
    ...fact(say("organization"), subject.organization || "–"),
    ...fact(say("country"), subject.country),
    ...fact(say("keyKind"), words("algorithm", algorithm)),
    ...(resident ? fact(say("keyPlace"), say("keyResident")) : []),
    ...fact(say("evidence"), `${words("evidence_kind", evidence.kind)}, ${evidence.reference}`),
    ...fact(say("evidenceLevel"), words("evidence_level", evidence.level)),
  );
  find("[data-record]").textContent = JSON.stringify(content, null, 2);
  find("[data-record-check]").replaceChildren(notice("good", "", say("actGood")));
}

onPress(approveButton, () =>
  guarded({ place: find(":scope > [data-status]", approvePart), button: approveButton, busy: say("waitingForPasskey") }, async () => {
    const credential = await assert(act.publicKey, act.challenge);
    const made = await send(`/api/officer/people/${encodeURIComponent(act.act_id)}/approve`, { json: { credential } });
    find("#invitation").value = made.invitation_url;
    find("[data-invitation-expiry]").replaceChildren(say("validUntil"), " ", moment(made.expires_at));
    goToStep("invitation");
    // The invitation is what counts; a list that does not come is old, and says nothing wrong.
    await refreshPeople().catch((problem) => console.warn("The list of people was not refreshed", problem.code));
  }),
);

onPress(find("[data-back]"), () => goToStep("form"));
find("#invitation").addEventListener("focus", (event) => event.target.select());
