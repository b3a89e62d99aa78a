/** Verification: send a PDF and perhaps its receipt, and show each line of the verdict by itself. */

import { Problem, send } from "../api.js";
import { fact, find, fingerprint, make, onSubmit } from "../dom.js";
import { clear, notice, tellBusy, tellProblem } from "../status.js";
import { language, say, sayMoment, saySize } from "../words.js";

const form = find("[data-verify]");
const pdf = find("#pdf", form);
const receipt = find("#receipt", form);
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
    result.hidden = true;
    tellBusy(status, say("verifying"));
    const report = await send("/api/verify", { body });
    clear(status);
    show(report, file);
  } catch (problem) {
    tellProblem(status, problem);
  }
});

function show(report, file) {
  const kind = { valid: "good", not_valid: "bad" }[report.overall] ?? "caution";
  const signatures = report.signatures.map((signature, index) => signatureCard(signature, index + 1));
  const none = signatures.length === 0 ? say("noSignature") : say(`overallText_${report.overall}`);
  const print = make("button", { type: "button", class: "button not-printed" }, say("printResult"));
  print.addEventListener("click", () => window.print());
  find("[data-verdict]", result).replaceChildren(
    notice(kind, say(`overall_${report.overall}`), none),
    make(
      "dl",
      { class: "facts" },
      ...fact(say("examined"), `${file.name} (${saySize(file.size)})`),
      ...(report.sha256 ? fact(say("fullPrint"), fingerprint(report.sha256)) : []),
    ),
    ...signatures,
    print,
  );
  result.hidden = false;
  result.focus();
}

function signatureCard(signature, number) {
  const time = signature.signed_at ? make("p", { class: "soft" }, say("statedTime", { time: sayMoment(signature.signed_at) })) : null;
  const lines = signature.lines.map((line) => {
    const step = told(line, "next");
    return make(
      "li",
      {},
      make("div", { class: "aspect" }, say(`aspect_${line.aspect}`)),
      make(
        "div",
        {},
        make("span", { class: `state ${{ good: "good", bad: "bad" }[line.status] ?? "caution"}` }, say(`status_${line.status}`)),
        make("p", {}, told(line, "text")),
        step ? make("p", { class: "small" }, make("b", {}, say("nextStep")), " ", step) : null,
      ),
    );
  });
  const title = say("signatureBy", { number, signer: signature.signer });
  return make("article", { class: "card" }, make("h3", {}, title), time, make("ul", { class: "verdict-lines" }, ...lines));
}

function told(line, name) {
  return line[name] ?? line[`${name}_${language}`] ?? "";
}
