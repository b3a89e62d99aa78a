/** A security officer's decision about an officer or a stop: proposed or looked at, checked in the record, approved. */

import { Problem, send } from "../api.js";
import { fact, find, goToStep, make, onPress, onSubmit } from "../dom.js";
import { bindApproval, show } from "../key_acts.js";
import { mismatch } from "../record.js";
import { saveText } from "../save.js";
import { checked } from "../shared_acts.js";
import { clear, notice, tellBusy, tellProblem } from "../status.js";
import { say } from "../words.js";

const about = find("[data-about]").dataset;
const base = "/api/officer/officer-acts";
const form = document.querySelector("[data-begin]");
if (form) bind();

function bind() {
  const status = find("[data-status]", form);
  let act = null;

  onSubmit(form, async () => {
    tellBusy(status);
    try {
      act = about.id ? await review() : await propose();
      act.path = `${base}/${encodeURIComponent(act.act_id)}/approval`;
      clear(status);
      show(act, facts(act.content));
    } catch (problem) {
      tellProblem(status, problem);
    }
  });

  async function propose() {
    const typed = (id) => form.querySelector(id)?.value.normalize("NFC").trim() ?? "";
    const note = typed("#note");
    if (about.act === "disclose-entries") return disclosing(note, typed("#fields"), typed("#entries"));
    if (about.act === "revocation-told") {
      const wish = { act: about.act, serial: about.serial, note };
      return checked(await send(base, { json: wish }), about.act, { officer: about.me, serial: about.serial, note });
    }
    if (about.act !== "name-officer") {
      const wish = { act: about.act, user_id: about.user, note };
      return checked(await send(base, { json: wish }), about.act, { officer: about.me, user: about.user, note });
    }
    const name = typed("#name");
    const roles = [...form.querySelectorAll("[data-role]:checked")].map((box) => box.value);
    const namesake = form.querySelector("#namesake").checked;
    const answer = await send(base, { json: { act: about.act, name, roles, namesake, note } });
    return checked(answer, about.act, { officer: about.me, name, roles, note });
  }

  async function disclosing(note, named, listed) {
    const fields = words(named);
    const entries = words(listed);
    const wish = { act: about.act, user_id: about.user, note, fields, entries };
    return checked(await send(base, { json: wish }), about.act, { officer: about.me, user: about.user, note, fields, entries });
  }

  async function review() {
    const answer = await send(`${base}/${encodeURIComponent(about.id)}/review`, { json: {} });
    const expected = about.act === "name-officer" ? { name: about.whom } : { user: about.user };
    return checked(answer, about.act, { id: about.id, ...expected });
  }

  bindApproval({
    current: () => act,
    onDone: (answer) => {
      find("[data-outcome]").replaceChildren(notice("good", "", say(answer.waiting ? "officerWaits" : "officerDone")));
      find("[data-link]").hidden = !answer.link;
      find("[data-link-text]").textContent = answer.link;
      for (const part of document.querySelectorAll("[data-file]")) part.hidden = !answer.disclosure;
      if (answer.disclosure) onPress(find("[data-save]"), () => saveText(answer.disclosure, "disclosure.json", "application/json"));
      goToStep("done");
    },
    onRefused: (problem) => {
      goToStep("begin");
      tellProblem(status, problem instanceof Problem ? problem : mismatch());
    },
  });
}

function words(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** What the passkey signs, in words, from the record itself. */
function facts(content) {
  const names = { "registration-officer": "officerRegistration", "security-officer": "officerSecurity", "system-administrator": "officerSystem", auditor: "officerAudit" };
  return [
    ...fact(say("keyAct"), about.title),
    ...(content.name ? fact(say("officerName"), content.name) : []),
    ...(about.whom && !content.name ? fact(say("officerWhom"), about.whom) : []),
    ...(content.serial ? fact(say("officerSerial"), content.serial) : []),
    ...(content.user ? fact(say("officerAccount"), content.user) : []),
    ...(content.roles ? fact(say("officerRoles"), content.roles.map((role) => say(names[role])).join(", ")) : []),
    ...(content.fields ? fact(say("officerFields"), content.fields.join(", ")) : []),
    ...(content.entries?.length ? fact(say("officerEntries"), make("span", { class: "figures" }, content.entries.join(" "))) : []),
    ...(content.note ? fact(say("officerNote"), content.note) : []),
  ];
}
