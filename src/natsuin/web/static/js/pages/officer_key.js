/** What an officer does with one key: chosen, checked in the record, approved with the officer's passkey. */

import { Problem } from "../api.js";
import { toBase64url } from "../bytes.js";
import { bindRequests } from "../certificate_requests.js";
import { fact, find, goToStep, make, moment, onSubmit } from "../dom.js";
import { bindApproval, printsOf, propose, show } from "../key_acts.js";
import { mismatch } from "../record.js";
import { clear, notice, tell, tellBusy, tellProblem } from "../status.js";
import { say } from "../words.js";

bindRequests();
const form = document.querySelector("[data-begin]");
if (form) bind();

function bind() {
  const about = find("[data-key]").dataset;
  const base = `/api/officer/keys/${encodeURIComponent(about.key)}`;
  const status = find("[data-status]", form);
  const chosen = find("#act", form);
  const reason = find("#reason", form);
  const note = find("#note", form);
  const files = find("#certificates", form);
  let act = null;

  const showFields = () => {
    for (const part of form.querySelectorAll("[data-for-act]")) part.hidden = part.dataset.forAct !== chosen.value;
  };
  chosen.addEventListener("change", showFields);
  showFields();

  onSubmit(form, async () => {
    const revoking = chosen.value === "revoke";
    const installing = chosen.value === "install-certificate";
    if (revoking && !reason.value) return refuse(reason, "keyReasonMissing");
    if (installing && !files.files.length) return refuse(files, "keyFilesMissing");
    reason.removeAttribute("aria-invalid");
    files.removeAttribute("aria-invalid");
    tellBusy(status);
    try {
      const read = installing ? await Promise.all([...files.files].map(async (file) => new Uint8Array(await file.arrayBuffer()))) : [];
      const wish = { act: chosen.value, note: note.value.normalize("NFC").trim() };
      if (revoking) wish.reason = reason.value;
      if (installing) wish.certificates = read.map(toBase64url);
      act = await propose(base, wish, { key: about.key, user: about.user });
      if (!act.content.officer) throw mismatch();
      if (installing) await requireSame(act.content.certificates, read);
      clear(status);
      show(act, facts(wish));
    } catch (problem) {
      tellProblem(status, problem);
    }
    return undefined;
  });

  function refuse(field, words) {
    field.setAttribute("aria-invalid", "true");
    tell(status, "bad", say(words));
    field.focus();
  }

  function facts(wish) {
    const [certificate] = act.certificates;
    return [
      ...fact(say("keyAct"), chosen.selectedOptions[0].textContent),
      ...fact(say("keyOf"), `${about.owner} (${about.kind})`),
      ...(wish.reason ? fact(say("reason"), reason.selectedOptions[0].textContent) : []),
      ...(wish.note ? fact(say("keyNote"), wish.note) : []),
      ...(certificate
        ? fact(
            say("certificate"),
            make("div", {}, certificate.subject),
            make("div", { class: "small soft" }, say("issuedBy", { issuer: certificate.issuer })),
            make("div", { class: "small soft" }, say("certificateUntil"), " ", moment(certificate.not_after)),
          )
        : []),
    ];
  }

  bindApproval({
    current: () => act,
    onDone: () => {
      find("[data-outcome]").replaceChildren(notice("good", "", say(`keyOfficer_${act.content.act.replace("key-", "").replace("-", "_")}`)));
      goToStep("done");
    },
    onRefused: (problem) => {
      goToStep("begin");
      tellProblem(status, problem instanceof Problem ? problem : mismatch());
    },
  });
}

/** Refuse a record that names other certificates than those in the files chosen. */
async function requireSame(named, read) {
  const wanted = await printsOf(read);
  if (JSON.stringify([...named].sort()) !== JSON.stringify(wanted)) throw mismatch();
}
