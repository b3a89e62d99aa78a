"""A whole person: an invitation taken back, an account ended with all its keys, tried as a hostile web."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from natsuin import faults
from natsuin.errors import AlreadyUsed, ApprovalRefused, Conflict, Expired, Forbidden, Malformed, NatsuinError, NotFound
from natsuin.key_management import SECURITY_OFFICER, person_acts
from natsuin.sam import protocol as p
from rigs.auditors import entries_of
from rigs.person_acts import LEFT, WITHDRAW, approve, decide, propose
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide, sha256

DIGESTS = (sha256(b"one"),)


@dataclass
class House:
    rig: SamRig
    officer: Officer

    @property
    def web(self) -> WebSide:
        return self.rig.web

    def person(self) -> Signer:
        return self.web.enrol(self.web.invite(self.officer))

    def states(self, person: Signer) -> list[str]:
        return [key.state for key in self.web.ask(p.ListKeys(user_id=person.user_id)).keys]

    def types(self) -> list[str]:
        return [entry["type"] for entry in entries_of(self.rig)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    rig = SamRig.make(tmp_path_factory.mktemp("house"))
    yield House(rig, rig.web.register_officer(rig.token))
    rig.close()


def test_a_withdrawn_invitation_opens_nothing(house: House) -> None:
    invitation = house.web.invite(house.officer)
    opened = house.web.ask(p.OpenInvitation(token=invitation.token))
    decide(house.web, house.officer, invitation.user_id, **WITHDRAW)
    for attempt in (
        lambda: house.web.ask(p.OpenInvitation(token=invitation.token)),
        lambda: house.web.enrol(invitation),
    ):
        with pytest.raises(Conflict, match="withdrawn") as refused:
            attempt()
        assert refused.value.code == "invitation_withdrawn"
    assert opened.user_id == invitation.user_id
    assert house.types()[-1] == "invitation-withdrawn"
    assert not house.web.ask(p.ListKeys(user_id=invitation.user_id)).keys


def test_only_an_open_invitation_is_withdrawn(house: House) -> None:
    person = house.person()
    with pytest.raises(Conflict, match="no open invitation"):
        propose(house.web, house.officer, person.user_id, **WITHDRAW)
    invitation = house.web.invite(house.officer)
    act = propose(house.web, house.officer, invitation.user_id, **WITHDRAW)
    enrolled = house.web.enrol(invitation)
    with pytest.raises(Conflict, match="no open invitation"):
        approve(house.web, act, house.officer.device)
    assert house.states(enrolled) == ["active"]


def test_who_left_has_no_key_that_signs_and_gets_none(house: House) -> None:
    person = house.person()
    sad = house.web.approve(person, DIGESTS)
    renewal = house.web.propose_act(person, "renew")
    instruction = house.web.instruct(person, (sha256(b"two"),))
    done = decide(house.web, house.officer, person.user_id, **LEFT)
    assert done.ended_keys == (person.key.key_id,)
    assert house.states(person) == ["revoked"]
    attempts = (
        lambda: house.web.sign(sad, DIGESTS),
        lambda: house.web.activate(person, instruction),
        lambda: house.web.instruct(person, DIGESTS),
        lambda: house.web.approve_act(renewal, person.device, pin=person.pin, recovery_code=person.recovery_code),
        lambda: house.web.renew(person),
        lambda: propose(house.web, house.officer, person.user_id, **LEFT),
    )
    for attempt in attempts:
        with pytest.raises(NatsuinError):
            attempt()
    assert house.states(person) == ["revoked"]
    ending = house.types()[house.types().index("person-ended") :]
    assert ending[:2] == ["person-ended", "key-revoked"]
    (revoked,) = [
        entry for entry in entries_of(house.rig) if entry.get("key") == person.key.key_id and "revocation" in entry
    ]
    assert (revoked["by"], revoked["revocation"]) == ("officer", "affiliationChanged")


def test_every_key_of_the_person_ends_and_nobody_elses(house: House) -> None:
    person, other = house.person(), house.person()
    suspended = house.web.renew(person)
    house.web.act(suspended, "suspend")
    assert house.states(suspended).count("destroyed") == 1
    decide(house.web, house.officer, person.user_id, **LEFT)
    assert sorted(house.states(person)) == ["destroyed", "revoked"]
    assert house.states(other) == ["active"]


def test_a_renewal_under_way_comes_too_late(house: House) -> None:
    """Who approves a renewal at the very moment of the end has no key afterwards, whoever is first."""
    for _ in range(3):
        person = house.person()
        renewal = house.web.propose_act(person, "renew")
        ending = propose(house.web, house.officer, person.user_id, **LEFT)
        secrets = {"pin": person.pin, "recovery_code": "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ"}
        with ThreadPoolExecutor(2) as pool:
            renewed = pool.submit(house.web.approve_act, renewal, person.device, **secrets)
            pool.submit(approve, house.web, ending, house.officer.device).result()
            renewed.exception()
        assert not {"active", "suspended", "pre-active"} & set(house.states(person))


def test_only_a_registration_officers_own_passkey_ends_anybody(house: House) -> None:
    person = house.person()
    invite = house.rig.sam.handlers.officers.invite
    security = house.web.register_officer(invite("Security", (SECURITY_OFFICER,)))
    second = house.web.register_officer(invite("Second", ("registration-officer",)))
    with pytest.raises(Forbidden):
        propose(house.web, security, person.user_id, **LEFT)
    with pytest.raises(Forbidden):
        house.web.ask(p.ProposePersonAct(officer_id=person.user_id, user_id=person.user_id, **LEFT))
    act = propose(house.web, house.officer, person.user_id, **LEFT)
    for device in (security.device, second.device, person.device, security.device, person.device):
        with pytest.raises(ApprovalRefused):
            approve(house.web, act, device)
    with pytest.raises(AlreadyUsed):
        approve(house.web, act, house.officer.device)
    assert house.types()[-1] == "person-act-refused"
    assert house.states(person) == ["active"]


def test_an_approval_is_good_once_and_for_its_record(house: House) -> None:
    person, other = house.person(), house.person()
    first, second = (propose(house.web, house.officer, one.user_id, **LEFT) for one in (person, other))
    with pytest.raises(ApprovalRefused):
        approve(house.web, p.Act(**{**_members(second), "challenge": first.challenge}), house.officer.device)
    approve(house.web, first, house.officer.device)
    with pytest.raises(AlreadyUsed):
        approve(house.web, first, house.officer.device)
    assert house.states(other) == ["active"]


def _members(act: p.Act) -> dict[str, object]:
    return {name: getattr(act, name) for name in act.__struct_fields__}


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"act": "end-person"}, Malformed),
        ({"act": "end-person", "reason": "certificateHold"}, Malformed),
        ({"act": "withdraw-invitation", "reason": "unspecified"}, Malformed),
        ({"act": "erase"}, Malformed),
        ({"act": "end-person", "reason": "unspecified", "note": "a\u202eb"}, Malformed),
        ({"act": "end-person", "reason": "unspecified", "note": "x" * 201}, Malformed),
    ],
)
def test_bad_wishes_are_refused(house: House, wishes: dict[str, str], error: type[NatsuinError]) -> None:
    with pytest.raises(error):
        propose(house.web, house.officer, house.person().user_id, **wishes)


def test_nobody_is_no_person(house: House) -> None:
    with pytest.raises(NotFound):
        propose(house.web, house.officer, "nobody", **LEFT)
    with pytest.raises(NotFound):
        propose(house.web, house.officer, house.officer.user_id, **LEFT)


@pytest.mark.parametrize("point", ["person_end.after_person", "person_end.after_key"])
def test_a_crash_in_the_middle_is_finished_at_the_next_start(
    tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = SamRig.make(tmp_path)
    house = House(rig, rig.web.register_officer(rig.token))
    person = house.person()
    house.web.act(person, "one-time", secrets={"pin": person.pin})

    class Crash(BaseException):
        pass

    def crash(name: str) -> None:
        if name == point:
            raise Crash

    monkeypatch.setattr(faults, "point", crash)
    with pytest.raises(Crash):
        decide(house.web, house.officer, person.user_id, **LEFT)
    monkeypatch.undo()
    rig.reopen()
    assert set(house.states(person)) == {"revoked"}
    reasons = [entry["revocation"] for entry in entries_of(rig) if entry["type"] == "key-revoked"]
    assert reasons == ["affiliationChanged"] * 2
    rig.close()


def test_a_changed_row_is_found(tmp_path: Path) -> None:
    rig = SamRig.make(tmp_path)
    house = House(rig, rig.web.register_officer(rig.token))
    invitation = house.web.invite(house.officer)
    decide(house.web, house.officer, invitation.user_id, **WITHDRAW)
    with sqlite3.connect(rig.config.sam.database.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE enrolment SET state = 'invited' WHERE user_id = ?", (invitation.user_id,))
    with pytest.raises(NatsuinError) as refused:
        house.web.ask(p.OpenInvitation(token=invitation.token))
    assert refused.value.code == "tampered"
    rig.close()


def test_an_act_has_ten_minutes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_acts, "LIFE", -person_acts.LIFE)
    act = propose(house.web, house.officer, house.person().user_id, **LEFT)
    with pytest.raises(Expired):
        approve(house.web, act, house.officer.device)
