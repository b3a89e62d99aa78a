"""Somebody tries to take a key over by the way that is there for those who lost every passkey (P1, P3)."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from natsuin import errors
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from rigs.key_copies import another_officer, put_back, save_database
from rigs.lost_passkeys import (
    THREE_DAYS,
    Town,
    approve,
    cancel,
    complete,
    completion,
    founded,
    proof,
    propose,
)
from rigs.officer_board import OfficerBoard
from rigs.web_side import PIN, Officer, Signer, assertion, digests

WRONG_PIN = "wrong horse 77"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with founded(tmp_path_factory.mktemp("sam")) as made:
        yield made


@pytest.fixture
def own_town(tmp_path: Path) -> Iterator[Town]:
    """For attacks that harm all of a sam."""
    with founded(tmp_path) as made:
        yield made


def untouched(town: Town, signer: Signer) -> None:
    """The person's own passkey and PIN still sign, and have every try."""
    (key,) = town.web.ask(p.ListKeys(user_id=signer.user_id)).keys
    assert (key.state, key.passkeys, key.pin_tries_left) == ("active", signer.key.passkeys, 10)
    wanted = digests(1)
    town.web.sign(town.web.approve(signer, wanted), wanted)


# --- Officers --------------------------------------------------------------------------------------------------------


def test_one_officer_twice_is_one_officer(town: Town) -> None:
    signer = town.person()
    first, second = town.officers
    act = propose(town.web, first, signer.user_id)
    # The second one cannot go first, nor the first one go on.
    with pytest.raises(errors.Forbidden):
        approve(town.web, act, second)
    approve(town.web, act, first)
    with pytest.raises(errors.Forbidden):
        approve(town.web, act, first)
    with pytest.raises(errors.Forbidden):
        town.web.ask(p.ReviewReplacement(act_id=act.act_id, officer_id=first.user_id))
    assert town.state(act.act_id).state == "proposed"
    assert approve(town.web, act, second).token


def test_only_officers_begin(town: Town) -> None:
    signer, stranger = town.person(), town.person(name="鈴木 一郎")
    for name in (stranger.user_id, signer.user_id, "", "nobody"):
        with pytest.raises(errors.Forbidden):
            propose(town.web, Officer(name, stranger.device), signer.user_id)
    act = propose(town.web, town.officers[0], signer.user_id)
    approve(town.web, act, town.officers[0])
    for device in (stranger.device, signer.device):
        with pytest.raises(errors.ApprovalRefused):
            approve(town.web, act, Officer(town.officers[1].user_id, device))
    assert town.state(act.act_id).state == "proposed"


def test_what_a_removed_officer_proposed_is_not_begun(own_town: Town) -> None:
    """The proposer was found out and removed before anybody else looked: one officer is left, and one is not two."""
    town, signer = own_town, own_town.person()
    (first, second), third = town.officers, another_officer(town.rig)
    act = propose(town.web, first, signer.user_id)
    approve(town.web, act, first)
    OfficerBoard(town.web).decide(second, third, act="remove-officer", user_id=first.user_id)
    with pytest.raises(errors.Forbidden, match="no longer"):
        approve(town.web, act, second)
    with pytest.raises(errors.Forbidden, match="no longer"):
        town.web.ask(p.ReviewReplacement(act_id=act.act_id, officer_id=second.user_id))
    assert town.state(act.act_id).state == "proposed"
    untouched(town, signer)
    # Nor does it stand in the way of one that two officers approve.
    cancel(town.web, act.act_id, third.device, officer_id=third.user_id)
    proposed = propose(town.web, second, signer.user_id)
    approve(town.web, proposed, second)
    assert approve(town.web, proposed, third).token


def test_an_officer_does_not_do_this_for_themselves(town: Town) -> None:
    with pytest.raises(errors.Forbidden):
        propose(town.web, town.officers[0], town.officers[0].user_id)


