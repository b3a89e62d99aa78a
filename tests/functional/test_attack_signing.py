"""With all the rights of web, at its socket: no signature that the signer did not approve, and none twice (P1, P5)."""

import json
import threading
from collections import Counter
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from natsuin import errors
from natsuin.sam import protocol as p
from rigs.web_side import ORIGIN, Signer, WebSide, assertion, digests


def verifies(signer: Signer, digest: bytes, signature: bytes) -> bool:
    key = x509.load_der_x509_certificate(signer.key.certificate).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    except Exception:
        return False
    return True


def test_the_approved_digests_are_signed_in_their_order(web: WebSide, alice: Signer) -> None:
    wanted = digests(5)
    sad = web.approve(alice, wanted)
    signed = web.sign(sad, wanted[:2]).signatures + web.sign(sad, wanted[2:]).signatures
    assert [verifies(alice, d, s) for d, s in zip(wanted, signed, strict=True)] == [True] * 5


def test_a_digest_that_was_not_approved_is_not_signed(web: WebSide, alice: Signer) -> None:
    sad = web.approve(alice, digests(1))
    with pytest.raises(errors.Refused) as refused:
        web.sign(sad, digests(1))
    assert refused.value.told == "not_approved"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: (d[1], d[0], d[2]),
        lambda d: (d[0], d[0], d[1]),
        lambda d: (*d, d[0]),
        lambda d: (d[1], d[2]),
        lambda d: (d[0], bytes(32), d[2]),
        lambda d: (d[0], d[1][:31], d[2]),
        lambda d: (d[0] + d[1], d[2]),
        lambda d: (),
    ],
    ids=["swapped", "repeated", "added", "skipped", "replaced", "shortened", "joined", "none"],
)
def test_the_approved_list_cannot_be_changed(web: WebSide, alice: Signer, change: Any) -> None:
    approved = digests(3)
    sad = web.approve(alice, approved)
    with pytest.raises(errors.Refused):
        web.sign(sad, change(approved))
    assert len(web.sign(sad, approved).signatures) == 3, "the refusal must cost the signer nothing"


def test_an_approval_of_one_person_signs_with_no_key_of_another(web: WebSide, alice: Signer, bob: Signer) -> None:
    instruction = web.instruct(alice, digests(1))
    with pytest.raises(errors.ApprovalRefused):
        web.activate(alice, instruction, by=bob.device)
    with pytest.raises(errors.NotFound):
        web.ask(p.Instruct(key_id=alice.key.key_id, user_id=bob.user_id, scheme="ecdsa-sha256", digests=digests(1)))


def test_a_passkey_that_web_chose_approves_nothing(web: WebSide, alice: Signer) -> None:
    own = web.device()
    own.create({"rp": {"id": "localhost"}, "user": {"id": "eA"}, "challenge": "eA"})
    instruction = web.instruct(alice, digests(1))
    with pytest.raises(errors.ApprovalRefused):
        web.activate(alice, instruction, by=own)
    forged = assertion(own, instruction.challenge)
    named = p.Assertion(
        credential_id=alice.key.passkeys[0],
        client_data_json=forged.client_data_json,
        authenticator_data=forged.authenticator_data,
        signature=forged.signature,
    )
    sealed = web.seal(p.HPKE_INFO_APPROVE, instruction.challenge, pin=alice.pin)
    with pytest.raises(errors.ApprovalRefused):
        web.ask(p.Activate(instruction_id=instruction.instruction_id, assertion=named, sealed_pin=sealed))


def test_an_assertion_counts_once_and_for_one_record(web: WebSide, alice: Signer) -> None:
    first, second = web.instruct(alice, digests(1)), web.instruct(alice, digests(1))
    approval = assertion(alice.device, first.challenge)

    def activate(instruction: p.Instruction) -> Any:
        sealed = web.seal(p.HPKE_INFO_APPROVE, instruction.challenge, pin=alice.pin)
        return web.ask(p.Activate(instruction_id=instruction.instruction_id, assertion=approval, sealed_pin=sealed))

    activate(first)
    with pytest.raises(errors.ApprovalRefused):
        activate(second)
    with pytest.raises(errors.AlreadyUsed):
        activate(first)


def test_an_approval_without_user_verification_or_from_elsewhere_is_none(web: WebSide, alice: Signer) -> None:
    instruction = web.instruct(alice, digests(1))
    alice.device.user_verified = False
    try:
        with pytest.raises(errors.ApprovalRefused):
            web.activate(alice, instruction)
    finally:
        alice.device.user_verified = True
    alice.device.origin = "https://phisher.example"
    try:
        with pytest.raises(errors.ApprovalRefused):
            web.activate(alice, instruction)
    finally:
        alice.device.origin = ORIGIN


def test_an_approval_given_in_a_frame_of_another_site_is_none(web: WebSide, alice: Signer) -> None:
    """What surrounds the frame can cover what is approved."""
    wanted = digests(1)
    instruction = web.instruct(alice, wanted)
    alice.device.cross_origin = True
    try:
        with pytest.raises(errors.ApprovalRefused):
            web.activate(alice, instruction)
    finally:
        alice.device.cross_origin = False
    assert len(web.sign(web.activate(alice, instruction).sad, wanted).signatures) == 1


def test_an_approval_that_names_another_account_is_none(web: WebSide, alice: Signer, bob: Signer) -> None:
    instruction = web.instruct(alice, digests(1))
    given = assertion(alice.device, instruction.challenge)
    named = msgspec.structs.replace(given, user_handle=bob.user_id.encode())
    sealed = web.seal(p.HPKE_INFO_APPROVE, instruction.challenge, pin=alice.pin)
    with pytest.raises(errors.ApprovalRefused):
        web.ask(p.Activate(instruction_id=instruction.instruction_id, assertion=named, sealed_pin=sealed))
    web.ask(p.Activate(instruction_id=instruction.instruction_id, assertion=given, sealed_pin=sealed))


