"""The PIN cannot be guessed: ten tries, counted durably before each check, whatever is stopped or asked in parallel
(P3)."""

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from natsuin import errors
from natsuin.key_management import MAX_TRIES
from natsuin.sam import protocol as p
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.web_side import Signer, WebSide, assertion, digests


def tries_left(web: WebSide, signer: Signer) -> int:
    return web.ask(p.ListKeys(user_id=signer.user_id)).keys[0].pin_tries_left


def guess(web: WebSide, signer: Signer, pin: str) -> Any:
    return web.activate(signer, web.instruct(signer, digests(1)), pin=pin)


def test_ten_tries_across_restarts(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam()
    for number in range(MAX_TRIES):
        if number in (3, 6):
            sam.kill()
            sam.start()
        with pytest.raises(errors.WrongSecret) as wrong:
            guess(sam.web, alice, f"wrong {number}")
        assert str(MAX_TRIES - 1 - number) in wrong.value.message
    for pin in ("wrong again", alice.pin):
        with pytest.raises(errors.Locked):
            guess(sam.web, alice, pin)
    sam.kill()
    sam.start()
    with pytest.raises(errors.Locked):
        guess(sam.web, alice, alice.pin)


def test_a_good_pin_clears_the_count(web: WebSide, alice: Signer) -> None:
    for _ in range(3):
        with pytest.raises(errors.WrongSecret):
            guess(web, alice, "wrong")
    assert tries_left(web, alice) == MAX_TRIES - 3
    guess(web, alice, alice.pin)
    assert tries_left(web, alice) == MAX_TRIES


def test_stopping_sam_between_count_and_check_gains_no_try(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam(NATSUIN_FAULT_AT="secret.after_count")
    with pytest.raises(ConnectionLost):
        guess(sam.web, alice, "wrong")
    sam.wait_for_death()
    sam.start()
    assert tries_left(sam.web, alice) == MAX_TRIES - 1


def test_parallel_tries_are_all_counted(fresh_sam: Callable[..., SamProcess], bob: Signer) -> None:
    sam = fresh_sam()
    web = sam.web
    prepared = []
    for number in range(30):
        instruction = web.instruct(bob, digests(1))
        sealed = web.seal(p.HPKE_INFO_APPROVE, instruction.challenge, pin=f"wrong {number}")
        prepared.append(
            p.Activate(
                instruction_id=instruction.instruction_id,
                assertion=assertion(bob.device, instruction.challenge),
                sealed_pin=sealed,
            )
        )
    told: list[type[Exception]] = []

    def attempt(message: p.Activate) -> None:
        try:
            sam.ask(message)
        except errors.NatsuinError as error:
            told.append(type(error))

    threads = [threading.Thread(target=attempt, args=(message,)) for message in prepared]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count(errors.WrongSecret) <= MAX_TRIES
    assert len(told) == 30
    left = tries_left(web, bob)
    assert left == MAX_TRIES - told.count(errors.WrongSecret)


def test_without_the_passkey_no_try_is_spent(web: WebSide, alice: Signer, bob: Signer) -> None:
    before = tries_left(web, alice)
    with pytest.raises(errors.ApprovalRefused):
        web.activate(alice, web.instruct(alice, digests(1)), pin="wrong", by=bob.device)
    assert tries_left(web, alice) == before


def reset(web: WebSide, signer: Signer, *, code: str, new_pin: str, new_code: str) -> Any:
    act = web.ask(p.ProposePINReset(key_id=signer.key.key_id, user_id=signer.user_id))
    sealed = web.seal(
        p.HPKE_INFO_PIN_RESET, act.challenge, recovery_code=code, new_pin=new_pin, new_recovery_code=new_code
    )
    return web.ask(
        p.ApprovePINReset(act_id=act.act_id, assertion=assertion(signer.device, act.challenge), sealed_secrets=sealed)
    )


def test_the_recovery_code_opens_a_locked_key_with_a_new_pin(
    fresh_sam: Callable[..., SamProcess], alice: Signer
) -> None:
    web = fresh_sam().web
    for number in range(MAX_TRIES):
        with pytest.raises(errors.WrongSecret):
            guess(web, alice, f"wrong {number}")
    new_code = "Z" * 26
    with pytest.raises(errors.WrongSecret):
        reset(web, alice, code="0" * 26, new_pin="another 42", new_code=new_code)
    answer = reset(web, alice, code=alice.recovery_code.lower(), new_pin="another 42", new_code=new_code)
    assert answer.key.pin_tries_left == MAX_TRIES
    with pytest.raises(errors.WrongSecret):
        guess(web, alice, alice.pin)
    guess(web, alice, "another 42")
    with pytest.raises(errors.WrongSecret):
        reset(web, alice, code=alice.recovery_code, new_pin="another 43", new_code=new_code)


def test_a_reset_needs_the_keys_own_passkey(web: WebSide, alice: Signer, bob: Signer) -> None:
    thief = Signer(alice.user_id, alice.key, bob.device, alice.pin, alice.recovery_code)
    with pytest.raises(errors.ApprovalRefused):
        reset(web, thief, code=alice.recovery_code, new_pin="another 42", new_code="Z" * 26)
    with pytest.raises(errors.NotFound):
        web.ask(p.ProposePINReset(key_id=alice.key.key_id, user_id=bob.user_id))


def test_one_approval_is_one_try(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    """Whoever has recorded an approval cannot try PINs with it, nor close the key with it."""
    web = fresh_sam().web
    instruction = web.instruct(alice, digests(1))
    approval = assertion(alice.device, instruction.challenge)

    def attempt(pin: str) -> Any:
        sealed = web.seal(p.HPKE_INFO_APPROVE, instruction.challenge, pin=pin)
        return web.ask(p.Activate(instruction_id=instruction.instruction_id, assertion=approval, sealed_pin=sealed))

    with pytest.raises(errors.WrongSecret):
        attempt("wrong")
    for pin in ("wrong again", alice.pin):
        with pytest.raises(errors.ApprovalRefused):
            attempt(pin)
    approval = msgspec.structs.replace(approval, user_handle=None)
    with pytest.raises(errors.ApprovalRefused):
        attempt("in another spelling")
    assert tries_left(web, alice) == MAX_TRIES - 1


def test_refused_approvals_end_the_instruction_and_the_log_stops_growing(
    fresh_sam: Callable[..., SamProcess], alice: Signer
) -> None:
    web = fresh_sam().web
    instruction = web.instruct(alice, digests(1))
    before = web.ask(p.Health()).log_size
    told = []
    for _ in range(20):
        with pytest.raises(errors.Refused) as refused:
            web.activate(alice, instruction, by=web_device(web))
        told.append(type(refused.value))
    assert told == [errors.ApprovalRefused] * 5 + [errors.Conflict] * 15
    assert web.ask(p.Health()).log_size == before + 5


def web_device(web: WebSide) -> Any:
    device = web.device()
    device.create({"rp": {"id": "localhost"}, "user": {"id": "eA"}, "challenge": "eA"})
    return device
