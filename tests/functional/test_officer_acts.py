"""Officers who name and remove officers, and who stop signing, tried as a hostile web.

What each approval is good for, and what it is not.
"""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from natsuin.errors import (
    AlreadyUsed,
    ApprovalRefused,
    Conflict,
    Expired,
    Forbidden,
    Malformed,
    NatsuinError,
    NotFound,
    Tampered,
)
from natsuin.key_management import FIRST_ROLES, REGISTRATION_OFFICER, ROLES, OfficerRole, SigningStopped, officer_acts
from natsuin.key_management.officer_roles import MAY, Duty
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from rigs.auditors import entries_of
from rigs.officer_board import OfficerBoard
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide, assertion, attestation, sha256

DIGESTS = (sha256(b"one"),)


@dataclass
class House:
    rig: SamRig
    board: OfficerBoard
    first: Officer
    second: Officer
    alice: Signer
    bob: Signer

    @property
    def web(self) -> WebSide:
        return self.board.web

    def officer(self, *roles: str) -> Officer:
        invite = self.rig.sam.handlers.officers.invite
        return self.web.register_officer(invite(f"Officer {len(entries_of(self.rig))}", roles))

    def types(self) -> list[str]:
        return [entry["type"] for entry in entries_of(self.rig)]

    def stop(self, user_id: str = "") -> None:
        self.board.approve(self.first, self.board.propose(self.first, act="stop-signing", user_id=user_id))

    def resume(self, user_id: str = "") -> None:
        self.board.decide(self.first, self.second, act="resume-signing", user_id=user_id)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    rig = SamRig.make(tmp_path_factory.mktemp("house"))
    board, web = OfficerBoard(rig.web), rig.web
    first = web.register_officer(rig.token)
    second = web.register_officer(rig.sam.handlers.officers.invite("Second", FIRST_ROLES))
    alice, bob = (web.enrol(web.invite(first, name=name)) for name in ("Alice", "Bob"))
    yield House(rig, board, first, second, alice, bob)
    rig.close()


def attempts_of(house: House, officer: Officer) -> dict[Duty, p.Message]:
    """One message for each duty that is told from a forged one by the officer's role alone."""
    alice, evidence = (
        house.alice,
        p.IdentityEvidence(kind="passport", reference="x", level=2, checked_by="x", checked_at=1),
    )
    return {
        Duty.REGISTER_PEOPLE: p.ProposeEnrolment(
            officer_id=officer.user_id,
            user_id=f"new-{officer.user_id}",
            subject=p.Subject(common_name="New"),
            evidence=evidence,
            algorithm="p-256",
        ),
        Duty.REPLACE_PASSKEYS: p.ProposeReplacement(
            officer_id=officer.user_id, user_id=alice.user_id, evidence=evidence
        ),
        Duty.HOLD_KEYS: p.ProposeKeyAct(
            key_id=alice.key.key_id, user_id=alice.user_id, act="suspend", officer_id=officer.user_id
        ),
        Duty.COPY_KEYS: p.ListWaitingActs(officer_id=officer.user_id),
        Duty.NAME_OFFICERS: p.ListOfficers(officer_id=officer.user_id),
        Duty.STOP_SIGNING: p.ProposeOfficerAct(officer_id=officer.user_id, act="stop-signing"),
        Duty.READ_LOG: p.ProposeReading(auditor_id=officer.user_id, purpose="look"),
    }


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_its_row_says_and_nothing_else(house: House, role: OfficerRole) -> None:
    officer = house.officer(role)
    for duty, message in attempts_of(house, officer).items():
        if role in MAY[duty]:
            house.web.ask(message)
        else:
            with pytest.raises(Forbidden):
                house.web.ask(message)


def test_two_officers_name_a_third_who_has_those_roles_alone(house: House) -> None:
    step = house.board.decide(
        house.first, house.second, act="name-officer", name="三人目", roles=(REGISTRATION_OFFICER,)
    )
    third = house.web.register_officer(step.token)
    (found,) = [one for one in house.board.list(house.first).officers if one.user_id == third.user_id]
    assert (found.display_name, found.roles) == ("三人目", ("registration-officer",))
    with pytest.raises(Forbidden):
        house.board.list(third)
    assert house.types().count("officer-act-proposed") >= 1


