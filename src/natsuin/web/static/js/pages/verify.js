/** Verification: send a PDF and perhaps its receipt, and show each line of the verdict by itself. */

import { Problem, send } from "../api.js";
import { sha256, toHex } from "../bytes.js";
import { fact, find, fingerprint, make, moment, onSubmit } from "../dom.js";
import { clear, notice, tellBusy, tellProblem } from "../status.js";
import { language, say, saySize } from "../words.js";

const form = find("[data-verify]");
const pdf = find("#pdf", form);
const receipt = find("#receipt", form);
const roots = find("#roots", form);
const logKey = find("#log-key", form);
const status = find("[data-status]", form);
const result = find("[data-result]");
const drop = find("[data-drop]", form);

for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
drop.addEventListener("drop", (event) => (pdf.files = event.dataTransfer.files));

onSubmit(form, async () => {
  const [file] = pdf.files;
  const body = new FormData();
  try {
    if (!file) throw new Problem({ code: "no_file", detail: say("chooseFile") });
    const most = Number(form.dataset.maxBytes);
    if (file.size > most) {
      const values = { name: file.name, size: saySize(file.size), limit: saySize(most) };
      throw new Problem({ code: "too_large", detail: say("tooLarge", values), hint: say("tooLargeStep", values) });
    }
    body.append("pdf", file);
    if (receipt.files.length > 0) body.append("receipt", receipt.files[0]);
    if (roots.files.length > 0) body.append("trust", roots.files[0]);
    if (logKey.value.trim()) body.append("log_vkey", logKey.value.trim());
    result.hidden = true;
    tellBusy(status, say("verifying"));
    const report = await send("/api/verify", { body });
    clear(status);
    show(report, file, await sha256(new Uint8Array(await file.arrayBuffer())));
  } catch (problem) {
    tellProblem(status, problem);
  }
});

function show(report, file, digest) {
  const unlooked = report.summary.code === "valid_unless_revoked";
  const kind = unlooked ? "caution" : ({ valid: "good", not_valid: "bad" }[report.overall] ?? "caution");
  const step = told(report.summary, "next");
  const print = make("button", { type: "button", class: "button not-printed" }, say("printResult"));
  print.addEventListener("click", () => window.print());
  find("[data-verdict]", result).replaceChildren(
    notice(kind, say(`overall_${unlooked ? report.summary.code : report.overall}`), told(report.summary, "text"), step && nextStep(step)),
    make(
      "dl",
      { class: "facts" },
      ...fact(say("examined"), `${file.name} (${saySize(file.size)})`),
      ...fact(say("fullPrint"), fingerprint(toHex(digest))),
      ...fact(say("checkedAt"), moment(report.checked_at)),
    ),
    ...report.signatures.map((signature, index) => signatureCard(signature, index + 1)),
    make("p", {}, print),
  );
  result.hidden = false;
  result.focus();
}

function signatureCard(signature, number) {
  const words = signature.level === "time-stamp" ? "timeStampBy" : "signatureBy";
  const facts = [
    ...(signature.proven_at ? fact(say("provenTime"), moment(signature.proven_at)) : []),
    ...(signature.claimed_at ? fact(say("claimedTime"), moment(signature.claimed_at)) : []),
    ...(signature.issuer ? fact(say("issuer"), signature.issuer) : []),
    ...(signature.reason ? fact(say("reason"), signature.reason) : []),
  ];
  return make(
    "article",
    { class: "card" },
    make("h3", {}, say(words, { number, signer: signature.signer })),
    make("dl", { class: "facts" }, ...facts),
    make("ul", { class: "verdict-lines" }, ...signature.lines.map(verdictLine)),
  );
}

function verdictLine(line) {
  const step = told(line, "next");
  const state = { good: "good", bad: "bad" }[line.status] ?? "unknown";
  return make(
    "li",
    {},
    make("div", { class: "aspect" }, say(`aspect_${line.aspect}`)),
    make(
      "div",
      {},
      make("span", { class: `state ${state}` }, say(`status_${state}`)),
      make("p", {}, told(line, "text")),
      step ? nextStep(step) : null,
    ),
  );
}

function nextStep(step) {
  return make("p", { class: "small" }, make("b", {}, say("nextStep")), " ", step);
}

/** The words of a line of the report in the page's language: its `text` or its `next` step. */
function told(line, name) {
  return line[`${name}_${language}`];
}
