/** An officer's part of what several people approve: proposed or looked at, checked in the record, approved. */

import { Problem, send } from "../api.js";
import { toBase64url } from "../bytes.js";
import { find, goToStep, onSubmit } from "../dom.js";
import { bindApproval, show } from "../key_acts.js";
import { mismatch } from "../record.js";
import { checked, factsOf, isOf } from "../shared_acts.js";
import { clear, notice, tell, tellBusy, tellProblem } from "../status.js";
import { say } from "../words.js";

const about = find("[data-about]").dataset;
const form = document.querySelector("[data-begin]");
if (form) bind();

function bind() {
  const status = find("[data-status]", form);
  const envelope = form.querySelector("#envelope");
  let act = null;

  onSubmit(form, async () => {
    const file = envelope?.files[0];
    const fault = envelope && (!file ? "sharedFileMissing" : file.size > Number(about.most) ? "sharedFileLarge" : "");
    envelope?.setAttribute("aria-invalid", String(Boolean(fault)));
    if (fault) {
      tell(status, "bad", say(fault));
      envelope.focus();
      return;
    }
    tellBusy(status);
    try {
      const bytes = file ? new Uint8Array(await file.arrayBuffer()) : null;
      act = await begin(bytes);
      act.path = `/api/officer/${about.kind === "import" ? "imports" : "backup-acts"}/${encodeURIComponent(act.act_id)}`;
      clear(status);
      show(act, factsOf(act, about));
    } catch (problem) {
      tellProblem(status, problem);
    }
  });

  async function begin(bytes) {
    const second_officer = form.querySelector("#second")?.value;
    const officers = [about.me, second_officer];
    const key = encodeURIComponent(about.key);
    if (about.mode === "archive") {
      const wish = { key_id: about.key, second_officer };
      return checked(await send("/api/officer/archives", { json: wish }), "archive-key", { officers, key: about.key || "all" });
    }
    if (about.mode === "restore") {
      const answer = await send(`/api/officer/archives/${encodeURIComponent(about.archive)}/restore`, { json: { second_officer } });
      const { archive, sha256, user } = about;
      return checked(answer, "restore-key", { officers, key: about.key, user, archive, archive_sha256: sha256 });
    }
    if (about.mode === "import") {
      const answer = await send(`/api/officer/keys/${key}/import`, { json: { envelope: toBase64url(bytes) } });
      const act = await checked(answer, "import-key", { officer: about.me, key: about.key, user: about.user });
      if (!(await isOf(act.content, bytes))) throw mismatch();
      return act;
    }
    const answer = await send(`/api/officer/waiting/${encodeURIComponent(about.act)}`, { method: "GET" });
    const expected = about.kind === "archive" ? { key: about.key || "all" } : { key: about.key, user: about.user };
    return checked(answer, `${about.kind}-key`, { id: about.act, ...expected });
  }

  bindApproval({
    current: () => act,
    onDone: (answer) => {
      const names = answer.waiting_for.join(", ");
      const words = names ? say("sharedWaits", { names }) : say("sharedArchived", { count: answer.archives.length });
      find("[data-outcome]").replaceChildren(notice("good", "", words));
      goToStep("done");
    },
    onRefused: (problem) => {
      goToStep("begin");
      tellProblem(status, problem instanceof Problem ? problem : mismatch());
    },
  });
}