def test_an_approval_for_one_person_is_none_for_another(town: Town) -> None:
    alice, bob = town.person(), town.person(name="鈴木 一郎")
    first, second = town.officers
    for_alice, for_bob = (propose(town.web, first, one.user_id) for one in (alice, bob))
    approve(town.web, for_alice, first)
    given = assertion(second.device, for_alice.challenge)
    town.web.ask(p.ApproveReplacement(act_id=for_alice.act_id, assertion=given))
    approve(town.web, for_bob, first)
    with pytest.raises(errors.ApprovalRefused):
        town.web.ask(p.ApproveReplacement(act_id=for_bob.act_id, assertion=given))
    # Nor is it good a second time for the same.
    with pytest.raises(errors.Conflict):
        town.web.ask(p.ApproveReplacement(act_id=for_alice.act_id, assertion=given))


def test_five_refused_approvals_end_it(town: Town) -> None:
    signer, size = town.person(), town.rig.sam.log.size
    first, second = town.officers
    act = propose(town.web, first, signer.user_id)
    approve(town.web, act, first)
    for _ in range(5):
        with pytest.raises(errors.ApprovalRefused):
            approve(town.web, act, Officer(second.user_id, signer.device))
    with pytest.raises(errors.AlreadyUsed):
        approve(town.web, act, second)
    kinds = [entry["type"] for entry in town.told(size)]
    assert kinds.count("replacement-refused") == 5
    assert kinds[-1] == "replacement-cancelled"


def test_two_officers_with_a_passkey_of_theirs_open_no_key(town: Town) -> None:
    """They can have the key destroyed, as officers can anyway; they never sign with it."""
    signer = town.person()
    step = town.waited(signer)
    officers_device = town.officers[0].device
    for guess in ("", "12345678", "password-of-1", WRONG_PIN):
        wishes = {"proofs": [proof(signer.key.key_id, guess)]}
        with pytest.raises(errors.Refused):
            town.web.ask(completion(town.web, step.token, signer.user_id, wishes, device=officers_device))
    complete(town.web, step.token, signer, proofs=[], given_up=[signer.key.key_id], new_pin="battery staple 9")
    old = next(k for k in town.web.ask(p.ListKeys(user_id=signer.user_id)).keys if k.key_id == signer.key.key_id)
    assert old.state == "destroyed"


# --- The link and the secret -----------------------------------------------------------------------------------------


def test_a_wrong_pin_ends_it_after_five_tries_in_parallel(town: Town) -> None:
    signer = town.person()
    step = town.waited(signer)
    wishes = {"proofs": [proof(signer.key.key_id, WRONG_PIN)]}
    messages = [completion(town.web, step.token, signer.user_id, wishes) for _ in range(9)]
    wrong = []
    lock = threading.Lock()

    def guess(message: p.CompleteReplacement) -> None:
        try:
            town.web.ask(message)
        except errors.WrongSecret:
            with lock:
                wrong.append(1)
        except errors.Refused:
            pass

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(guess, messages))
    assert 1 <= len(wrong) <= 5
    with pytest.raises(errors.AlreadyUsed):
        complete(town.web, step.token, signer)
    (key,) = town.web.ask(p.ListKeys(user_id=signer.user_id)).keys
    assert key.pin_tries_left >= 5
    assert key.passkeys == signer.key.passkeys


def test_a_locked_pin_stays_locked(town: Town) -> None:
    signer = town.person()
    for _ in range(10):
        with pytest.raises(errors.WrongSecret):
            town.web.activate(signer, town.web.instruct(signer, digests(1)), pin=WRONG_PIN)
    step = town.waited(signer)
    with pytest.raises(errors.Locked):
        complete(town.web, step.token, signer)
    complete(
        town.web,
        step.token,
        signer,
        proofs=[proof(signer.key.key_id, signer.recovery_code, "recovery")],
        new_pin="battery staple 9",
    )


def test_the_link_is_not_guessed_nor_used_twice(town: Town) -> None:
    signer = town.person()
    step = town.waited(signer)
    for token in ("", "x" * 43, step.token[:-1], step.token.swapcase()):
        with pytest.raises(errors.NotFound):
            town.web.ask(p.OpenReplacement(token=token))
    complete(town.web, step.token, signer)
    with pytest.raises(errors.AlreadyUsed):
        town.web.ask(p.OpenReplacement(token=step.token))
    with pytest.raises(errors.AlreadyUsed):
        complete(town.web, step.token, signer)


