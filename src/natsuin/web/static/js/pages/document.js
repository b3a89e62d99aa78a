/** Reading, placing the mark, approving: three parts of one page, in this order. */

import { send } from "../api.js";
import { Approval } from "../approval.js";
import { find, make, onPress, onSubmit } from "../dom.js";
import { Placing } from "../place.js";
import { showDocument } from "../shown.js";
import { clear, notice, tell, tellBusy, tellProblem } from "../status.js";
import { say } from "../words.js";

const workspace = find(".workspace");
const pageCount = JSON.parse(workspace.dataset.sheets).length;
const readingWords = find("[data-reading-words]");
const readingNotice = find("[data-reading-notice]");
const progress = find("#reading-progress");

/** Show one part; those before it are reduced to their headings, those after it are not there yet. */
function goToPart(name) {
  const order = ["read", "place", "approve"];
  for (const part of document.querySelectorAll("[data-part]")) {
    const distance = order.indexOf(part.dataset.part) - order.indexOf(name);
    part.classList.toggle("current", distance === 0);
    part.classList.toggle("finished", distance < 0);
    part.hidden = distance > 0;
  }
  const heading = find(`[data-part="${name}"] h2`);
  heading.focus({ preventScroll: true });
  heading.scrollIntoView({ block: "nearest" });
}

function tellReading(seen) {
  progress.value = seen.size;
  readingWords.textContent =
    seen.size === pageCount ? say("allPagesShown", { pages: pageCount }) : say("pagesShown", { seen: seen.size, pages: pageCount });
  if (seen.size === pageCount) clear(readingNotice);
}

tellReading(new Set());
const shown = await showDocument(workspace, { onSeen: tellReading });
const form = document.querySelector("[data-place]");
const afterReading = find("[data-after-reading]");
if (shown) {
  const placing = form ? new Placing(shown.viewer, form, JSON.parse(workspace.dataset.marks)) : null;
  const beginPlacing = () => {
    clear(readingNotice);
    goToPart("place");
    placing?.setState("placing");
    placing?.showPlace();
  };

  if (form) bindForm(placing);
  onPress(afterReading, () => {
    const unread = Array.from({ length: pageCount }, (_, index) => index + 1).filter((page) => !shown.viewer.seen.has(page));
    if (unread.length === 0) return beginPlacing();
    const list = unread.length > 12 ? `${unread.slice(0, 12).join(", ")} …` : unread.join(", ");
    const goOn = make("button", { type: "button", class: "button small" }, say("goToUnread", { page: unread[0] }));
    goOn.addEventListener("click", () => shown.viewer.goTo(unread[0]));
    const otherwise = make("button", { type: "button", class: "button small" }, say("readOtherwise"));
    otherwise.addEventListener("click", beginPlacing);
    readingNotice.setAttribute("role", "status");
    readingNotice.replaceChildren(
      notice("caution", say("notAllShown", { list }), say("notAllShownStep"), make("p", { class: "actions" }, goOn, otherwise)),
    );
  });
}

function bindForm(placing) {
  const status = find("[data-status]", form);
  const approval = new Approval({
    shown: { name: workspace.dataset.name, size: shown.size, sha256: shown.sha256 },
    onLeave(kind, title, more) {
      goToPart("place");
      placing.setState("placing");
      tell(status, kind, title, more);
    },
    onSigned() {
      // The same address now shows the result, which begins at its top, with the page that was marked.
      history.scrollRestoration = "manual";
      sessionStorage.setItem("natsuin-signed", JSON.stringify({ page: placing.visible ? placing.page : 1 }));
      location.reload();
    },
  });

  find("[data-back-to-reading]").addEventListener("click", () => {
    placing.setState("off");
    goToPart("read");
  });

  onSubmit(form, async () => {
    if (!placing.fits) return tell(status, "bad", say("placementInvalid"), say("placementInvalidStep"));
    tellBusy(status, say("preparing"));
    const reason = find("#reason").value.trim();
    const keyId = find("#key").value;
    try {
      const instruction = await send(`/api/documents/${encodeURIComponent(workspace.dataset.document)}/instruction`, {
        json: { key_id: keyId, placement: placing.placement, reason: reason || undefined },
      });
      await approval.begin(instruction, { keyId, mark: placing.words, reason });
      clear(status);
      placing.setState("fixed");
      placing.showPlace();
      goToPart("approve");
    } catch (problem) {
      tellProblem(status, problem);
    }
  });
}
