/** The officer's list of people, drawn anew after a registration: the same rows as the server's page has. */

import { send } from "./api.js";
import { find, make, moment } from "./dom.js";
import { say } from "./words.js";

const kinds = { enrolled: "good", invited: "caution", expired: "bad", revoked: "bad" };

/** Fetch the list and show it. Rejects with `Problem`; the list then stays as it was. */
export async function refreshPeople() {
  const { people } = await send("/api/officer/people", { method: "GET" });
  const place = find("[data-people]");
  find("tbody", place).replaceChildren(...people.map(row));
  find("[data-people-table]", place).hidden = people.length === 0;
  find("[data-nobody]", place).hidden = people.length > 0;
}

function row(person) {
  const state = make("span", { class: `state ${kinds[person.state] ?? ""}` }, say(`person_${person.state}`));
  const until = person.state === "invited" && person.expires_at;
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, make("a", { href: `/officer/people/${encodeURIComponent(person.user_id)}` }, person.common_name || say("personNobody"))),
    make("td", {}, state, until ? make("div", { class: "small soft" }, say("until"), " ", moment(until)) : null),
    make("td", { "data-label": say("organization") }, person.organization || "–"),
    make("td", { "data-label": say("email") }, person.email || "–"),
    make("td", { "data-label": say("registered") }, moment(person.proposed_at)),
  );
}
