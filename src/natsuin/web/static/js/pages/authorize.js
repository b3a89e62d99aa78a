/** An application's request: who asks for what; a click, or the approval of exactly its fingerprints; and back to it. */

import { send } from "../api.js";
import { belongsTo } from "../attributes.js";
import { fromBase64url, sameBytes, toHex } from "../bytes.js";
import { fact, find, fingerprint, make, moment, onPress, onSubmit } from "../dom.js";
import { normalisedPIN } from "../pin.js";
import { checkRecord, mismatch } from "../record.js";
import { purposes, seal } from "../sealing.js";
import { clear, notice, tell, tellBusy, tellProblem } from "../status.js";
import { assert } from "../webauthn.js";
import { say } from "../words.js";

const about = find("[data-about]").dataset;
const base = `/api/access-requests/${encodeURIComponent(about.handle)}`;

if (about.signedIn === "yes") await begin();
else if (about.again !== "yes") {
  // The first request came from another site, and the session's cookie does not travel with such a one.
  location.replace(`${location.pathname}?again`);
}

async function begin() {
  const place = find("[data-page-status]");
  tellBusy(place);
  try {
    const asked = await send(base, { method: "GET" });
    if (asked.hash_kind === "sodr") {
      // A whole document is read, signed and given back on its own page.
      const { document_id: id } = await send(`${base}/document`, { method: "GET" });
      location.replace(`/documents/${encodeURIComponent(id)}?request=${encodeURIComponent(about.handle)}`);
      return;
    }
    clear(place);
    await (asked.scope === "credential" ? showApproval(asked) : showConsent(asked));
  } catch (problem) {
    // What could not be shown as it is recorded is not left half shown beside the reason.
    for (const part of document.querySelectorAll("[data-part]")) part.hidden = true;
    tellProblem(place, problem);
    if ([409, 422].includes(problem.status)) {
      const leave = make("button", { type: "button", class: "button quiet" }, say("applicationBack"));
      leave.addEventListener("click", () => goBack("denial", {}, place));
      place.append(make("p", {}, leave));
    }
  }
}

function showPart(name, asked) {
  const part = find(`[data-part="${name}"]`);
  find("[data-client-name]", part).textContent = say("applicationAsks", { name: asked.client.name });
  part.hidden = false;
  for (const button of part.querySelectorAll("[data-deny]")) {
    onPress(button, () => goBack("denial", {}, find("[data-status]", part)));
  }
  return part;
}

async function showConsent(asked) {
  const part = showPart("consent", asked);
  find("[data-facts]", part).replaceChildren(...commonFacts(asked));
  onPress(find("[data-consent]", part), () => goBack("consent", {}, find("[data-status]", part)));
}

async function showApproval(asked) {
  const part = showPart("approve", asked);
  const instruction = await send(`${base}/instruction`, { json: { key_id: asked.key_id } });
  const { challenge, content } = await checkRecord(instruction, "sign");
  await checkDigests(content, asked, instruction.signed_attributes);
  const { certificate } = instruction;
  find(`[data-kind="${asked.hash_kind}"]`, part).hidden = false;
  find("[data-facts]", part).replaceChildren(
    ...commonFacts(asked),
    ...fact(say("applicationSignatures"), String(asked.count)),
    ...fact(
      say("applicationCertificate"),
      make("div", {}, certificate.common_name),
      make("div", { class: "small soft" }, certificate.subject),
      make("div", { class: "small soft" }, say("certificateUntil"), " ", moment(certificate.not_after)),
    ),
  );
  const rows = asked.digests.map((digest, index) =>
    make(
      "li",
      {},
      make("div", {}, make("strong", {}, asked.labels[index] || say("applicationUnnamed"))),
      fingerprint(toHex(fromBase64url(digest))),
    ),
  );
  find("[data-digests]", part).replaceChildren(...rows);
  find("[data-digests-part]", part).open = rows.length <= 10;
  find("[data-record-check]", part).replaceChildren(notice("good", "", say("applicationRecordGood")));
  find("[data-record]", part).textContent = JSON.stringify(content, null, 2);
  bindApproval(part, instruction, challenge);
}

/**
 * Refuse a record over anything but the digests, the key and the words that are shown. Digests of documents are not in
 * the record themselves: the digests there must be of signed attributes about these documents.
 */
async function checkDigests(content, asked, attributes) {
  const agrees =
    content.key === asked.key_id &&
    content.count === asked.count &&
    content.client === asked.client.client_id &&
    (content.purpose ?? "") === asked.description &&
    content.digests?.length === asked.digests.length;
  if (!agrees) throw mismatch();
  for (const [index, digest] of content.digests.entries()) {
    const shown = asked.digests[index];
    const good =
      asked.hash_kind === "sdr"
        ? await belongsTo(attributes[index], digest, shown, asked.hash)
        : sameBytes(fromBase64url(digest), fromBase64url(shown));
    if (!good) throw mismatch();
  }
}

function commonFacts(asked) {
  return [
    ...fact(say("applicationReturns"), recipient(asked.client)),
    ...(asked.description ? fact(say("applicationSays"), asked.description) : []),
  ];
}

/** Where the answer goes: to a site, or to an application that waits for it and sent no browser here. */
function recipient(client) {
  if (!client.returns_to) return say("applicationWaits", { name: client.name });
  const returns = new URL(client.returns_to);
  return returns.host || returns.protocol;
}

function bindApproval(part, instruction, challenge) {
  const form = find("[data-approve]", part);
  const status = find("[data-status]", form);
  const pin = find("#pin", form);
  const button = find('button[type="submit"]', form);
  onSubmit(form, async () => {
    pin.setAttribute("aria-invalid", String(!pin.value));
    if (!pin.value) {
      tell(status, "bad", say("pinMissing"));
      return pin.focus();
    }
    button.disabled = true;
    try {
      tellBusy(status, say("sealing"));
      const sealed = await seal(purposes.approve, instruction.hpke_public_key, challenge, { pin: normalisedPIN(pin.value) });
      tellBusy(status, say("waitingForPasskey"));
      const credential = await assert(instruction.publicKey, challenge);
      pin.value = "";
      await goBack("approval", { credential, sealed_pin: sealed }, status);
    } catch (problem) {
      tellProblem(status, problem);
    } finally {
      button.disabled = false;
    }
    return undefined;
  });
}

/** Deliver the answer and let the browser go where the server says: to the application. */
async function goBack(answer, json, place) {
  tellBusy(place);
  try {
    const { redirect } = await send(`${base}/${answer}`, { json });
    tellBusy(place, say("applicationGoingBack"));
    location.replace(redirect);
  } catch (problem) {
    tellProblem(place, problem);
  }
}
