"""The life of a key, over sam's socket: what owner and officer can do with it, and what is left of it afterwards."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from natsuin import errors
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.sam import protocol as p
from natsuin.storage import open_database
from rigs.invariants import check_invariants, entries_of
from rigs.sam_process import SamProcess
from rigs.web_side import Officer, Signer, WebSide, assertion, digests


def key_of(web: WebSide, signer: Signer) -> p.KeyInformation:
    keys = {key.key_id: key for key in web.ask(p.ListKeys(user_id=signer.user_id)).keys}
    return keys[signer.key.key_id]


def wait_until(true: Callable[[], bool]) -> None:
    """The key goes after the answer has left, so a moment may pass."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def status(web: WebSide, key: p.KeyInformation) -> ocsp.OCSPResponse:
    own, issuer = (x509.load_der_x509_certificate(der) for der in (key.certificate, key.chain[0]))
    request = ocsp.OCSPRequestBuilder().add_certificate(own, issuer, hashes.SHA256()).build()
    return ocsp.load_der_ocsp_response(web.ask(p.OCSP(request=request.public_bytes(Encoding.DER))).der)


def revoked_serials(web: WebSide) -> set[int]:
    crl = x509.load_der_x509_crl(web.ask(p.RevocationList(authority="issuing")).der)
    return {entry.serial_number for entry in crl}


def material(sam: SamProcess, key_id: str) -> tuple[bytes, int]:
    """What DB-2 still holds of a key: its blob, and how many ways to open it."""
    database = open_database(sam.config.sam.database, name="sam")
    with database.read() as connection:
        blob = connection.execute(sa.text("SELECT key_blob FROM signing_key WHERE key_id = :k"), {"k": key_id}).scalar()
        slots = connection.execute(sa.text("SELECT count(*) FROM key_slot WHERE key_id = :k"), {"k": key_id}).scalar()
    database.close()
    return bytes(blob or b""), int(slots or 0)