def test_the_token_is_not_in_the_database(own_town: Town) -> None:
    step = own_town.begin(own_town.person())
    folder = database_of(own_town).parent
    for file in folder.glob("db2*"):
        assert step.token.encode() not in file.read_bytes()


def test_somebody_elses_passkey(town: Town) -> None:
    """One made for another link, a lost one, an officer's."""
    alice, bob = town.person(), town.person(name="鈴木 一郎")
    for_alice = town.waited(alice)
    for_bob = town.waited(bob)
    made_for_bob = completion(town.web, for_bob.token, bob.user_id, {"proofs": [proof(alice.key.key_id, PIN)]})
    with pytest.raises(errors.ApprovalRefused):
        town.web.ask(p.CompleteReplacement(**{**fields(made_for_bob), "token": for_alice.token}))
    honest = completion(town.web, for_alice.token, alice.user_id, {"proofs": [proof(alice.key.key_id, PIN)]})
    known = (alice.key.passkeys[0], credential_of(town.officers[0]))
    for credential_id in known:
        with pytest.raises(errors.ApprovalRefused):
            town.web.ask(replace_credential(honest, credential_id))
    untouched(town, alice)


def test_a_secret_sealed_for_another_link_opens_nothing(town: Town) -> None:
    alice, bob = town.person(), town.person(name="鈴木 一郎")
    for_alice, for_bob = town.waited(alice), town.waited(bob)
    caught = completion(town.web, for_alice.token, alice.user_id, {"proofs": [proof(alice.key.key_id, PIN)]})
    own = completion(town.web, for_bob.token, bob.user_id, {"proofs": [proof(bob.key.key_id, PIN)]})
    mixed = p.CompleteReplacement(**{**fields(own), "sealed_secrets": caught.sealed_secrets})
    with pytest.raises(errors.Malformed):
        town.web.ask(mixed)


# --- The waiting period ----------------------------------------------------------------------------------------------


def test_nothing_is_completed_before_its_end(town: Town) -> None:
    signer = town.person()
    step = town.begin(signer)
    assert town.web.ask(p.OpenReplacement(token=step.token)).challenge == b""
    for seconds in (1, THREE_DAYS - 10):
        town.host.pass_time(seconds)
        with pytest.raises(errors.Conflict):
            complete(town.web, step.token, signer)
    town.host.pass_time(11)
    complete(town.web, step.token, signer)


def test_it_runs_on_across_restarts_and_a_clock_set_back(own_town: Town) -> None:
    signer = own_town.person()
    step = own_town.begin(signer)
    restart(own_town)
    with pytest.raises(errors.Conflict):
        complete(own_town.web, step.token, signer)
    own_town.host.wall.advance(-30 * 24 * 3600)
    own_town.rig.sam.time_keeping.look()
    with pytest.raises(errors.Unavailable):
        complete(own_town.web, step.token, signer)
    restart(own_town)
    with pytest.raises(errors.Unavailable):
        complete(own_town.web, step.token, signer)
    # It can be cancelled even so.
    cancel(own_town.web, step.replacement.act_id, signer.device)


def test_a_clock_set_ahead_shortens_nothing(own_town: Town) -> None:
    signer = own_town.person()
    step = own_town.begin(signer)
    own_town.host.wall.advance(THREE_DAYS + 60)
    # Before anybody noticed, and after.
    with pytest.raises(errors.Unavailable):
        own_town.web.ask(completion(own_town.web, step.token, signer.user_id, {}, challenge=bytes(32)))
    own_town.rig.sam.time_keeping.look()
    with pytest.raises(errors.Conflict):
        complete(own_town.web, step.token, signer)
    own_town.host.pass_time(THREE_DAYS + 60)
    complete(own_town.web, step.token, signer)


@pytest.mark.parametrize(
    "change",
    ["ends_waiting_at = 1", "waiting = 1", "user_id = 'u'", "refusals = -99", "officers = 'a b'", "challenge = x'00'"],
)
def test_a_row_that_was_edited_is_not_used(own_town: Town, change: str) -> None:
    signer = own_town.person()
    step = own_town.begin(signer)
    with sqlite3.connect(database_of(own_town)) as connection:
        connection.execute(f"UPDATE passkey_replacement SET {change}")  # noqa: S608  # written above
    message = completion(own_town.web, step.token, signer.user_id, {}, challenge=bytes(32))
    with pytest.raises(errors.Tampered):
        own_town.web.ask(message)


