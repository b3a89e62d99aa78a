/** Correcting what only the register keeps of a person. */

import { send } from "../api.js";
import { find, onSubmit } from "../dom.js";
import { tellBusy, tellProblem } from "../status.js";

const form = document.querySelector("[data-correct]");
if (form) onSubmit(form, async () => {
  const status = find("[data-status]", form);
  const names = ["name_kana", "name_romanised", "job_title"];
  const fields = Object.fromEntries(names.map((name) => [name, find(`#${name}`, form).value.normalize("NFC").trim()]));
  tellBusy(status);
  try {
    await send(`/api/officer/people/${encodeURIComponent(form.dataset.user)}/record`, { json: fields });
    location.reload();
  } catch (problem) {
    tellProblem(status, problem);
  }
});
