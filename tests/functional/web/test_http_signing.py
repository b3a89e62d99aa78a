"""The path of a signed document over HTTP, and what remains when something fails on the way."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from natsuin.errors import Indeterminate, Unavailable
from natsuin.sam import protocol
from rigs.portal import PDF, approval_of, cookie_of


def new_document(visitor, text: str, name: str = "契約書.pdf") -> str:
    return visitor.post_bytes(PDF + text.encode(), name)["id"]


def instructed(visitor, document_id: str, **wishes) -> tuple[dict, str]:
    made = visitor.post(f"/api/documents/{document_id}/instruction", wishes)
    return made, f"/api/instructions/{made['instruction_id']}/approval"


def raising(kind: type, error: Exception, *, times: int = 1):
    """Interference that fails the first `times` messages of a kind."""
    left = [times]

    def interfere(message):
        if isinstance(message, kind) and left[0] > 0:
            left[0] -= 1
            raise error

    return interfere


def test_a_document_is_signed_and_everything_is_there(portal, alice):
    content = PDF + b"whole path"
    uploaded = alice.post_bytes(content, "契約書.pdf")
    assert uploaded["sha256"] == hashlib.sha256(content).hexdigest()
    assert (uploaded["name"], uploaded["size"], uploaded["state"]) == ("契約書.pdf", len(content), "ready")
    base = f"/api/documents/{uploaded['id']}"
    placement = {"page": 0, "x": 10, "y": 20.5, "width": 60, "height": 60}
    made, path = instructed(alice, uploaded["id"], placement=placement, reason="承認のため")
    assert made["documents"] == [{"name": "契約書.pdf", "size": len(content), "sha256": uploaded["sha256"]}]
    assert made["certificate"]["common_name"] == "Alice"
    assert alice.get(base)["state"] == "waiting"
    assert alice.post(path, approval_of(alice, made)) == {"document_id": uploaded["id"], "state": "signed"}
    assert alice.get(base)["state"] == "signed"
    assert alice.download(f"{base}/content") == content
    signed = alice.download(f"{base}/signed")
    assert signed.startswith(content)
    assert alice.get(base)["signed_sha256"] == hashlib.sha256(signed).hexdigest()
    assert alice.download(f"{base}/receipt").startswith(b"c2sp.org/tlog-proof@v1\n")
    assert made["instruction_id"] in alice.download(f"{base}/evidence").decode()
    assert "契約書.pdf" in alice._http.get("/history").text
    assert alice._http.get(f"/documents/{uploaded['id']}").status_code == 200


def test_the_same_approval_twice_is_one_signature(portal, alice):
    """P5: sent again after the answer, the same body gives the same answer and sam signs nothing more."""
    document_id = new_document(alice, "twice")
    made, path = instructed(alice, document_id)
    body = approval_of(alice, made)
    alice.post(path, body)
    first = alice.download(f"/api/documents/{document_id}/signed")
    alice.post(path, body)
    assert alice.download(f"/api/documents/{document_id}/signed") == first
    assert portal.sam.count(protocol.Sign) == 1


def test_the_same_approval_at_the_same_time_is_one_signature(portal, alice):
    document_id = new_document(alice, "double click")
    made, path = instructed(alice, document_id)
    body = approval_of(alice, made)
    together = threading.Barrier(8)

    def press(_):
        together.wait()
        return alice.post(path, body)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(8)))
    assert all(answer == {"document_id": document_id, "state": "signed"} for answer in answers)
    assert portal.sam.count(protocol.Activate) == portal.sam.count(protocol.Sign) == 1


def test_a_released_signature_is_not_lost_when_the_time_stamp_fails(portal, alice):
    """The approval answers 503, the signature is kept, and the same approval again completes the document."""
    document_id = new_document(alice, "no time")
    made, path = instructed(alice, document_id)
    body = approval_of(alice, made)
    portal.sam.before = raising(protocol.TimeStamp, Unavailable("no time-stamp"), times=100)
    answer = alice._http.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert alice.get(f"/api/documents/{document_id}")["state"] == "signing"
    assert alice._http.delete(f"/api/documents/{document_id}").status_code == 409
    assert alice._http.get(f"/api/documents/{document_id}/signed").status_code == 404
    portal.sam.before = None
    assert alice.post(path, body)["state"] == "signed"
    assert portal.sam.count(protocol.Sign) == 1


def test_finishing_needs_no_approval_and_happens_once(portal, alice):
    document_id = new_document(alice, "finish later")
    made, path = instructed(alice, document_id)
    portal.sam.before = raising(protocol.TimeStamp, Unavailable("no time-stamp"), times=100)
    alice._http.post(path, json=approval_of(alice, made))
    portal.sam.before = None
    alice.post(f"/api/documents/{document_id}/finish", {})
    first = alice.download(f"/api/documents/{document_id}/signed")
    alice.post(f"/api/documents/{document_id}/finish", {})
    assert alice.download(f"/api/documents/{document_id}/signed") == first
    assert portal.sam.count(protocol.Sign) == 1


def test_opening_the_page_finishes_what_is_left(portal, alice):
    """The person has nothing more to decide, so looking at the document is enough."""
    document_id = new_document(alice, "open the page")
    made, path = instructed(alice, document_id)
    assert "Read the document" in alice._http.get(f"/documents/{document_id}").text
    portal.sam.before = raising(protocol.TimeStamp, Unavailable("no time-stamp"), times=100)
    alice._http.post(path, json=approval_of(alice, made))
    failed = alice._http.get(f"/documents/{document_id}", headers={"accept": "text/html"})
    assert failed.status_code == 503
    assert "<html" in failed.text
    portal.sam.before = None
    page = alice._http.get(f"/documents/{document_id}")
    assert "Download the signed PDF" in page.text
    assert portal.sam.count(protocol.Sign) == 1


def test_an_answer_that_got_lost_is_asked_for_again(portal, alice):
    """sam signed and its answer never came: the identical message brings the recorded signature."""
    document_id = new_document(alice, "lost answer")
    made, path = instructed(alice, document_id)
    portal.sam.after = raising(protocol.Sign, Indeterminate("lost"), times=2)
    assert alice.post(path, approval_of(alice, made))["state"] == "signed"
    assert portal.sam.count(protocol.Sign) == 3


def test_after_many_lost_answers_the_person_may_ask_again(portal, alice):
    document_id = new_document(alice, "lost for long")
    made, path = instructed(alice, document_id)
    body = approval_of(alice, made)
    portal.sam.after = raising(protocol.Sign, Indeterminate("lost"), times=3)
    answer = alice._http.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (504, "indeterminate")
    portal.sam.after = None
    assert alice.post(path, body)["state"] == "signed"
    assert portal.sam.count(protocol.Activate) == 1


def test_a_wrong_pin_says_so_and_the_right_one_still_works(portal, alice):
    document_id = new_document(alice, "wrong pin")
    made, path = instructed(alice, document_id)
    wrong = alice._http.post(path, json=approval_of(alice, made, pin="not my pin"))
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_secret")
    assert alice.post(path, approval_of(alice, made))["state"] == "signed"


def test_a_cancelled_instruction_signs_nothing(portal, alice):
    document_id = new_document(alice, "cancelled")
    made, path = instructed(alice, document_id)
    assert alice.post(f"/api/instructions/{made['instruction_id']}/cancel", {}) == {"unused": 1}
    answer = alice._http.post(path, json=approval_of(alice, made))
    assert answer.status_code == 409
    assert alice.get(f"/api/documents/{document_id}")["state"] == "ready"


def test_a_new_instruction_replaces_the_earlier_one(portal, alice):
    document_id = new_document(alice, "replaced")
    first, first_path = instructed(alice, document_id)
    second, second_path = instructed(alice, document_id)
    assert alice._http.post(first_path, json=approval_of(alice, first)).status_code == 409
    assert alice.post(second_path, approval_of(alice, second))["state"] == "signed"
    answer = alice._http.post(f"/api/documents/{document_id}/instruction", json={})
    assert answer.status_code == 409


def test_a_new_instruction_does_not_disturb_an_approval_under_way(portal, alice, monkeypatch):
    """Asked for while sam signs: refused in words, and the signature and its receipt belong together."""
    document_id = new_document(alice, "second tab")
    made, path = instructed(alice, document_id)
    asked = []

    answered = portal.sam.rig.ask

    def second_tab(message):
        answer = answered(message)
        if isinstance(message, protocol.Sign) and not asked:
            with portal.client(Cookie=f"natsuin_session={cookie_of(alice)}") as tab:
                asked.append(tab.post(f"/api/documents/{document_id}/instruction", json={}))
                asked.append(tab.delete(f"/api/documents/{document_id}"))
        return answer

    monkeypatch.setattr(portal.sam.rig, "ask", second_tab)
    assert alice.post(path, approval_of(alice, made))["state"] == "signed"
    assert [(answer.status_code, answer.json()["code"]) for answer in asked] == [(409, "conflict")] * 2
    assert alice._http.post(f"/api/documents/{document_id}/instruction", json={}).status_code == 409
    assert made["instruction_id"] in alice.download(f"/api/documents/{document_id}/evidence").decode()
    assert portal.sam.count(protocol.Sign) == 1


def test_instruction_and_approval_at_the_same_time_leave_one_of_them(portal, alice):
    for turn in range(4):
        document_id = new_document(alice, f"race {turn}")
        made, path = instructed(alice, document_id)
        body = approval_of(alice, made)
        together = threading.Barrier(2)

        def send(where, what, together=together):
            together.wait()
            return alice._http.post(where, json=what)

        with ThreadPoolExecutor(2) as pool:
            approving = pool.submit(send, path, body)
            again = pool.submit(send, f"/api/documents/{document_id}/instruction", {}).result()
        approved = approving.result()
        assert sorted((approved.status_code, again.status_code)) == [200, 409]
        if again.status_code == 200:
            second = again.json()
            alice.post(f"/api/instructions/{second['instruction_id']}/approval", approval_of(alice, second))
        assert alice.get(f"/api/documents/{document_id}")["state"] == "signed"


def test_after_a_refused_approval_a_new_instruction_is_taken(portal, alice):
    document_id = new_document(alice, "refused, then again")
    made, path = instructed(alice, document_id)
    assert alice._http.post(path, json=approval_of(alice, made, pin="not my pin")).status_code == 403
    again, again_path = instructed(alice, document_id)
    assert alice.post(again_path, approval_of(alice, again))["state"] == "signed"


def test_an_approval_whose_outcome_is_unknown_keeps_others_out(portal, alice):
    document_id = new_document(alice, "unknown outcome")
    made, path = instructed(alice, document_id)
    body = approval_of(alice, made)
    portal.sam.after = raising(protocol.Sign, Indeterminate("lost"), times=3)
    assert alice._http.post(path, json=body).status_code == 504
    portal.sam.after = None
    assert alice._http.post(f"/api/documents/{document_id}/instruction", json={}).status_code == 409
    assert alice.post(path, body)["state"] == "signed"


def test_one_approval_is_of_no_use_for_another_document(portal, alice):
    one, other = new_document(alice, "one"), new_document(alice, "other")
    made_one, _ = instructed(alice, one)
    _, other_path = instructed(alice, other)
    answer = alice._http.post(other_path, json=approval_of(alice, made_one))
    assert answer.status_code == 403
    assert alice.get(f"/api/documents/{other}")["state"] == "waiting"


def test_what_a_crash_left_unfinished_is_finished_by_the_next_start(portal, alice):
    """The process dies between the signature's release and its embedding: housekeeping completes it, without
    anybody."""
    import asyncio

    from natsuin.web.settings import settings_of
    from natsuin.web.wiring import assemble
    from rigs.portal import InstantDocumentWork

    document_id = new_document(alice, "crash")
    made, path = instructed(alice, document_id)
    portal.sam.before = raising(protocol.TimeStamp, Unavailable("no time-stamp"), times=100)
    alice._http.post(path, json=approval_of(alice, made))
    portal.sam.before = None
    restarted = assemble(settings_of(portal.config), portal.database, portal.sam, work=InstantDocumentWork())
    assert asyncio.run(restarted.signing.finish_all()) == 1
    assert alice.get(f"/api/documents/{document_id}")["state"] == "signed"
    assert portal.sam.count(protocol.Sign) == 1


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="evil.html',
        "a\\b.pdf",
        "../../etc/passwd",
        "a\r\nSet-Cookie: x=1.pdf",
        "x\u202efdp.exe",
        "",
        "a" * 300,
    ],
)
def test_names_that_would_deceive_are_refused_or_quoted(alice, name):
    headers = {"content-type": "application/pdf", "x-document-name": quote(name)}
    answer = alice._http.post("/api/documents", content=PDF, headers=headers)
    if answer.status_code == 201:
        given = alice._http.get(f"/api/documents/{answer.json()['id']}/content").headers["content-disposition"]
        assert given.count('"') == 2
    else:
        assert answer.status_code == 400


def test_downloads_are_attachments_with_their_whole_name(alice):
    document_id = new_document(alice, "name", "請求書 №1.pdf")
    answer = alice._http.get(f"/api/documents/{document_id}/content")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    disposition = answer.headers["content-disposition"]
    assert disposition == f"attachment; filename=\"1.pdf\"; filename*=UTF-8''{quote('請求書 №1.pdf')}" or (
        disposition.startswith("attachment;") and quote("請求書 №1.pdf") in disposition
    )


def test_what_is_no_pdf_is_refused_in_words(alice):
    headers = {"content-type": "application/pdf", "x-document-name": "x.pdf"}
    answer = alice._http.post("/api/documents", content=b"PK\x03\x04", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "not_a_pdf")
    wrong = alice._http.post("/api/documents", content=PDF, headers={**headers, "content-type": "image/png"})
    assert wrong.status_code == 415


def test_an_application_signs_many_digests_by_one_approval(portal, alice):
    """The i-th signature belongs to the i-th digest; asking again changes nothing; another digest is refused."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    from natsuin import base64url

    key = alice.get("/api/keys")["keys"][0]
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(5)]
    wanted = [base64url.encode(digest) for digest in digests]
    made = alice.post("/api/instructions", {"key_id": key["key_id"], "scheme": "ecdsa-sha256", "digests": wanted})
    sad = alice.approve(made, f"/api/instructions/{made['instruction_id']}/activation")["sad"]
    swapped = alice._http.post("/api/signatures", json={"sad": sad, "digests": [base64url.encode(bytes(32))]})
    assert (swapped.status_code, swapped.json()["code"]) == (403, "not_approved")
    answer = alice.post("/api/signatures", {"sad": sad, "digests": wanted})
    information = portal.sam.rig.ask(protocol.ListKeys(user_id=alice.get("/api/me")["user_id"]))
    public_key = x509.load_der_x509_certificate(information.keys[0].certificate).public_key()
    for digest, signature in zip(digests, answer["signatures"], strict=True):
        public_key.verify(base64url.decode(signature), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    assert alice.post("/api/signatures", {"sad": sad, "digests": wanted}) == answer


def test_no_secret_that_opens_a_key_is_in_the_database(portal, alice):
    """P3: a stolen DB-1 holds neither a SAD nor a session that works."""
    from natsuin import base64url
    from rigs.portal import cookie_of

    key_id = alice.get("/api/keys")["keys"][0]["key_id"]
    made = alice.post(
        "/api/instructions", {"key_id": key_id, "scheme": "ecdsa-sha256", "digests": [base64url.encode(b"\x01" * 32)]}
    )
    sad = alice.approve(made, f"/api/instructions/{made['instruction_id']}/activation")["sad"]
    folder = portal.config.web.database.removeprefix("sqlite:///").rsplit("/", 1)[0]
    from pathlib import Path

    stolen = b"".join(file.read_bytes() for file in Path(folder).iterdir())
    for secret in (sad.encode(), base64url.decode(sad), cookie_of(alice).encode(), alice.pin.encode()):
        assert secret not in stolen
