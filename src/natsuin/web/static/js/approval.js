/** The act of approval: the facts, the check of the record, the PIN, the passkey, and what comes of it. */

import { send } from "./api.js";
import { toHex } from "./bytes.js";
import { fact, find, fingerprint, make, moment, onSubmit } from "./dom.js";
import { normalisedPIN } from "./pin.js";
import { checkRecord, checkSignature } from "./record.js";
import { purposes, seal } from "./sealing.js";
import { clear, notice, tell, tellBusy, tellProblem } from "./status.js";
import { assert } from "./webauthn.js";
import { say, saySize } from "./words.js";

/** Codes after which this instruction is of no more use and a new one must be made. */
const final = new Set(["already_used", "expired", "conflict", "not_found", "locked", "tampered", "approval_refused"]);

/** One approval after the other of the document shown. */
export class Approval {
  /**
   * @param {{name: string, size: number, sha256: Uint8Array}} shown computed from the bytes on the screen
   * @param {(kind: string, title: string, more?: string) => void} onLeave nothing was signed; say so and begin again
   * @param {() => void} onSigned
   */
  constructor({ shown, onLeave, onSigned }) {
    this.shown = shown;
    this.onLeave = onLeave;
    this.onSigned = onSigned;
    this.part = find('[data-part="approve"]');
    this.form = find("[data-approve]", this.part);
    this.status = find("[data-status]", this.form);
    this.pin = find("#pin", this.form);
    this.button = find('button[type="submit"]', this.form);
    onSubmit(this.form, () => this.#approve());
    find("[data-cancel]", this.form).addEventListener("click", () => this.#cancel());
  }

  /** Show what would be approved. Rejects, and asks nothing of anybody, if the record is not about what was shown. */
  async begin(instruction, { keyId, mark, reason }) {
    const { certificate } = instruction;
    const { challenge, content } = await checkRecord(instruction, "sign");
    checkSignature(content, this.shown, { keyId, reason, certificate: certificate.sha256 });
    this.instruction = instruction;
    this.keyId = keyId;
    this.challenge = challenge;
    this.body = null;
    const hex = toHex(this.shown.sha256);
    find("[data-approval-facts]", this.part).replaceChildren(
      ...fact(say("document"), make("strong", {}, this.shown.name)),
      ...fact(say("size"), saySize(this.shown.size)),
      ...fact(say("shortPrint"), make("span", { class: "short-print" }, hex.slice(0, 8), " ", hex.slice(8, 16))),
      ...fact(say("fullPrint"), fingerprint(hex)),
      ...fact(say("howMany"), say("one")),
      ...fact(
        say("certificate"),
        make("div", {}, certificate.common_name),
        make("div", { class: "small soft" }, certificate.subject),
        make("div", { class: "small soft" }, say("issuedBy", { issuer: certificate.issuer })),
        make("div", { class: "small soft" }, say("certificateUntil"), " ", moment(certificate.not_after)),
      ),
      ...fact(say("mark"), mark),
      ...(reason ? fact(say("reason"), reason) : []),
    );
    find("[data-record-check]", this.part).replaceChildren(notice("good", "", say("recordGood")));
    find("[data-record]", this.part).textContent = JSON.stringify(content, null, 2);
    clear(this.status);
    this.pin.value = "";
    this.#count();
  }

  #count() {
    clearInterval(this.clock);
    const place = find("[data-countdown]", this.form);
    const tick = () => {
      const left = Math.max(0, Math.round((this.instruction.expires_at - Date.now()) / 1000));
      place.textContent = say("timeLeft", { time: `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` });
      if (left === 0 && !this.sending) this.#leave("caution", say("timeOver"), say("timeOverStep"));
    };
    this.clock = setInterval(tick, 1000);
    tick();
  }

  #leave(kind, title, more) {
    clearInterval(this.clock);
    this.pin.value = "";
    this.body = null;
    this.onLeave(kind, title, more);
  }

  async #approve() {
    if (!this.pin.value) {
      this.pin.setAttribute("aria-invalid", "true");
      this.pin.focus();
      return tell(this.status, "bad", say("pinMissing"));
    }
    this.pin.removeAttribute("aria-invalid");
    this.#hold(true);
    try {
      tellBusy(this.status, say("sealing"));
      const pin = normalisedPIN(this.pin.value);
      const sealed = await seal(purposes.approve, this.instruction.hpke_public_key, this.challenge, { pin });
      tellBusy(this.status, say("waitingForPasskey"));
      const credential = await assert(this.instruction.publicKey, this.challenge);
      this.pin.value = "";
      this.body = { credential, sealed_pin: sealed };
      await this.#deliver();
    } catch (problem) {
      this.#refused(problem);
    } finally {
      this.#hold(false);
    }
    return undefined;
  }

  /** Send the approval; sending the identical one again asks for its result and never signs twice. */
  async #deliver() {
    tellBusy(this.status, say("signing"));
    await send(`/api/instructions/${encodeURIComponent(this.instruction.instruction_id)}/approval`, { json: this.body });
    clearInterval(this.clock);
    tell(this.status, "good", say("signed"));
    this.onSigned();
  }

  #refused(problem) {
    if (problem.worthRepeating && this.body) {
      const again = make("button", { type: "button", class: "button small" }, say("askAgain"));
      again.addEventListener("click", async () => {
        this.#hold(true);
        await this.#deliver().catch((later) => this.#refused(later));
        this.#hold(false);
      });
      return tellProblem(this.status, problem, make("p", {}, say("unknownResult")), make("p", {}, again));
    }
    if (final.has(problem.code)) return this.#leave("bad", problem.detail, problem.hint);
    tellProblem(this.status, problem);
    if (problem.code === "wrong_secret") {
      this.pin.focus();
      // How many tries are left is good to know, and not knowing it is no further problem.
      this.#tellTries(problem).catch(() => {});
    }
    return undefined;
  }

  /** Add how many tries are left for the PIN, which only the list of keys tells. */
  async #tellTries(problem) {
    const { keys } = await send("/api/keys", { method: "GET" });
    const tries = keys.find((key) => key.key_id === this.keyId)?.pin_tries_left;
    if (tries === undefined) return;
    tellProblem(this.status, problem, make("p", {}, make("strong", {}, say("triesLeft", { tries }))));
  }

  async #cancel() {
    const { instruction_id: id } = this.instruction;
    await send(`/api/instructions/${encodeURIComponent(id)}/cancel`, { json: {} }).catch((problem) => {
      console.warn("The instruction will end by itself", problem.code);
    });
    this.#leave("information", say("cancelled"));
  }

  #hold(sending) {
    this.sending = sending;
    this.button.disabled = sending;
    find("[data-cancel]", this.form).disabled = sending;
  }
}
