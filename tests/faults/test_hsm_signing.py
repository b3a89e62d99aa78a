"""The whole signing path over a token that fails: nothing wrong leaves, nothing is lost that need not be, nothing is
signed twice, and sam goes on by itself when the token is back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from natsuin import errors
from natsuin.key_management import VaultInterrupted, VaultUnavailable
from natsuin.sam import protocol as p
from rigs.invariants import check_invariants, entries_of
from rigs.sam_in_process import SamRig
from rigs.tokens import FaultyToken, eventually, make_faulty
from rigs.web_side import Signer, digests


class Place:
    """A sam whose vault is behind the failing module, with two signers."""

    def __init__(self, shim: Path, folder: Path) -> None:
        self.faulty: FaultyToken = make_faulty(shim, folder)
        section = self.faulty.token.vault_section() | {"deadline_seconds": 2.0, "sessions": 2}
        self.rig = SamRig.make(folder / "n", vault=section)
        self.web = self.rig.web
        self.officer = self.web.register_officer(self.rig.token)
        self.alice, self.bob = (self.web.enrol(self.web.invite(self.officer, name=name)) for name in ("Alice", "Bob"))
        self.received: list[p.Signed] = []

    def sign(self, signer: Signer) -> p.Signed:
        wanted = digests(1)
        signed = self.web.sign(self.web.approve(signer, wanted), wanted)
        self.received.append(signed)
        return signed

    def ready(self) -> p.HealthReport:
        report: p.HealthReport = self.rig.ask(p.Health())
        return report

    def entries(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in entries_of(self.rig.config.sam.log_folder) if entry["type"] == kind]

    def check(self) -> None:
        check_invariants(self.rig.config.sam.log_folder, self.web.info.log_vkey, self.received)
        assert self.rig.stopped == []


@pytest.fixture(scope="module")
def shared(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("h")
    (folder / "n").mkdir()
    made = Place(shim, folder)
    yield made
    made.check()
    made.rig.close()


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    yield shared
    shared.faulty.behave()
    eventually(lambda: shared.ready().ready)
    shared.check()


def test_every_record_says_where_the_key_is(place: Place) -> None:
    assert place.alice.key.backend == "pkcs11"
    assert place.web.info.backend == "pkcs11"
    assert [entry["backend"] for entry in place.entries("genesis")] == ["pkcs11"]
    assert {entry["backend"] for entry in place.entries("key-created")} == {"pkcs11"}
    (boot,) = place.entries("boot")
    assert boot["backend"] == "pkcs11"
    assert boot["token"]["label"] == "natsuin-trial"
    assert boot["token"]["model"] == "SoftHSM v2"
    assert boot["token"]["weaknesses"] == []


def test_a_removed_token_stops_signing_alone_and_comes_back_without_a_restart(place: Place) -> None:
    """An approval that nobody could use meanwhile is still good, and the log goes on all the time."""
    wanted = digests(2)
    sad = place.web.approve(place.alice, wanted)
    first_logins = place.faulty.calls("C_Login")
    place.faulty.order("* return 0x32")
    with pytest.raises((VaultUnavailable, VaultInterrupted)):
        place.web.sign(place.web.approve(place.bob, fresh := digests(1)), fresh)
    for _ in range(3):
        with pytest.raises(VaultUnavailable):
            place.web.sign(sad, wanted[:1])
    report = place.ready()
    assert (report.ready, report.problems) == (False, ("vault",))
    with pytest.raises(errors.Unavailable):
        place.web.enrol(place.web.invite(place.officer, name="Carol"))
    with pytest.raises(errors.Unavailable):
        place.rig.ask(p.RevocationList(authority="issuing"))

    place.faulty.behave()
    eventually(lambda: place.ready().ready)
    for one in wanted:
        place.received.append(place.web.sign(sad, (one,)))
    place.rig.ask(p.RevocationList(authority="issuing"))
    assert place.faulty.calls("C_Login") == first_logins + 1, "the removed token was asked for nothing"


def test_a_session_lost_while_signing_is_not_noticed(place: Place) -> None:
    told, signs, logins = place.entries("outcome"), place.faulty.calls("C_Sign"), place.faulty.calls("C_Login")
    place.faulty.order("C_SignInit return 0xb3 once")
    place.sign(place.alice)
    assert place.faulty.obeyed
    assert place.faulty.calls("C_Login") == logins + 1
    assert place.faulty.calls("C_Sign") == signs + 4, (
        "trial and proof at the start, proof in the session, one signature"
    )
    assert [one["result"] for one in place.entries("outcome")[len(told) :]] == ["signed"]


def test_a_call_that_hangs_leaves_an_unknown_outcome_and_nothing_else(place: Place) -> None:
    wanted = digests(1)
    sad = place.web.approve(place.alice, wanted)
    place.faulty.order("C_Sign hang -")
    with pytest.raises(VaultInterrupted):
        place.web.sign(sad, wanted)
    outcome = place.entries("outcome")[-1]
    assert (outcome["result"], outcome["reason"]) == ("unknown", "vault_interrupted")
    assert "signatures" not in outcome
    place.faulty.behave()
    eventually(lambda: place.ready().ready)
    with pytest.raises(errors.Conflict, match="nothing was released"):
        place.web.sign(sad, wanted)
    place.sign(place.alice)


@pytest.mark.parametrize(
    ("order", "code", "result"),
    [
        ("C_Sign return 0x30 once after 1", "vault_interrupted", "unknown"),
        ("C_Sign flip - once after 1", "wrong_signature", "failed"),
    ],
)
def test_of_a_request_that_fails_in_its_middle_nothing_leaves(place: Place, order: str, code: str, result: str) -> None:
    """The second of three signatures fails. The first is given to nobody, now or later, and none is made again."""
    signer = place.web.enrol(place.web.invite(place.officer, name="Grace"))
    wanted = digests(3)
    sad = place.web.approve(signer, wanted)
    place.faulty.order(order)
    with pytest.raises(errors.NatsuinError) as failed:
        place.web.sign(sad, wanted)
    assert failed.value.code == code
    assert place.faulty.obeyed
    outcome = place.entries("outcome")[-1]
    assert (outcome["key"], outcome["result"], outcome["reason"]) == (signer.key.key_id, result, code)
    assert "signatures" not in outcome
    place.faulty.behave()
    eventually(lambda: place.ready().ready)
    told, signs = len(place.entries("outcome")), place.faulty.calls("C_Sign")
    for again in (wanted, wanted[:1], wanted[1:2], wanted[2:]):
        with pytest.raises((errors.Conflict, errors.Refused)):
            place.web.sign(sad, again)
    assert place.faulty.calls("C_Sign") == signs, "no use of the key for any of the three"
    assert len(place.entries("outcome")) == told


@pytest.mark.parametrize("lie", ["flip", "shorten", "previous"])
def test_a_wrong_signature_never_leaves_and_stops_the_key(place: Place, lie: str) -> None:
    """`previous` is a good signature, of somebody else's key and for something else."""
    victim = place.web.enrol(place.web.invite(place.officer, name="Dave"))
    place.sign(place.bob)
    wanted = digests(1)
    sad = place.web.approve(victim, wanted)
    place.faulty.order(f"C_Sign {lie} - once")
    with pytest.raises(errors.Refused) as refused:
        place.web.sign(sad, wanted)
    assert refused.value.code == "wrong_signature"
    outcome, alarm = place.entries("outcome")[-1], place.entries("key-suspended")[-1]
    assert (outcome["key"], outcome["result"], outcome["reason"]) == (victim.key.key_id, "failed", "wrong_signature")
    assert (alarm["key"], alarm["reason"]) == (victim.key.key_id, "wrong_signature")
    with pytest.raises(errors.Conflict, match="suspended"):
        place.web.instruct(victim, digests(1))
    place.sign(place.bob)


