/** Telling people what happens: one place on the page, read out by screen readers. */

import { Problem } from "./api.js";
import { make } from "./dom.js";
import { say } from "./words.js";

/** A notice: `kind` is information, good, caution, bad or busy; `title` may be empty. */
export function notice(kind, title, ...more) {
  const words = more.filter(Boolean).map((part) => (typeof part === "string" ? make("p", {}, part) : part));
  return make("div", { class: `notice ${kind === "busy" ? "information busy" : kind}` }, title ? make("strong", {}, title) : null, ...words);
}

/** Put a notice into `place`. A refusal is an alert and is read at once; anything else waits for its turn. */
export function tell(place, kind, title, ...more) {
  place.setAttribute("role", kind === "bad" ? "alert" : "status");
  place.replaceChildren(notice(kind, title, ...more));
}

/** Show that something is being done. */
export function tellBusy(place, title = say("working")) {
  tell(place, "busy", title);
}

/** Show a refusal with its next step and the number to ask about. `more` may hold elements such as a button. */
export function tellProblem(place, problem, ...more) {
  if (!(problem instanceof Problem)) {
    console.error(problem);
    problem = new Problem({ code: "unexpected", detail: say("unexpected"), hint: say("unexpectedStep") });
  }
  const step = problem.hint ? make("p", {}, make("b", {}, say("nextStep")), " ", problem.hint) : null;
  const way = wayOn(problem);
  const number = problem.requestId
    ? make("p", { class: "small soft" }, say("requestNumber"), " ", make("code", {}, problem.requestId))
    : null;
  tell(place, "bad", problem.detail, step, way, number, ...more);
  place.scrollIntoView({ block: "nearest" });
}

/** Where a link leads to the next step: signing in again, and then back to this page. */
function wayOn(problem) {
  const here = location.pathname + location.search;
  const links = {
    unauthenticated: [`/?next=${encodeURIComponent(here)}`, "signInAgain"],
    invitation_used: ["/", "toStart"],
  };
  const [address, words] = links[problem.code] ?? [];
  return address ? make("p", {}, make("a", { href: address, class: "button small" }, say(words))) : null;
}

export function clear(place) {
  place.replaceChildren();
}

/** Run `act` with its button held and busy words shown; a refusal is told in the same place. @returns the result or undefined */
export async function guarded({ place, button, busy }, act) {
  if (button?.getAttribute("aria-disabled") === "true") return undefined;
  button?.setAttribute("aria-disabled", "true");
  if (busy) tellBusy(place, busy);
  try {
    const result = await act();
    if (busy) clear(place);
    return result;
  } catch (problem) {
    tellProblem(place, problem);
    return undefined;
  } finally {
    button?.removeAttribute("aria-disabled");
  }
}