def test_one_officer_names_nobody(house: House) -> None:
    act = house.board.propose(house.first, act="name-officer", name="Alone", roles=FIRST_ROLES)
    with pytest.raises(Forbidden):
        house.board.approve(house.second, act)
    assert house.board.approve(house.first, act).token == ""
    with pytest.raises(Forbidden, match="two different officers"):
        house.board.approve(house.first, act)
    registrar = house.officer(REGISTRATION_OFFICER)
    with pytest.raises(ApprovalRefused):
        house.board.approve(registrar, act)
    with pytest.raises(ApprovalRefused):
        house.board.approve(house.second, act, device=house.alice.device)
    with pytest.raises(ApprovalRefused, match="not your passkey"):
        house.board.approve(house.second, act, by=house.first.user_id)


def test_the_fifth_refusal_ends_an_act(house: House) -> None:
    act = house.board.propose(house.first, act="name-officer", name="Never", roles=FIRST_ROLES)
    for _ in range(5):
        with pytest.raises(ApprovalRefused):
            house.board.approve(house.first, act, device=house.alice.device)
    with pytest.raises(AlreadyUsed):
        house.board.approve(house.first, act)
    assert house.types()[-1] == "officer-act-refused"


def test_an_approval_of_one_act_is_none_of_another(house: House) -> None:
    harmless = house.board.propose(house.first, act="name-officer", name="Harmless", roles=(REGISTRATION_OFFICER,))
    other = house.board.propose(house.first, act="remove-officer", user_id=house.second.user_id)
    made = assertion(house.first.device, harmless.challenge)
    with pytest.raises(ApprovalRefused):
        house.web.ask(p.ApproveOfficerAct(act_id=other.act_id, assertion=made))


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        ({"act": "become-root"}, Malformed),
        ({"act": "name-officer", "name": "", "roles": FIRST_ROLES}, Malformed),
        ({"act": "name-officer", "name": "X", "roles": ()}, Malformed),
        ({"act": "name-officer", "name": "X", "roles": ("auditor", "security-officer")}, Malformed),
        ({"act": "name-officer", "name": "Alice", "roles": ("auditor",)}, Conflict),
        ({"act": "remove-officer", "user_id": "nobody"}, NotFound),
        ({"act": "stop-signing", "user_id": "nobody"}, NotFound),
        ({"act": "resume-signing"}, Conflict),
    ],
)
def test_what_cannot_be_done_is_refused_before_it_is_approved(
    house: House, wish: dict[str, object], refusal: type[NatsuinError]
) -> None:
    with pytest.raises(refusal) as told:
        house.board.propose(house.first, **wish)
    assert told.value.hint


def test_a_removed_officer_approves_nothing_even_what_waited(house: House) -> None:
    leaver = house.officer(*FIRST_ROLES)
    waiting = house.web.propose(leaver)
    step = house.board.decide(house.first, house.second, act="remove-officer", user_id=leaver.user_id)
    assert step.user_id == leaver.user_id
    with pytest.raises(Forbidden):
        house.web.ask(p.ApproveEnrolment(act_id=waiting.act_id, assertion=assertion(leaver.device, waiting.challenge)))
    with pytest.raises(Forbidden):
        house.board.list(leaver)
    assert leaver.user_id not in {one.user_id for one in house.board.list(house.first).officers}
    with pytest.raises(NotFound):
        house.board.propose(house.first, act="remove-officer", user_id=leaver.user_id)


def test_what_a_removed_officer_approved_is_not_carried_out(house: House) -> None:
    """The first of two was found out and removed: the second one's approval alone names nobody."""
    leaver = house.officer(*FIRST_ROLES)
    act = house.board.propose(leaver, act="name-officer", name="Accomplice", roles=tuple(FIRST_ROLES))
    house.board.approve(leaver, act)
    house.board.decide(house.first, house.second, act="remove-officer", user_id=leaver.user_id)
    before = len(house.types())
    with pytest.raises(Forbidden, match="no longer"):
        house.board.approve(house.first, act)
    assert "officer-invited" not in house.types()[before:]


@pytest.mark.parametrize("copied", ["key", "id"])
def test_one_passkey_is_not_two_officers(house: House, monkeypatch: pytest.MonkeyPatch, copied: str) -> None:
    """Whoever has both links, and an authenticator in software, would approve alone what two must."""
    (known,) = house.second.device._held.items()
    token = house.rig.sam.handlers.officers.invite(f"Officer twice, same {copied}", FIRST_ROLES)
    offer = house.web.ask(p.OpenOfficerInvitation(token=token))
    with monkeypatch.context() as patched:
        if copied == "key":
            patched.setattr("natsuin.cli.demo.authenticator.ec.generate_private_key", lambda _: known[1].key)
        else:
            patched.setattr("natsuin.cli.demo.authenticator.os.urandom", lambda _: known[0])
        made = attestation(house.web.device(), offer.challenge, offer.user_id)
    with pytest.raises(Conflict, match="has this passkey"):
        house.web.ask(p.RegisterOfficer(token=token, attestation=made))
    # The link is not spent: the person comes with a passkey of their own.
    assert house.web.register_officer(token).user_id == offer.user_id