def test_a_key_that_does_not_prove_itself_is_never_certified(place: Place) -> None:
    created = len(place.entries("key-created"))
    invitation = place.web.invite(place.officer, name="Eve")
    place.faulty.order("C_Sign flip - once")
    with pytest.raises(errors.Refused) as refused:
        place.web.enrol(invitation)
    assert refused.value.code == "wrong_signature"
    assert len(place.entries("key-created")) == created
    place.web.enrol(invitation)


def test_an_algorithm_that_the_token_lacks_is_refused_before_anybody_approves(place: Place) -> None:
    with pytest.raises(errors.Refused, match="offers no keys of ed25519") as refused:
        place.web.propose(place.officer, algorithm="ed25519")
    assert "p-256" in refused.value.hint
    assert refused.value.code == "algorithm_not_offered"


def test_a_restart_opens_everything_again(place: Place) -> None:
    boots, worker = len(place.entries("boot")), place.faulty.calls("C_Initialize")
    place.rig.reopen()
    place.web = place.rig.web
    place.sign(place.alice)
    assert place.faulty.calls("C_Initialize") == worker + 1, "another process has the token"
    (boot,) = place.entries("boot")[boots:]
    assert (boot["unknown"], boot["undelivered"], boot["moves"]) == (0, 0, 0)
