/** Adding a document: chosen or dropped, sent as it is, then opened. */

import { Problem, send } from "../api.js";
import { find, open } from "../dom.js";
import { tellBusy, tellProblem } from "../status.js";
import { say, saySize } from "../words.js";

const form = find("[data-upload]");
const field = find("#file", form);
const place = find("[data-status]", form);
let running = false;

field.addEventListener("change", () => add(field.files));
form.addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragenter", "dragover"]) {
  form.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) form.addEventListener(name, () => form.classList.remove("over"));
form.addEventListener("drop", (event) => {
  event.preventDefault();
  add(event.dataTransfer.files);
});
// A file dropped beside the place would otherwise replace this page.
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
open(form);

async function add(files) {
  if (running || files.length === 0) return;
  running = true;
  try {
    const file = await checked(files);
    tellBusy(place, say("uploading", { name: file.name }));
    const made = await send("/api/documents", {
      body: file,
      headers: { "Content-Type": "application/pdf", "X-Document-Name": encodeURIComponent(file.name) },
    });
    location.assign(`/documents/${encodeURIComponent(made.id)}`);
  } catch (problem) {
    tellProblem(place, problem);
    field.value = "";
  } finally {
    running = false;
  }
}

async function checked(files) {
  if (files.length > 1) throw new Problem({ code: "one_file", detail: say("oneFile") });
  const [file] = files;
  const most = Number(form.dataset.maxBytes);
  const values = { name: file.name, size: saySize(file.size), limit: saySize(most) };
  if (file.size > most) {
    throw new Problem({ code: "too_large", detail: say("tooLarge", values), hint: say("tooLargeStep", values) });
  }
  const head = new TextDecoder("latin1").decode(await file.slice(0, 1024).arrayBuffer());
  if (!head.includes("%PDF-")) {
    throw new Problem({ code: "malformed", detail: say("notAPDF", values), hint: say("notAPDFStep") });
  }
  return file;
}
