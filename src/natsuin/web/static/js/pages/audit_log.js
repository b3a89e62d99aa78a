/**
 * The search of the log, which stands in the address, so that it can be kept and gone back to; and what entries commit to,
 * shown where the auditor asked for it: the log tells of it before it is shown.
 */

import { send } from "../api.js";
import { fact, find, make, onPress, onSubmit } from "../dom.js";
import { notice, tell, tellBusy, tellProblem } from "../status.js";
import { say } from "../words.js";

const fields = ["first", "last", "kind", "said", "person", "key", "before"];

onSubmit(find("[data-filter]"), async () => {
  const wanted = new URLSearchParams();
  for (const name of fields) {
    const value = find(`#${name}`).value.normalize("NFC").trim();
    if (value) wanted.set(name, value);
  }
  location.assign(`/auditor/log?${wanted}`);
});

for (const button of document.querySelectorAll("[data-open]")) {
  const indices = button.dataset.open.split(" ").map(Number);
  onPress(button, () => open(button, indices));
}

for (const button of document.querySelectorAll("[data-end-reading]")) {
  onPress(button, async () => {
    await send("/api/auditor/readings/end", { json: {} }).catch(() => {});
    location.assign("/auditor");
  });
}

async function open(button, indices) {
  const ofOne = button.closest("details");
  const place = ofOne ? find(`#opened-${indices[0]}`) : find("[data-status]");
  button.disabled = true;
  tellBusy(place);
  try {
    const { openings, names, noted } = await send("/api/auditor/openings", { json: { indices } });
    for (const one of openings) {
      const shown = find(`#opened-${one.index}`);
      shown.replaceChildren(...told(one, noted, names));
      shown.closest("details").open = true;
    }
    if (!ofOne) tell(place, "good", say("auditAllOpened", { count: openings.length }));
  } catch (problem) {
    tellProblem(place, problem);
    button.disabled = false;
  }
}

function told(one, noted, names) {
  if (one.state === "none") return [notice("information", "", say("auditNothing"))];
  if (one.state !== "opened") return [notice("caution", "", say("auditGone"))];
  const rows = Object.entries(one.fields).flatMap(([name, value]) => fact(name, textOf(value, names)));
  return [notice("good", "", say("auditOpened", { noted })), make("dl", { class: "facts" }, ...rows)];
}

/** What was committed to; beside an account's number the name that the register has for it now. */
function textOf(value, names) {
  if (value === "" || value === null) return say("auditEmpty");
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) {
    return value.map((each) => textOf(each, names)).join(", ");
  }
  if (typeof value !== "string") return JSON.stringify(value);
  return Object.hasOwn(names, value) ? say("auditNamed", { number: value, name: names[value] }) : value;
}
