/** Talking with the server: JSON in, JSON out, and every refusal as a `Problem` with words for a person. */

import { language, say } from "./words.js";

/** A refusal. `code` is stable, `detail` names the cause and `hint` the next step, both in the page's language. */
export class Problem extends Error {
  constructor({ code, detail, hint = "", status = 0, requestId = "" }) {
    super(detail);
    this.code = code;
    this.detail = detail;
    this.hint = hint;
    this.status = status;
    this.requestId = requestId;
  }

  /** True where something failed or no answer came, so that the identical request may and should be sent again. */
  get worthRepeating() {
    return this.code === "offline" || this.status >= 500 || this.status === 429;
  }
}

/**
 * Ask once, and where the server wants the passkey asked again first, do that and ask once more.
 * @param {() => Promise<Response>} ask
 */
async function askFresh(ask) {
  const answer = await ask();
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (problem.code !== "step_up_required") throw problem;
  const { stepUp } = await import("./step_up.js");
  await stepUp();
  const again = await ask();
  if (!again.ok) throw await problemOf(again);
  return again;
}

/** @returns {Promise<any>} the answer's JSON, or null where it has none; rejects with `Problem` */
export async function send(path, { method = "POST", json, body, headers = {} } = {}) {
  const request = { method, body, headers: { "X-Natsuin": "1", "Accept-Language": language, ...headers } };
  request.headers.Accept = "application/json, application/problem+json";
  if (json !== undefined) {
    request.body = JSON.stringify(json);
    request.headers["Content-Type"] = "application/json";
  }
  const whole = { ...request, credentials: "same-origin", cache: "no-store", redirect: "error" };
  const answer = await askFresh(() => reach(path, whole));
  const text = await answer.text();
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem({ code: "unreadable", detail: say("unreadableAnswer"), hint: say("unexpectedStep") });
  }
}

/** The bytes of a document. @returns {Promise<Uint8Array>} */
export async function bytesOf(path) {
  const answer = await reach(path, { credentials: "same-origin", cache: "no-store", redirect: "error" });
  if (!answer.ok) throw await problemOf(answer);
  return new Uint8Array(await answer.arrayBuffer());
}

/** A file that the server makes when it is asked, exactly its bytes. @returns {Promise<Blob>} */
export async function madeFile(path) {
  const headers = { "X-Natsuin": "1", "Accept-Language": language };
  const request = { method: "POST", headers, credentials: "same-origin", cache: "no-store", redirect: "error" };
  const answer = await askFresh(() => reach(path, request));
  return answer.blob();
}

async function reach(path, request) {
  try {
    return await fetch(path, request);
  } catch {
    throw new Problem({ code: "offline", detail: say("offline"), hint: say("offlineStep") });
  }
}

async function problemOf(answer) {
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // A proxy in between answered in its own words, which are of no use to a person.
  }
  return new Problem({
    code: told.code ?? (answer.status >= 502 ? "unavailable" : "unexpected"),
    detail: told.detail ?? told.title ?? say("unexpected"),
    hint: told.hint ?? say("unexpectedStep"),
    status: answer.status,
    requestId: told.request_id ?? answer.headers.get("x-request-id") ?? "",
  });
}
