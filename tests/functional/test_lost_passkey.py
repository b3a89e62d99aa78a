"""A person who lost every passkey gets a new one: two officers, the waiting period, the person's own secret."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from natsuin import errors
from natsuin.algorithm_settings import AlgorithmsSection
from natsuin.algorithms import KeyAlgorithm
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.config import Config, ConfigurationRefused
from natsuin.sam import protocol as p
from natsuin.sam.lost_passkeys import waiting_of
from natsuin.sam.process import open_sam
from rigs.key_copies import archive_key, lose_key, propose_restore
from rigs.lost_passkeys import (
    THREE_DAYS,
    Town,
    approve,
    begin,
    cancel,
    complete,
    completion,
    founded,
    further_key,
    proof,
    propose,
)
from rigs.web_side import ORIGIN, PIN, Signer, digests

NEW_PIN = "battery staple 9"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with founded(tmp_path_factory.mktemp("sam")) as made:
        yield made


@pytest.fixture
def own_town(tmp_path: Path) -> Iterator[Town]:
    """For what changes all of a sam."""
    with founded(tmp_path) as made:
        yield made


def keys_of(town: Town, signer: Signer) -> dict[str, p.KeyInformation]:
    return {key.key_id: key for key in town.web.ask(p.ListKeys(user_id=signer.user_id)).keys}


def signs(town: Town, signer: Signer) -> None:
    wanted = digests(1)
    town.web.sign(town.web.approve(signer, wanted), wanted)


def test_the_pin_carries_the_key_to_a_new_passkey(town: Town) -> None:
    signer = town.person()
    size = town.rig.sam.log.size
    step = town.waited(signer)
    again = complete(town.web, step.token, signer)
    assert (again.key.key_id, again.key.state) == (signer.key.key_id, "active")
    signs(town, again)
    with pytest.raises(errors.ApprovalRefused):
        signs(town, signer)
    kinds = [entry["type"] for entry in town.told(size)]
    assert [kind for kind in kinds if kind.startswith(("replacement-", "passkeys-"))] == [
        "replacement-proposed",
        "replacement-begun",
        "replacement-completed",
        "passkeys-replaced",
    ]
    assert town.state(step.replacement.act_id).state == "completed"


def test_the_recovery_code_sets_a_new_pin(town: Town) -> None:
    signer = town.person()
    step = town.waited(signer)
    proofs = [proof(signer.key.key_id, signer.recovery_code, "recovery")]
    again = complete(town.web, step.token, signer, proofs=proofs, new_pin=NEW_PIN)
    signs(town, again)
    with pytest.raises(errors.WrongSecret):
        town.web.activate(again, town.web.instruct(again, digests(1)), pin=PIN)


def test_without_a_secret_the_key_is_lost_and_another_one_made(town: Town) -> None:
    signer = town.person()
    step = town.waited(signer)
    again = complete(town.web, step.token, signer, proofs=[], given_up=[signer.key.key_id], new_pin=NEW_PIN)
    keys = keys_of(town, signer)
    assert keys[signer.key.key_id].state == "destroyed"
    assert again.key.key_id != signer.key.key_id
    assert (again.key.user_id, again.key.state, again.key.predecessor) == (signer.user_id, "active", "")
    signs(town, again)
    lost = [entry for entry in town.told() if entry["type"] == "key-destroyed" and entry["key"] == signer.key.key_id]
    assert [(entry["by"], entry["reason"], entry["revocation"]) for entry in lost] == [
        ("service", "secret-lost", "cessationOfOperation")
    ]


def test_keys_with_different_pins_are_proved_each_by_itself(town: Town) -> None:
    signer = town.person()
    others = {"kept": "another horse 8", "lost": "forgotten horse 9"}
    codes = {name: new_recovery_code() for name in others}
    ids = {name: further_key(town, signer, pin, codes[name]) for name, pin in others.items()}
    step = town.waited(signer)
    first = proof(signer.key.key_id, PIN)
    wishes = {"proofs": [first, proof(ids["kept"], PIN)], "given_up": [ids["lost"]], "new_pin": NEW_PIN}
    with pytest.raises(errors.WrongSecret):
        town.web.ask(completion(town.web, step.token, signer.user_id, wishes))
    tries = {key_id: key.pin_tries_left for key_id, key in keys_of(town, signer).items()}
    assert tries == {signer.key.key_id: 10, ids["kept"]: 9, ids["lost"]: 10}
    proofs = [first, proof(ids["kept"], codes["kept"], "recovery")]
    again = complete(town.web, step.token, signer, proofs=proofs, given_up=[ids["lost"]], new_pin=NEW_PIN)
    keys = keys_of(town, signer)
    assert [keys[name].state for name in (signer.key.key_id, ids["kept"], ids["lost"])] == [
        "active",
        "active",
        "destroyed",
    ]
    signs(town, Signer(signer.user_id, keys[signer.key.key_id], again.device, PIN))
    signs(town, Signer(signer.user_id, keys[ids["kept"]], again.device, NEW_PIN))


def test_a_suspended_key_stays_so_and_one_for_one_instruction_ends(town: Town) -> None:
    signer = town.person()
    second = town.web.act(signer, "renew", secrets={"pin": PIN, "recovery_code": signer.recovery_code}).made
    assert second is not None
    signer = Signer(signer.user_id, second, signer.device, PIN)
    one_time = town.web.act(signer, "one-time", secrets={"pin": PIN}).made
    assert one_time is not None
    town.web.act(signer, "suspend")
    step = town.waited(signer)
    opened = town.web.ask(p.OpenReplacement(token=step.token))
    assert [key.key_id for key in opened.keys] == [second.key_id]
    again = complete(town.web, step.token, signer)
    assert again.key.state == "suspended"
    states = {key.key_id: key.state for key in keys_of(town, signer).values()}
    assert (states[second.key_id], states[one_time.key_id]) == ("suspended", "destroyed")
    town.web.act(again, "resume")
    signs(town, again)


def test_each_key_is_named_once(town: Town) -> None:
    signer, other = town.person(), town.person(name="鈴木 一郎")
    step = town.waited(signer)
    mine, theirs = proof(signer.key.key_id, PIN), proof(other.key.key_id, PIN)
    for wrong in ([], [mine, mine], [mine, theirs], [theirs]):
        message = completion(town.web, step.token, signer.user_id, {"proofs": wrong, "new_pin": NEW_PIN})
        with pytest.raises(errors.Malformed):
            town.web.ask(message)
    assert keys_of(town, other)[other.key.key_id].state == "active"
    assert keys_of(town, signer)[signer.key.key_id].pin_tries_left == 10


def test_what_was_approved_before_is_cancelled(town: Town) -> None:
    signer = town.person()
    step = town.waited(signer)
    wanted = digests(1)
    sad = town.web.approve(signer, wanted)
    complete(town.web, step.token, signer)
    with pytest.raises(errors.NatsuinError):
        town.web.sign(sad, wanted)


def test_the_same_request_again_gets_the_same_answer(town: Town) -> None:
    signer = town.person()
    step = town.waited(signer)
    message = completion(town.web, step.token, signer.user_id, {"proofs": [proof(signer.key.key_id, PIN)]})
    done = town.web.ask(message)
    again = town.web.ask(message)
    assert (again.passkey, again.replayed) == (done.passkey, True)
    with pytest.raises(errors.AlreadyUsed):
        town.web.ask(completion(town.web, step.token, signer.user_id, {"proofs": []}, challenge=bytes(32)))
    town.host.pass_time(3600)
    with pytest.raises(errors.AlreadyUsed):
        town.web.ask(message)


def test_two_who_complete_at_once_are_one(town: Town) -> None:
    signer = town.person()
    step = town.waited(signer)
    wishes = {"proofs": [proof(signer.key.key_id, PIN)]}
    messages = [completion(town.web, step.token, signer.user_id, wishes) for _ in range(3)]

    def send(message: p.CompleteReplacement) -> str:
        try:
            town.web.ask(message)
        except errors.Refused as refused:
            return refused.code
        return "done"

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(send, messages))
    assert answers.count("done") == 1, answers
    assert len(keys_of(town, signer)[signer.key.key_id].passkeys) == 1


def test_the_person_and_any_officer_cancel(town: Town) -> None:
    third = town.officers[0]
    for by_officer in (False, True):
        signer = town.person()
        step = town.begin(signer)
        act_id = step.replacement.act_id
        if by_officer:
            cancel(town.web, act_id, third.device, officer_id=third.user_id)
        else:
            cancel(town.web, act_id, signer.device)
        assert town.web.ask(p.ListReplacements(user_id=signer.user_id, since=1)).replacements[0].state == "cancelled"
        town.host.pass_time(THREE_DAYS + 1)
        with pytest.raises(errors.AlreadyUsed):
            complete(town.web, step.token, signer)
        with pytest.raises(errors.AlreadyUsed):
            cancel(town.web, act_id, signer.device)
        signs(town, signer)
        # Another one may begin.
        begin(town.web, town.officers, signer.user_id)


def test_one_at_a_time(town: Town) -> None:
    signer = town.person()
    drafts = [propose(town.web, officer, signer.user_id) for officer in town.officers]
    approve(town.web, drafts[0], town.officers[0])
    with pytest.raises(errors.Conflict):
        approve(town.web, drafts[1], town.officers[1])
    with pytest.raises(errors.Conflict):
        propose(town.web, town.officers[0], signer.user_id)


def test_nobody_without_a_living_key(town: Town) -> None:
    signer = town.person()
    town.web.act(signer, "destroy")
    with pytest.raises(errors.Conflict):
        propose(town.web, town.officers[0], signer.user_id)


def test_approvals_and_the_link_end(town: Town) -> None:
    signer = town.person()
    act = propose(town.web, town.officers[0], signer.user_id)
    approve(town.web, act, town.officers[0])
    town.host.pass_time(25 * 3600)
    with pytest.raises(errors.Expired):
        approve(town.web, act, town.officers[1])
    step = town.waited(signer)
    town.host.pass_time(15 * 24 * 3600)
    with pytest.raises(errors.Expired):
        complete(town.web, step.token, signer)
    assert town.state(step.replacement.act_id).state == "expired"


def test_the_history_of_the_person_tells_it(town: Town) -> None:
    signer = town.person()
    step = town.begin(signer)
    cancel(town.web, step.replacement.act_id, signer.device)
    events = [event.kind for event in town.web.ask(p.ListEvents(user_id=signer.user_id)).events]
    assert events[:3] == ["replacement-cancelled", "replacement-begun", "replacement-proposed"]


def test_a_short_wait_is_for_demonstrations(town: Town) -> None:
    config: Config = town.rig.config
    short = config.model_copy(update={"keys": config.keys.model_copy(update={"replacement_wait_seconds": 5})})
    assert waiting_of(short).total_seconds() == 5
    real = short.model_copy(update={"service": config.service.model_copy(update={"demo": False})})
    with pytest.raises(ConfigurationRefused, match="hour"):
        waiting_of(real)


def test_a_key_in_an_archive_is_not_restored_with_the_lost_passkey(town: Town) -> None:
    signer = town.person()
    (archive,) = archive_key(town.web, town.officers, signer.key.key_id)
    again = complete(town.web, town.waited(signer).token, signer)
    signs(town, again)
    town.rig.sam.close()
    lose_key(Path(town.rig.config.sam.database.removeprefix("sqlite:///")), signer.key.key_id)
    town.rig.sam = open_sam(town.rig.config, clock=town.host.watched(), stop=town.rig.stopped.append)
    with pytest.raises(errors.Refused):
        propose_restore(town.web, town.officers, signer, archive.archive_id)


def test_a_device_without_user_verification_is_refused(town: Town) -> None:
    signer = town.person()
    step = town.waited(signer)
    device = SoftwareAuthenticator(ORIGIN, user_verified=False)
    wishes = {"proofs": [proof(signer.key.key_id, PIN)]}
    with pytest.raises(errors.ApprovalRefused):
        town.web.ask(completion(town.web, step.token, signer.user_id, wishes, device=device))


def test_a_lost_key_is_replaced_by_any_kind_that_is_offered(own_town: Town) -> None:
    """Where policy has become stricter since the link was made; without any kind nothing is done and no try lost."""
    signer = own_town.person()
    step = own_town.waited(signer)
    wishes = {"proofs": [], "given_up": [signer.key.key_id], "new_pin": NEW_PIN}
    offer(own_town, ())
    for _ in range(6):
        with pytest.raises(errors.Unavailable, match="no kind of key"):
            complete(own_town.web, step.token, signer, **wishes)
    assert keys_of(own_town, signer)[signer.key.key_id].state == "active"
    offer(own_town, (KeyAlgorithm.P_384,))
    again = complete(own_town.web, step.token, signer, **wishes)
    assert (again.key.algorithm, again.key.state) == ("p-384", "active")


def offer(town: Town, kinds: tuple[KeyAlgorithm, ...]) -> None:
    """From now on new keys are of these kinds only."""
    ended = {kind.value: date(2020, 1, 1) for kind in KeyAlgorithm if kind not in kinds}
    rig = town.rig
    rig.sam.close()
    rig.config = rig.config.model_copy(update={"algorithms": AlgorithmsSection(generate_until=ended)})
    rig.sam = open_sam(rig.config, clock=town.host.watched(), stop=rig.stopped.append)
