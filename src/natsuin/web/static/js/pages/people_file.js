/** Registering the people of a CSV file: what each line says, then one approval by passkey after the other. */

import { send } from "../api.js";
import { csv } from "../csv.js";
import { fact, find, make, onPress, onSubmit } from "../dom.js";
import { checkRecord, checkRegistration } from "../record.js";
import { saveText } from "../save.js";
import { clear, guarded, tellBusy, tellProblem } from "../status.js";
import { assert } from "../webauthn.js";
import { say } from "../words.js";

const form = find("[data-file]");
const formStatus = find("[data-status]", form);
const part = find("[data-lines]");
const next = find("[data-next]");
const nextStatus = find("[data-next-status]");
const approveButton = find("[data-approve]");
const invitations = [];
let lines = [];

onSubmit(form, async () => {
  tellBusy(formStatus);
  try {
    const body = find("#people-file").files[0];
    const headers = { "Content-Type": "text/csv" };
    const told = await send(`/api/officer/people-file?encoding=${find("#encoding").value}`, { body, headers });
    lines = told.lines.map((line) => ({ ...line, state: line.user_id ? "done" : line.person ? "ready" : "wrong" }));
    clear(formStatus);
    show();
    find("#lines-title").focus();
  } catch (problem) {
    tellProblem(formStatus, problem);
  }
});

const current = () => lines.find((line) => line.state === "ready");

function show() {
  part.hidden = false;
  find("tbody", part).replaceChildren(...lines.map(row));
  const count = (state) => lines.filter((line) => line.state === state).length;
  const counts = ["done", "ready", "wrong", "passed"].map((state) => `${say(`line_${state}`)} ${count(state)}`);
  find("[data-progress]").textContent = counts.join(" / ");
  const line = current();
  next.hidden = !line;
  if (!line) return;
  const { person } = line;
  find("[data-next-facts]").replaceChildren(
    ...fact(say("line"), String(line.line)),
    ...fact(say("name"), person.common_name),
    ...fact(say("organization"), person.organization || "–"),
    ...fact(say("country"), person.country),
    ...fact(say("email"), person.email),
    ...fact(say("keyKind"), person.algorithm),
    ...fact(say("evidence"), `${person.evidence.kind}, ${person.evidence.reference}`),
    ...fact(say("evidenceLevel"), String(person.evidence.level)),
  );
}

function row(line) {
  const kinds = { done: "good", ready: "", wrong: "bad", passed: "caution" };
  const more = line.wrong.length ? `${say("lineWrong")} ${line.wrong.join(", ")}` : line.alike ? say("lineAlike") : "";
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, String(line.line)),
    make("td", {}, line.user_id ? make("a", { href: `/officer/people/${encodeURIComponent(line.user_id)}` }, line.name) : line.name || "–"),
    make("td", {}, make("span", { class: `state ${kinds[line.state]}` }, say(`line_${line.state}`)), more ? make("div", { class: "small" }, more) : null),
  );
}

onPress(approveButton, () =>
  guarded({ place: nextStatus, button: approveButton, busy: say("waitingForPasskey") }, async () => {
    const line = current();
    const proposed = await send("/api/officer/people", { json: line.person });
    const { challenge, content } = await checkRecord(proposed, "enrol");
    checkRegistration(content, line.person);
    const credential = await assert(proposed.publicKey, challenge);
    const made = await send(`/api/officer/people/${encodeURIComponent(proposed.act_id)}/approve`, { json: { credential } });
    Object.assign(line, { state: "done", user_id: made.user_id });
    invitations.push([String(line.line), line.name, line.person.email, made.invitation_url, new Date(made.expires_at).toISOString()]);
    find("[data-links]").hidden = false;
    clear(nextStatus);
    show();
  }),
);

onPress(find("[data-pass-over]"), () => {
  current().state = "passed";
  clear(nextStatus);
  show();
});

onPress(find("[data-save]"), () => {
  const head = [say("line"), say("name"), say("email"), say("invitationLink"), say("validUntil")];
  saveText(csv([head, ...invitations]), "invitations.csv", "text/csv");
});