def test_two_officers_who_remove_each_other_at_once_leave_one(house: House) -> None:
    """Run where there are just two: the fixture's others are removed first."""
    for one in house.board.list(house.first).officers:
        if one.user_id not in (house.first.user_id, house.second.user_id):
            house.board.decide(house.first, house.second, act="remove-officer", user_id=one.user_id)
    acts = []
    for remover, removed in ((house.first, house.second), (house.second, house.first)):
        act = house.board.propose(remover, act="remove-officer", user_id=removed.user_id)
        house.board.approve(remover, act)
        acts.append((removed, act))

    def approve(pair: tuple[Officer, p.Act]) -> bool:
        try:
            house.board.approve(*pair)
        except NatsuinError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(approve, acts))
    assert done.count(True) == 1
    (left,) = [pair[0] for pair, was in zip(acts, done, strict=True) if not was]
    assert [one.user_id for one in house.board.list(left).officers] == [left.user_id]
    with pytest.raises(Conflict, match="last security officer"):
        house.board.propose(left, act="remove-officer", user_id=left.user_id)
    # The others of this module go on with two.
    other = house.web.register_officer(house.rig.sam.handlers.officers.invite("Again", FIRST_ROLES))
    house.first, house.second = left, other


def test_a_stop_ends_every_step_of_signing_until_two_resume(house: House) -> None:
    web, alice = house.web, house.alice
    instructed = web.instruct(alice, DIGESTS)
    sad = web.approve(alice, DIGESTS)
    house.stop()
    assert "signing-stopped" in web.ask(p.Health()).warnings
    with pytest.raises(SigningStopped):
        web.instruct(alice, DIGESTS)
    with pytest.raises(SigningStopped):
        web.activate(alice, instructed)
    with pytest.raises(SigningStopped):
        web.ask(p.Sign(sad=sad, dtbs=DIGESTS))
    act = house.board.propose(house.first, act="resume-signing")
    assert house.board.approve(house.first, act).waiting
    with pytest.raises(SigningStopped):
        web.instruct(alice, DIGESTS)
    with pytest.raises(Forbidden):
        house.board.approve(house.first, act)
    house.board.approve(house.second, act)
    assert web.ask(p.Health()).warnings == ()
    # The approval that was given before is not spent.
    assert web.ask(p.Sign(sad=sad, dtbs=DIGESTS)).signatures
    assert [t for t in house.types() if t.startswith("signing-")][-2:] == ["signing-refused", "signing-resumed"]


def test_a_stop_of_one_person_is_nobody_elses(house: House) -> None:
    house.stop(house.alice.user_id)
    with pytest.raises(SigningStopped):
        house.web.instruct(house.alice, DIGESTS)
    assert house.web.approve(house.bob, DIGESTS)
    # Somebody who resumes everybody's signing resumes what was stopped for everybody, and this was not.
    with pytest.raises(Conflict):
        house.board.propose(house.first, act="resume-signing")
    house.resume(house.alice.user_id)
    assert house.web.approve(house.alice, DIGESTS)


def test_a_stop_survives_a_restart_and_a_changed_row_keeps_sam_from_starting(house: House) -> None:
    house.stop()
    house.rig.reopen()
    with pytest.raises(SigningStopped):
        house.web.instruct(house.alice, DIGESTS)
    house.rig.sam.close()
    database = Path(house.rig.config.sam.database.removeprefix("sqlite:///"))

    def rewrite(old: str, new: str) -> None:
        connection = sqlite3.connect(database)
        with connection:
            connection.execute("UPDATE signing_stop SET user_id = ? WHERE user_id = ?", (new, old))
        connection.close()

    rewrite("", house.bob.user_id)
    with pytest.raises(Tampered):
        open_sam(house.rig.config)
    rewrite(house.bob.user_id, "")
    house.rig.sam = open_sam(house.rig.config)
    house.resume()
    assert house.web.approve(house.alice, DIGESTS)


def test_an_act_is_over_after_a_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(officer_acts, "LIFE", -officer_acts.LIFE)
    act = house.board.propose(house.first, act="stop-signing")
    with pytest.raises(Expired):
        house.board.approve(house.first, act)
