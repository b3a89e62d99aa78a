"""Another PIN, a passkey more, a passkey less: only by the owner, and the key stays what it was."""

import hashlib
from collections.abc import Callable

import msgspec
import pytest

from natsuin import base64url, errors
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.sam import protocol as p
from rigs.sam_process import SamProcess
from rigs.secret_changes import add_passkey, change, reset_pin, sign
from rigs.web_side import Signer, WebSide, attestation, digests

NEW_PIN = "battery staple 9"


def keys_of(web: WebSide, signer: Signer) -> tuple[p.KeyInformation, ...]:
    return web.ask(p.ListKeys(user_id=signer.user_id)).keys


def test_a_new_pin_by_the_old_one(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    web = fresh_sam().web
    change(web, alice, "change-pin", alice.device, secrets={"pin": alice.pin, "new_pin": NEW_PIN})
    with pytest.raises(errors.WrongSecret):
        web.activate(alice, web.instruct(alice, digests(1)))
    changed = Signer(alice.user_id, alice.key, alice.device, NEW_PIN, alice.recovery_code)
    sign(web, changed, alice.device)


def test_a_wrong_pin_changes_nothing_and_is_counted(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    web = fresh_sam().web
    with pytest.raises(errors.WrongSecret, match="9 tries"):
        change(web, alice, "change-pin", alice.device, secrets={"pin": "wrong horse 7", "new_pin": NEW_PIN})
    with pytest.raises(errors.Refused, match="6 to 64"):
        change(web, alice, "change-pin", alice.device, secrets={"pin": alice.pin, "new_pin": "12345"})
    sign(web, alice, alice.device)


def test_two_passkeys_and_one_less(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam()
    web = sam.web
    second, code = add_passkey(web, alice)
    sign(web, alice, second)
    sign(web, alice, alice.device)
    sam.stop()
    sam.start()
    web = sam.web
    old = alice.key.passkeys[0]
    secrets = {"pin": alice.pin, "recovery_code": new_recovery_code()}
    with pytest.raises(errors.ApprovalRefused, match="remove itself"):
        change(web, alice, "remove-passkey", alice.device, credential_id=old, secrets=secrets)
    wanted = digests(1)
    pending = web.activate(alice, web.instruct(alice, wanted), by=alice.device).sad
    code = new_recovery_code()
    secrets = {"pin": alice.pin, "recovery_code": code}
    assert len(change(web, alice, "remove-passkey", second, credential_id=old, secrets=secrets).key.passkeys) == 1
    with pytest.raises(errors.Conflict, match="cancelled"):
        web.sign(pending, wanted)
    with pytest.raises(errors.ApprovalRefused):
        sign(web, alice, alice.device)
    sign(web, alice, second)
    with pytest.raises(errors.Conflict, match="needs a passkey"):
        web.propose_act(alice, "remove-passkey", credential_id=keys_of(web, alice)[0].passkeys[0])
    reset_pin(web, alice, code=code, new_pin=NEW_PIN, new_code=new_recovery_code(), by=second)
    sign(web, Signer(alice.user_id, alice.key, second, NEW_PIN), second)


def test_evidence_keeps_the_passkey_that_was_removed(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    web = fresh_sam().web
    wanted = digests(1)
    instruction = web.instruct(alice, wanted)
    web.sign(web.activate(alice, instruction).sad, wanted)
    second, _ = add_passkey(web, alice)
    secrets = {"pin": alice.pin, "recovery_code": new_recovery_code()}
    ask = p.Evidence(instruction_id=instruction.instruction_id, user_id=alice.user_id)
    before = msgspec.json.decode(web.ask(ask).document)["passkey"]
    change(web, alice, "remove-passkey", second, credential_id=alice.key.passkeys[0], secrets=secrets)
    assert msgspec.json.decode(web.ask(ask).document)["passkey"] == before


def test_web_cannot_put_its_own_passkey_in(fresh_sam: Callable[..., SamProcess], alice: Signer, bob: Signer) -> None:
    """A record names the passkey that is added, so the owner's approval of one adds no other."""
    web = fresh_sam().web
    offer = web.ask(p.OfferPasskey(key_id=alice.key.key_id, user_id=alice.user_id))
    thief = web.device()
    made = attestation(thief, offer.challenge, alice.user_id)
    secrets = {"pin": alice.pin, "recovery_code": new_recovery_code()}
    wish = {"offer_id": offer.offer_id, "attestation": made, "secrets": secrets}
    for by in (thief, bob.device):
        with pytest.raises(errors.ApprovalRefused):
            change(web, alice, "add-passkey", by, **wish)
    act = web.propose_act(alice, "add-passkey", offer_id=offer.offer_id, attestation=made)
    record = msgspec.json.decode(act.record)
    assert record["passkey"] == base64url.encode(made.credential_id)
    assert hashlib.sha256(b"natsuin/approval/v1\0" + act.record).digest() == act.challenge
    # An offer for one key serves no other, and an attestation for another challenge is none.
    with pytest.raises(errors.NotFound):
        web.propose_act(bob, "add-passkey", offer_id=offer.offer_id, attestation=made)
    with pytest.raises(errors.ApprovalRefused):
        web.propose_act(
            alice, "add-passkey", offer_id=offer.offer_id, attestation=attestation(thief, b"\1" * 32, alice.user_id)
        )
    with pytest.raises(errors.WrongSecret):
        change(web, alice, "add-passkey", alice.device, **(wish | {"secrets": secrets | {"pin": "wrong horse 7"}}))
    assert keys_of(web, alice)[0].passkeys == alice.key.passkeys