@pytest.mark.parametrize("name", ["契約書\u3000最終.pdf", "𠮷田様.pdf", "葛\U000e0100城.pdf", "見積✅.pdf"])
def test_a_document_with_a_japanese_name_is_signed_under_this_name(web: WebSide, alice: Signer, name: str) -> None:
    wanted = digests(1)
    label = p.DocumentLabel(name=name, size=1, sha256=bytes(32))
    instruction = web.instruct(alice, wanted, documents=(label,))
    assert json.loads(instruction.record)["documents"][0]["name"] == name
    assert len(web.sign(web.activate(alice, instruction).sad, wanted).signatures) == 1


def test_a_sealed_pin_opens_for_its_own_challenge_only(web: WebSide, alice: Signer) -> None:
    first, second = web.instruct(alice, digests(1)), web.instruct(alice, digests(1))
    sealed = web.seal(p.HPKE_INFO_APPROVE, first.challenge, pin=alice.pin)
    with pytest.raises(errors.Malformed):
        web.ask(
            p.Activate(
                instruction_id=second.instruction_id,
                assertion=assertion(alice.device, second.challenge),
                sealed_pin=sealed,
            )
        )


def test_fifty_threads_with_one_sad_get_one_signature(web: WebSide, alice: Signer) -> None:
    wanted = digests(1)
    sad = web.approve(alice, wanted)
    results: list[Any] = []
    start = threading.Barrier(50)

    def use() -> None:
        start.wait()
        try:
            results.append(web.sign(sad, wanted).signatures)
        except errors.NatsuinError as error:
            results.append(type(error))

    threads = [threading.Thread(target=use) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kinds = Counter(str(type(result)) for result in results)
    signatures = {result for result in results if isinstance(result, tuple)}
    assert len(results) == 50
    assert len(signatures) == 1, kinds
    assert {result for result in results if isinstance(result, type)} <= {errors.Busy}
    assert web.sign(sad, wanted).signatures in signatures


def test_asking_again_gives_the_recorded_answer(web: WebSide, alice: Signer) -> None:
    wanted = digests(2)
    sad = web.approve(alice, wanted)
    first = web.sign(sad, wanted)
    assert web.sign(sad, wanted) == first
    with pytest.raises(errors.AlreadyUsed):
        web.sign(sad, wanted[:1])


def test_a_cancelled_instruction_signs_nothing_more(web: WebSide, alice: Signer) -> None:
    wanted = digests(2)
    instruction = web.instruct(alice, wanted)
    sad = web.activate(alice, instruction).sad
    first = web.sign(sad, wanted[:1])
    stopped = web.ask(p.Cancel(instruction_id=instruction.instruction_id, user_id=alice.user_id))
    assert stopped.unused == 1
    with pytest.raises(errors.Conflict):
        web.sign(sad, wanted[1:])
    assert web.sign(sad, wanted[:1]) == first, "what was released may be asked for again"


def test_only_the_owner_cancels(web: WebSide, alice: Signer, bob: Signer) -> None:
    instruction = web.instruct(alice, digests(1))
    with pytest.raises(errors.NotFound):
        web.ask(p.Cancel(instruction_id=instruction.instruction_id, user_id=bob.user_id))


def test_an_approval_ends_with_its_time(web: WebSide, alice: Signer) -> None:
    import time

    wanted = digests(1)
    late = web.instruct(alice, wanted, life_seconds=1)
    sad = web.approve(alice, wanted, life_seconds=2)
    time.sleep(2.1)
    with pytest.raises(errors.Expired):
        web.sign(sad, wanted)
    with pytest.raises(errors.Expired):
        web.activate(alice, late)
    with pytest.raises(errors.Malformed):
        web.instruct(alice, wanted, life_seconds=3601)


def test_a_sad_is_not_guessed(web: WebSide, alice: Signer) -> None:
    wanted = digests(1)
    sad = web.approve(alice, wanted)
    for guess in (bytes(32), b"", sad[:31], sad[:-1] + bytes([sad[-1] ^ 1])):
        with pytest.raises(errors.NotFound):
            web.sign(guess, wanted)


def test_evidence_is_for_the_owner_alone(web: WebSide, alice: Signer, bob: Signer) -> None:
    instruction = web.instruct(alice, digests(1))
    with pytest.raises(errors.NotFound):
        web.ask(p.Evidence(instruction_id=instruction.instruction_id, user_id=bob.user_id))


def test_hostile_instructions_are_refused(web: WebSide, alice: Signer) -> None:
    def instruct(**wishes: Any) -> None:
        fields = {"key_id": alice.key.key_id, "user_id": alice.user_id, "scheme": "ecdsa-sha256", "digests": digests(1)}
        web.ask(p.Instruct(**{**fields, **wishes}))

    label = p.DocumentLabel(name="a.pdf", size=1, sha256=bytes(32))
    for wishes in (
        {"scheme": "rsa-pkcs1-sha256"},
        {"scheme": "ecdsa-sha1"},
        {"digests": ()},
        {"digests": (b"short",)},
        {"digests": digests(1001)},
        {"documents": (label, label)},
        {"documents": (p.DocumentLabel(name="a\u202efdp.exe", size=1, sha256=bytes(32)),)},
        {"documents": (p.DocumentLabel(name="a.pdf", size=-1, sha256=bytes(32)),)},
        {"documents": (p.DocumentLabel(name="a.pdf", size=1, sha256=b""),)},
        {"purpose": "x" * 500},
        {"client": "a\nb"},
    ):
        with pytest.raises(errors.Refused):
            instruct(**wishes)