def test_a_suspended_key_signs_nothing_until_resumed(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    web = fresh_sam().web
    wanted = digests(3)
    sad = web.approve(alice, wanted)
    web.sign(sad, wanted[:1])
    assert web.act(alice, "suspend").key.state == "suspended"
    with pytest.raises(errors.Conflict, match="suspended"):
        web.sign(sad, wanted[1:2])
    with pytest.raises(errors.Conflict, match="suspended"):
        web.instruct(alice, digests(1))
    assert web.act(alice, "resume").key.state == "active"
    web.sign(sad, wanted[1:2])


def test_an_owner_cannot_resume_what_an_officer_suspended(
    fresh_sam: Callable[..., SamProcess], alice: Signer, officer: Officer
) -> None:
    web = fresh_sam().web
    done = web.act(alice, "suspend", officer=officer, note="書類を確認中")
    assert done.key.suspended_by == "officer"
    with pytest.raises(errors.Conflict, match="not suspended by its owner"):
        web.act(alice, "resume")
    assert web.act(alice, "resume", officer=officer).key.state == "active"


@pytest.mark.parametrize("by_officer", [True, False])
def test_revocation_ends_key_and_certificate(
    fresh_sam: Callable[..., SamProcess], alice: Signer, officer: Officer, by_officer: bool
) -> None:
    sam = fresh_sam()
    web = sam.web
    wanted = digests(1)
    sad = web.approve(alice, wanted)
    assert status(web, alice.key).certificate_status is ocsp.OCSPCertStatus.GOOD
    done = web.act(alice, "revoke", officer=officer if by_officer else None, reason="keyCompromise")
    assert done.key.state == "revoked"
    answer = status(web, alice.key)
    assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert answer.revocation_reason is x509.ReasonFlags.key_compromise
    assert x509.load_der_x509_certificate(alice.key.certificate).serial_number in revoked_serials(web)
    assert material(sam, alice.key.key_id) == (b"", 0)
    for act in (lambda: web.sign(sad, wanted), lambda: web.instruct(alice, wanted), lambda: web.act(alice, "resume")):
        with pytest.raises(errors.Conflict, match="revoked"):
            act()
    entries = entries_of(sam.config.sam.log_folder)
    told = [entry for entry in entries if entry["type"] == "key-revoked"]
    assert [(entry["key"], entry["by"], entry["revocation"]) for entry in told] == [
        (alice.key.key_id, "officer" if by_officer else "owner", "keyCompromise")
    ]


def test_the_owner_destroys_a_key_without_anybody(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam()
    blob, slots = material(sam, alice.key.key_id)
    assert len(blob) > 100
    assert slots == 2
    web = sam.web
    assert web.act(alice, "destroy").key.state == "destroyed"
    assert material(sam, alice.key.key_id) == (b"", 0)
    assert status(web, alice.key).certificate_status is ocsp.OCSPCertStatus.REVOKED
    sam.stop()
    files = [file for file in Path(sam.folder).rglob("*") if file.is_file()]
    assert not [file for file in files if blob in file.read_bytes()]


def test_a_renewed_key_takes_the_place_of_the_old(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam()
    web = sam.web
    wanted = digests(1)
    before = web.sign(web.approve(alice, wanted), wanted)
    new = web.renew(alice)
    assert new.key.key_id != alice.key.key_id
    assert new.key.predecessor == alice.key.key_id
    assert key_of(web, alice).state == "destroyed"
    with pytest.raises(errors.Conflict, match="destroyed"):
        web.instruct(alice, digests(1))
    fresh = digests(1)
    after = web.sign(web.approve(new, fresh), fresh)
    # A certificate that was replaced stays good: what was signed with it shall stay valid.
    assert status(web, alice.key).certificate_status is ocsp.OCSPCertStatus.GOOD
    check_invariants(sam.config.sam.log_folder, web.info.log_vkey, [before, after])
    subjects = [x509.load_der_x509_certificate(key.certificate).subject for key in (alice.key, new.key)]
    assert subjects[0] == subjects[1]


def test_renewal_to_another_algorithm(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    web = fresh_sam().web
    new = web.renew(alice, algorithm="p-384")
    wanted = (b"\1" * 48,)
    signed = web.sign(web.approve(new, wanted, scheme="ecdsa-sha384"), wanted)
    public_key = x509.load_der_x509_certificate(new.key.certificate).public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    assert public_key.curve.name == "secp384r1"
    public_key.verify(signed.signatures[0], wanted[0], ec.ECDSA(Prehashed(hashes.SHA384())))
    with pytest.raises(InvalidSignature):
        public_key.verify(signed.signatures[0], b"\2" * 48, ec.ECDSA(Prehashed(hashes.SHA384())))


def test_renewal_needs_the_pin_and_an_approval_is_one_try(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    web = fresh_sam().web
    act = web.propose_act(alice, "renew")
    secrets = {"pin": "wrong horse 7", "recovery_code": new_recovery_code()}
    with pytest.raises(errors.WrongSecret, match="9 tries"):
        web.approve_act(act, alice.device, **secrets)
    with pytest.raises(errors.NotFound):
        web.approve_act(act, alice.device, **(secrets | {"pin": alice.pin}))
    assert key_of(web, alice).state == "active"
    assert key_of(web, alice).pin_tries_left == 9


def test_a_one_time_key_is_gone_after_its_instruction(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam()
    web = sam.web
    made = web.act(alice, "one-time", secrets={"pin": alice.pin}).made
    assert made is not None
    assert made.one_time
    certificate = x509.load_der_x509_certificate(made.certificate)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds() <= 3600
    once = Signer(alice.user_id, made, alice.device, alice.pin)
    wanted = digests(2)
    sad = web.approve(once, wanted)
    with pytest.raises(errors.Conflict, match="one instruction"):
        web.approve(once, digests(1))
    received = [web.sign(sad, wanted[:1])]
    assert key_of(web, once).state == "active"
    received.append(web.sign(sad, wanted[1:]))
    assert received[1] == web.sign(sad, wanted[1:])
    wait_until(lambda: key_of(web, once).state == "destroyed")
    assert material(sam, made.key_id) == (b"", 0)
    assert key_of(web, alice).state == "active"
    check_invariants(sam.config.sam.log_folder, web.info.log_vkey, received)


def test_one_of_many_moves_at_once_wins(fresh_sam: Callable[..., SamProcess], alice: Signer, officer: Officer) -> None:
    sam = fresh_sam()
    web = sam.web
    acts = [web.propose_act(alice, "revoke", officer=officer, reason="unspecified") for _ in range(8)]
    messages = [p.ApproveKeyAct(act_id=act.act_id, assertion=assertion(officer.device, act.challenge)) for act in acts]
    told: list[str] = []

    def attempt(message: p.ApproveKeyAct) -> None:
        try:
            told.append(sam.ask(message).key.state)
        except errors.NatsuinError as error:
            told.append(error.code)

    threads = [threading.Thread(target=attempt, args=(message,)) for message in messages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count("revoked") == 1, told
    assert set(told) <= {"revoked", "illegal_move", "conflict", "approval_refused"}
    entries = entries_of(sam.config.sam.log_folder)
    assert len([entry for entry in entries if entry["type"] == "key-revoked"]) == 1


def test_officers_see_everybodys_keys_page_by_page(web: WebSide, alice: Signer, bob: Signer) -> None:
    first = web.ask(p.ListAllKeys(limit=1)).keys
    rest = web.ask(p.ListAllKeys(after=first[0].key_id)).keys
    assert {key.key_id for key in (*first, *rest)} == {alice.key.key_id, bob.key.key_id}
    with pytest.raises(errors.Malformed):
        web.ask(p.ListAllKeys(limit=100_000))
