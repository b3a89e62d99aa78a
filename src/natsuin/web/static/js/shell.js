/** What every page does: times in the reader's zone, signing in and out, copying, showing secrets, removing documents. */

import { send } from "./api.js";
import { find, onPress } from "./dom.js";
import { tell, tellBusy, tellProblem } from "./status.js";
import { assert } from "./webauthn.js";
import { say, sayMoment, sayUTC } from "./words.js";

for (const time of document.querySelectorAll("time[data-moment]")) {
  time.title = sayUTC(Date.parse(time.dateTime));
  time.textContent = sayMoment(Date.parse(time.dateTime));
}

for (const link of document.querySelectorAll("a[data-keep-fragment]")) {
  // An invitation's token is in the fragment, and choosing a language must not lose it.
  link.addEventListener("click", () => (link.hash = location.hash));
}

for (const button of document.querySelectorAll("[data-reveal]")) {
  onPress(button, () => {
    const field = find(`#${button.dataset.reveal}`);
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    button.textContent = say(shown ? "hide" : "show");
  });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  onPress(button, () => copy(find(`#${button.dataset.copy}`).value));
}

for (const button of document.querySelectorAll("[data-sign-in]")) {
  onPress(button, () => signIn(button));
}

for (const button of document.querySelectorAll("[data-sign-out]")) {
  onPress(button, async () => {
    await send("/api/logout", { json: {} }).catch(() => {});
    location.assign("/");
  });
}

for (const button of document.querySelectorAll("[data-delete]")) {
  onPress(button, async () => {
    if (!confirm(say("removeConfirm"))) return;
    try {
      await send(`/api/documents/${encodeURIComponent(button.dataset.delete)}`, { method: "DELETE" });
      location.assign("/documents");
    } catch (problem) {
      const place = document.createElement("div");
      button.after(place);
      tellProblem(place, problem);
    }
  });
}

/** Copy to the clipboard and say so where the page has a place for it. */
export async function copy(text) {
  const place = find("[data-copy-status]");
  try {
    await navigator.clipboard.writeText(text);
    place.textContent = say("copied");
  } catch {
    place.textContent = say("copyFailed");
  }
}

async function signIn(button) {
  const place = find("[data-status]", button.closest("section, .card"));
  tellBusy(place, say("signingIn"));
  try {
    const { publicKey } = await send("/api/login/options", { json: {} });
    const credential = await assert(publicKey);
    tell(place, "busy", say("working"));
    await send("/api/login", { json: { credential } });
    location.assign(localPath(button.dataset.next) ?? "/");
  } catch (problem) {
    tellProblem(place, problem);
  }
}

/** A path on this very site, or null: an address that leads elsewhere is never followed after signing in. */
function localPath(path) {
  if (!path) return null;
  const address = new URL(path, location.origin);
  return address.origin === location.origin ? address.pathname + address.search : null;
}
