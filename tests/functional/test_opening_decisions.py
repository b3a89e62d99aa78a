"""What entries commit to, disclosed and erased early by two security officers, tried as a hostile web."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from natsuin import faults
from natsuin.errors import ApprovalRefused, Conflict, Forbidden, Malformed, NatsuinError, NotFound, TooLarge
from natsuin.key_management import FIRST_ROLES, REGISTRATION_OFFICER, log_opening, opening_decisions
from natsuin.sam import process
from natsuin.sam import protocol as p
from natsuin.signing_log import Disclosed
from rigs.auditors import entries_of
from rigs.canaries import Canaries
from rigs.officer_board import OfficerBoard
from rigs.person_acts import LEFT
from rigs.person_acts import decide as decide_person
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, digests

GROUND = "court order 12 of 2026, for Watanabe"


@dataclass
class House:
    rig: SamRig
    board: OfficerBoard
    first: Officer
    second: Officer

    @classmethod
    def make(cls, folder: Path) -> "House":
        rig = SamRig.make(folder)
        first = rig.web.register_officer(rig.token)
        second = rig.web.register_officer(rig.sam.handlers.officers.invite("Second", FIRST_ROLES))
        return cls(rig, OfficerBoard(rig.web), first, second)

    def signer(self) -> Signer:
        signer, wanted = self.rig.web.enrol(self.rig.web.invite(self.first)), digests(1)
        self.rig.web.sign(self.rig.web.approve(signer, wanted), wanted)
        return signer

    def entry(self, kind: str) -> dict[str, Any]:
        """The newest of this type."""
        return [entry for entry in entries_of(self.rig) if entry["type"] == kind][-1]

    def count(self, kind: str) -> int:
        return sum(entry["type"] == kind for entry in entries_of(self.rig))

    def disclose(self, **wishes: Any) -> dict[str, Any]:
        step = self.board.decide(self.first, self.second, act="disclose-entries", note=GROUND, **wishes)
        told: dict[str, Any] = json.loads(step.disclosure)
        return told

    def erase(self, signer: Signer) -> p.OfficerActStep:
        return self.board.decide(self.first, self.second, act="erase-openings", note=GROUND, user_id=signer.user_id)

    def opening(self, tx: str) -> dict[str, Any] | None:
        with self.rig.sam.database.read() as connection:
            row = connection.execute(sa.select(log_opening).where(log_opening.c.tx == tx)).mappings().one_or_none()
            return None if row is None else {**row, "fields": json.loads(row["fields"])}

    def about(self, signer: Signer) -> set[str]:
        with self.rig.sam.database.read() as connection:
            rows = connection.execute(sa.select(log_opening)).mappings()
            ids = (signer.user_id, signer.key.key_id)
            return {row["tx"] for row in rows if row["key_id"] in ids or signer.user_id.encode() in row["fields"]}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House.make(tmp_path_factory.mktemp("house"))
    yield made
    made.rig.close()


def test_only_the_named_fields_of_the_named_entries_leave(house: House) -> None:
    signer = house.signer()
    intent = house.entry("intent")
    told = house.disclose(entries=(intent["tx"],), fields=("user",))
    assert (told["format"], told["log_vkey"], told["earlier_log_vkeys"]) == (
        "natsuin-disclosure/v1",
        house.rig.sam.log.vkey,
        [],
    )
    (opening,) = told["openings"]
    disclosed = Disclosed.parse(opening)
    assert disclosed.commitment == intent["commitment"]
    assert {name: json.loads(part["value"]) for name, part in opening["fields"].items() if "value" in part} == {
        "user": signer.user_id
    }
    secret = house.opening(intent["tx"])
    assert secret is not None
    canaries = Canaries()
    canaries.add("salt", secret["salt"])
    canaries.add("instruction", secret["fields"]["instruction"])
    assert canaries.found_in(json.dumps(told).encode()) == set()


def test_everything_about_a_person_and_nothing_about_another(house: House) -> None:
    signer, other = house.signer(), house.signer()
    told = house.disclose(user_id=signer.user_id, fields=("user",))
    assert {each["tx"] for each in told["openings"]} >= {house.opening(tx) and tx for tx in house.about(signer)}
    assert other.user_id not in json.dumps(told)


def test_the_ground_can_be_shown_later(house: House) -> None:
    """The entry says that something was disclosed, and commits to what, why, and who decided it."""
    house.signer()
    intent = house.entry("intent")
    house.disclose(entries=(intent["tx"],), fields=("user", "first"))
    entry = house.entry("log-disclosed")
    assert set(entry) == {"v", "type", "time", "tx", "commitment", "count"}
    opening = house.opening(entry["tx"])
    assert opening is not None
    assert opening["fields"].pop("act")
    assert opening["fields"] == {
        "ground": GROUND,
        "entries": [intent["tx"]],
        "fields": ["first", "user"],
        "officers": [house.first.user_id, house.second.user_id],
    }


def test_one_officer_discloses_and_erases_nothing(house: House) -> None:
    signer = house.signer()
    decide_person(house.rig.web, house.first, signer.user_id, **LEFT)
    before = house.count("log-disclosed"), house.count("erasure")
    for wish in (
        {"act": "disclose-entries", "user_id": signer.user_id, "fields": ("user",)},
        {"act": "erase-openings", "user_id": signer.user_id},
    ):
        act = house.board.propose(house.first, note=GROUND, **wish)
        step = house.board.approve(house.first, act)
        assert (step.waiting, step.disclosure) == (True, b"")
        with pytest.raises(Forbidden, match="two different officers"):
            house.board.approve(house.first, act)
        with pytest.raises(ApprovalRefused):
            house.board.approve(house.second, act, device=signer.device)
    registrar = house.rig.web.register_officer(
        house.rig.sam.handlers.officers.invite("Registrar", (REGISTRATION_OFFICER,))
    )
    with pytest.raises(Forbidden):
        house.board.propose(registrar, act="erase-openings", user_id=signer.user_id, note=GROUND)
    assert (house.count("log-disclosed"), house.count("erasure")) == before


def test_the_record_names_what_is_disclosed_to_whom(house: House) -> None:
    house.signer()
    tx = house.entry("intent")["tx"]
    act = house.board.propose(house.first, act="disclose-entries", entries=(tx,), fields=("user",), note=GROUND)
    record = json.loads(act.record)
    assert (record["act"], record["entries"], record["fields"], record["note"]) == (
        "disclose-entries",
        [tx],
        ["user"],
        GROUND,
    )
    house.board.approve(house.first, act)
    (waiting,) = [one for one in house.board.list(house.second).waiting if one.act_id == act.act_id]
    assert (waiting.entries, waiting.fields, waiting.note) == ((tx,), ("user",), GROUND)


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"fields": ("user",)}, Malformed),
        ({"fields": ("user",), "entries": ("TX",), "user_id": "x"}, Malformed),
        ({"fields": (), "entries": ("TX",)}, Malformed),
        ({"fields": ("User",), "entries": ("TX",)}, Malformed),
        ({"fields": ("user",) * 51, "entries": ("TX",)}, Malformed),
        ({"fields": ("pin",), "entries": ("TX",)}, NotFound),
        ({"fields": ("user",), "entries": ("0" * 32,)}, NotFound),
        ({"fields": ("user",), "entries": ("../etc",)}, Malformed),
        ({"fields": ("user",), "user_id": "nobody"}, NotFound),
        ({"fields": ("user",), "entries": ("TX",), "note": ""}, Malformed),
        ({"fields": ("user",), "entries": ("TX",), "note": "a\u202eb"}, Malformed),
        ({"fields": ("user",), "entries": tuple(f"{n:032x}" for n in range(201))}, TooLarge),
    ],
)
def test_what_cannot_be_disclosed(house: House, wishes: dict[str, Any], error: type[NatsuinError]) -> None:
    house.signer()
    tx = house.entry("intent")["tx"]
    wishes = {"note": GROUND, **wishes}
    wishes["entries"] = tuple(tx if name == "TX" else name for name in wishes.get("entries", ()))
    with pytest.raises(error):
        house.board.propose(house.first, act="disclose-entries", **wishes)


def test_what_was_erased_meanwhile_is_not_disclosed(house: House) -> None:
    signer = house.signer()
    tx = house.entry("intent")["tx"]
    act = house.board.propose(house.first, act="disclose-entries", entries=(tx,), fields=("user",), note=GROUND)
    house.board.approve(house.first, act)
    decide_person(house.rig.web, house.first, signer.user_id, **LEFT)
    house.erase(signer)
    with pytest.raises(NotFound):
        house.board.approve(house.second, act)


def test_early_erasure_leaves_nothing_and_says_so(house: House) -> None:
    signer, other = house.signer(), house.signer()
    decide_person(house.rig.web, house.first, signer.user_id, **LEFT)
    mine, others = house.about(signer), house.about(other)
    assert len(mine) > 4
    house.erase(signer)
    assert house.about(signer) == set()
    assert house.about(other) == others
    entry = house.entry("erasure")
    assert (entry["ground"], entry["count"], entry["openings"]) == ("officers", len(mine), sorted(mine))
    assert signer.user_id not in json.dumps(entry)
    opening = house.opening(entry["tx"])
    assert opening is not None
    assert set(opening["fields"]) == {"act", "officers", "note"}
    assert opening["fields"]["officers"] == [house.first.user_id, house.second.user_id]
    with pytest.raises(NotFound):
        house.board.propose(house.first, act="erase-openings", user_id=signer.user_id, note=GROUND)


def test_of_whom_still_signs_nothing_is_erased_early(house: House) -> None:
    signer = house.signer()
    with pytest.raises(Conflict, match="has not ended"):
        house.board.propose(house.first, act="erase-openings", user_id=signer.user_id, note=GROUND)
    with pytest.raises(NotFound):
        house.board.propose(house.first, act="erase-openings", user_id="nobody", note=GROUND)


def test_a_crash_after_the_entry_is_finished_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House.make(tmp_path)
    signer = house.signer()
    decide_person(house.rig.web, house.first, signer.user_id, **LEFT)
    mine = house.about(signer)

    class Crash(BaseException):
        pass

    def crash(name: str) -> None:
        if name == "erasing.after_entry":
            raise Crash

    monkeypatch.setattr(faults, "point", crash)
    with pytest.raises(Crash):
        house.erase(signer)
    monkeypatch.undo()
    assert house.about(signer) == mine
    # Who is killed notes nothing any more.
    monkeypatch.setattr(process, "note_all_closed", lambda *_: None)
    house.rig.reopen()
    assert house.about(signer) == set()
    house.rig.close()


def test_too_much_about_one_person_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = house.signer()
    monkeypatch.setattr(opening_decisions, "MOST_DISCLOSED", 2)
    with pytest.raises(TooLarge, match="more than the 2"):
        house.board.propose(house.first, act="disclose-entries", user_id=signer.user_id, fields=("user",), note=GROUND)
