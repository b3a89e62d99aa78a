/** Fetching a document, hashing the very bytes that are shown, and showing them. */

import { bytesOf, Problem } from "./api.js";
import { sha256, toHex } from "./bytes.js";
import { find } from "./dom.js";
import { clear, tell, tellBusy, tellProblem } from "./status.js";
import { Viewer } from "./viewer.js";
import { say } from "./words.js";

/**
 * @param {HTMLElement} workspace `.workspace` with the address, the sizes of the pages and the expected fingerprint
 * @returns {Promise<{viewer: Viewer, sha256: Uint8Array, size: number} | null>} null where nothing trustworthy is shown
 */
export async function showDocument(workspace, listeners) {
  const frame = find("[data-viewer]", workspace);
  const check = find("[data-bytes-check]", workspace);
  const place = document.createElement("div");
  frame.querySelector("[data-pages]").prepend(place);
  tellBusy(place, say("opening"));
  try {
    const bytes = await bytesOf(workspace.dataset.content);
    const size = bytes.length;
    const digest = await sha256(bytes);
    if (toHex(digest) !== workspace.dataset.sha256) {
      throw new Problem({ code: "bytes_mismatch", detail: say("bytesBad"), hint: say("bytesBadStep") });
    }
    const viewer = new Viewer(frame, JSON.parse(workspace.dataset.sheets), listeners);
    await viewer.open(bytes).catch((failure) => {
      console.error(failure);
      throw new Problem({ code: "cannot_show", detail: say("cannotShow"), hint: say("cannotShowStep") });
    });
    clear(place);
    place.remove();
    check.textContent = say("bytesGood");
    return { viewer, sha256: digest, size };
  } catch (problem) {
    tellProblem(place, problem);
    if (problem.code === "bytes_mismatch") tell(check, "bad", problem.detail);
    return null;
  }
}
