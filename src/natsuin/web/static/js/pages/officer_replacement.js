/** A lost passkey, for officers: proposed, approved by the second one, cancelled. */

import { fact, find, goToStep, moment, onPress, onSubmit } from "../dom.js";
import { mismatch } from "../record.js";
import { offer } from "../replacements.js";
import { guarded, notice, tellBusy, tellProblem, clear } from "../status.js";
import { say } from "../words.js";

const about = find("[data-person]").dataset;
const status = find('[data-step="begin"] [data-status]');
const form = document.querySelector("[data-begin]");
const byMail = !document.querySelector("[data-no-mail]");
const path = (id, last) => `/api/officer/replacements/${encodeURIComponent(id)}/${last}`;

/** Refuse a record about somebody else. */
function matches(content) {
  if (content.user !== about.person) throw mismatch();
}

function facts(content) {
  const { evidence, waiting } = content;
  const words = say(`evidence_${evidence.kind.replaceAll("-", "_")}`);
  const level = say("replaceLevel", { level: evidence.level });
  return [
    ...fact(say("replaceAct"), say("replaceActBegin")),
    ...fact(say("replacePerson"), about.name),
    ...fact(say("replaceEvidence"), `${words}, ${evidence.reference} (${level})`),
    ...fact(say("replaceWait"), say("replaceHours", { hours: Math.round((waiting / 3_600_000) * 100) / 100 })),
  ];
}

/** What the page said of its state when it came is over. */
function end(step) {
  document.querySelector(".page-head .state")?.remove();
  goToStep(step);
}

/** The first approval leads to the second officer, the second to the link. */
function approved(answer) {
  const warning = byMail ? null : notice("caution", "", say("replaceNoMail"));
  if (answer.link) {
    find("#link").value = answer.link;
    find("[data-link-times]").replaceChildren(say("replaceLinkFrom"), " ", moment(answer.replacement.ends_waiting_at));
    end("link");
    return;
  }
  find("[data-outcome]").replaceChildren(notice("good", "", say("replaceProposed")), ...(warning ? [warning] : []));
  end("done");
}

if (form) {
  onSubmit(form, async () => {
    const field = (name) => find(`#${name}`, form).value.normalize("NFC").trim();
    const evidence = { kind: field("evidence_kind"), reference: field("evidence_reference"), level: Number(field("evidence_level")) };
    tellBusy(status);
    try {
      await offer(`/api/officer/people/${encodeURIComponent(about.person)}/replacement`, {
        kind: "replace-passkey",
        body: { evidence },
        matches: (content) => {
          matches(content);
          for (const [name, value] of Object.entries(evidence)) if (content.evidence[name] !== value) throw mismatch();
        },
        facts,
        deliver: (id) => path(id, "approval"),
        done: approved,
      });
      clear(status);
    } catch (problem) {
      tellProblem(status, problem);
    }
  });
}

const review = document.querySelector("[data-review]");
if (review) {
  onPress(review, () =>
    guarded({ place: status, button: review, busy: say("working") }, () =>
      offer(path(about.act, "review"), {
        kind: "replace-passkey",
        matches: (content) => {
          matches(content);
          if (content.id !== about.act) throw mismatch();
        },
        facts,
        deliver: (id) => path(id, "approval"),
        done: approved,
      }),
    ),
  );
}

const cancel = document.querySelector("[data-cancel]");
if (cancel) {
  const base = `/api/replacements/${encodeURIComponent(about.act)}`;
  onPress(cancel, () =>
    guarded({ place: status, button: cancel, busy: say("working") }, () =>
      offer(`${base}/cancel`, {
        kind: "cancel-replacement",
        matches: (content) => {
          matches(content);
          if (content.replacement !== about.act) throw mismatch();
        },
        facts: () => [...fact(say("replaceAct"), say("replaceActCancel")), ...fact(say("replacePerson"), about.name)],
        deliver: () => `${base}/cancellation`,
        done: () => {
          find("[data-outcome]").replaceChildren(notice("good", "", say("replaceCancelled")));
          end("done");
        },
      }),
    ),
  );
}