def test_an_older_database_revives_neither_the_replacement_nor_the_lost_passkey(own_town: Town, tmp_path: Path) -> None:
    signer, other = own_town.person(), own_town.person(name="鈴木 一郎")
    cancelled, done = own_town.begin(other), own_town.begin(signer)
    own_town.rig.sam.close()
    older = tmp_path / "older"
    save_database(database_of(own_town), older)
    own_town.host.pass_time(THREE_DAYS + 1)
    own_town.rig.sam = open_sam(own_town.rig.config, clock=own_town.host.watched(), stop=own_town.rig.stopped.append)
    cancel(own_town.web, cancelled.replacement.act_id, other.device)
    complete(own_town.web, done.token, signer)
    own_town.rig.sam.close()
    put_back(database_of(own_town), older)
    own_town.rig.sam = open_sam(own_town.rig.config, clock=own_town.host.watched(), stop=own_town.rig.stopped.append)
    for step, one in ((cancelled, other), (done, signer)):
        with pytest.raises(errors.Refused):
            complete(own_town.web, step.token, one)
    with pytest.raises(errors.Refused):
        own_town.web.approve(signer, digests(1))


# --- Cancelling ------------------------------------------------------------------------------------------------------


def test_strangers_cancel_nothing(town: Town) -> None:
    signer, stranger = town.person(), town.person(name="鈴木 一郎")
    step = town.begin(signer)
    act_id = step.replacement.act_id
    offer = town.web.ask(p.OfferReplacementCancel(act_id=act_id))
    strangers = assertion(stranger.device, offer.challenge)
    # An approval of something else is no cancellation, though it is the right person's.
    instruction = town.web.instruct(signer, digests(1))
    approval = assertion(signer.device, instruction.challenge)
    for given in (strangers, replace_id(strangers, signer.key.passkeys[0]), approval):
        with pytest.raises(errors.ApprovalRefused):
            town.web.ask(p.CancelReplacement(act_id=act_id, assertion=given))
    assert town.state(act_id).state == "waiting"


def test_a_cancellation_is_good_for_one_replacement(town: Town) -> None:
    signer = town.person()
    first = town.begin(signer)
    offer = town.web.ask(p.OfferReplacementCancel(act_id=first.replacement.act_id))
    given = assertion(signer.device, offer.challenge)
    town.web.ask(p.CancelReplacement(act_id=first.replacement.act_id, assertion=given))
    second = town.begin(signer)
    with pytest.raises(errors.ApprovalRefused):
        town.web.ask(p.CancelReplacement(act_id=second.replacement.act_id, assertion=given))


# --- Tools -----------------------------------------------------------------------------------------------------------


def database_of(town: Town) -> Path:
    return Path(town.rig.config.sam.database.removeprefix("sqlite:///"))


def restart(town: Town) -> None:
    town.rig.sam.close()
    town.rig.sam = open_sam(town.rig.config, clock=town.host.watched(), stop=town.rig.stopped.append)


def fields(message: p.CompleteReplacement) -> dict[str, object]:
    return {name: getattr(message, name) for name in message.__struct_fields__}


def credential_of(officer: Officer) -> bytes:
    return assertion(officer.device, bytes(32)).credential_id


def replace_id(given: p.Assertion, credential_id: bytes) -> p.Assertion:
    return p.Assertion(
        **{**{name: getattr(given, name) for name in given.__struct_fields__}, "credential_id": credential_id}
    )


def replace_credential(message: p.CompleteReplacement, credential_id: bytes) -> p.CompleteReplacement:
    """The same registration under the name of a passkey that is on record."""
    given = message.attestation
    own = given.credential_id
    attestation = p.Attestation(
        credential_id=credential_id,
        client_data_json=given.client_data_json,
        attestation_object=given.attestation_object.replace(own, credential_id),
        transports=given.transports,
    )
    return p.CompleteReplacement(**{**fields(message), "attestation": attestation})
