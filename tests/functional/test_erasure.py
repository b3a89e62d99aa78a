"""What log entries commit to is kept as long as was promised and gone afterwards: in DB-2, in every file, in a database
that was put back. The log says so first, and everything that it proves holds without (R72, A55)."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from natsuin import errors
from natsuin.clock import FixedClock, SystemClock
from natsuin.key_management import StillKept, certificate, key_slot, log_opening
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from natsuin.signing import mark_put_back
from natsuin.signing_log import verify_log
from natsuin.validation import judge_evidence, read_evidence
from natsuin.validation.check_statement import judge_statement
from rigs.canaries import Canaries
from rigs.key_imports import told_since
from rigs.sam_in_process import SamRig, make_installation, people
from rigs.sam_process import SamProcess
from rigs.web_side import Signer, digests

DAY = timedelta(days=1)
CERTIFICATE_DAYS, RETENTION_YEARS = 730, 7


def later(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)


class Years:
    """A sam with an officer and a signer who signed once, and time that passes while it is stopped."""

    def __init__(self, folder: Path) -> None:
        # The service's own certificates begin by the wall clock, a moment later.
        self.began = SystemClock().now() + timedelta(minutes=1)
        self.clock = FixedClock(self.began)
        self.rig = SamRig.make(folder, clock=self.clock)
        self.officer, self.signer = people(self.rig.web, self.rig.token)
        self.instruction = sign(self.rig, self.signer)
        self.end = self.began + timedelta(days=CERTIFICATE_DAYS)
        """Of the signer's certificate, but for some hours."""

    def at(self, moment: datetime) -> None:
        """Go on there. Its last entry is from then already, so that the time counts as seen."""
        self.clock.time = moment
        self.rig.reopen(clock=self.clock)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in told_since(self.rig, 0) if entry["type"] == kind]

    def about_signer(self) -> set[str]:
        mine = {"enrolment-approved", "key-created", "approved", "intent"}
        return {entry["tx"] for entry in told_since(self.rig, 0) if entry["type"] in mine}


def sign(rig: SamRig, signer: Signer) -> str:
    wanted = digests(1)
    instruction = rig.web.instruct(signer, wanted)
    rig.web.sign(rig.web.activate(signer, instruction).sad, wanted)
    return instruction.instruction_id


def kept(rig: SamRig) -> set[str]:
    with rig.sam.database.read() as connection:
        return set(connection.execute(sa.select(log_opening.c.tx)).scalars())


def make_due(rig: SamRig, *names: str) -> None:
    """As if these openings were old and about nobody's key."""
    with rig.sam.database.write() as connection:
        changes = {"kept_since": 1, "key_id": "", "fields": b"{}"}
        connection.execute(log_opening.update().where(log_opening.c.tx.in_(names)).values(changes))


@pytest.fixture
def years(tmp_path: Path) -> Iterator[Years]:
    made = Years(tmp_path)
    yield made
    made.rig.close()


def test_openings_are_kept_until_seven_years_after_the_certificate(years: Years) -> None:
    """The entry of a registration, which names no key, goes by the certificate that rests on it."""
    mine = years.about_signer()
    (genesis,) = years.entries("genesis")
    assert len(mine) == 4
    years.at(later(years.began, RETENTION_YEARS) - DAY)
    assert genesis["tx"] in kept(years.rig)
    assert years.entries("erasure") == []
    years.at(later(years.began, RETENTION_YEARS) + DAY)
    assert genesis["tx"] not in kept(years.rig)
    assert mine <= kept(years.rig)
    years.at(later(years.end, RETENTION_YEARS) - DAY)
    assert mine <= kept(years.rig)
    years.at(later(years.end, RETENTION_YEARS) + DAY)
    assert mine & kept(years.rig) == set()


def test_the_years_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATSUIN_LOG__RETENTION__YEARS", "1")
    years = Years(tmp_path)
    with closing(years.rig):
        years.at(later(years.end, 1) - DAY)
        assert years.about_signer() <= kept(years.rig)
        years.at(later(years.end, 1) + DAY)
        assert years.about_signer() & kept(years.rig) == set()


def test_a_newer_certificate_puts_it_off(years: Years) -> None:
    years.clock.time = years.end - DAY
    years.rig.reopen(clock=years.clock)
    years.rig.web.renew(years.signer)
    (registered,) = years.entries("enrolment-approved")
    (first, _) = years.entries("key-created")
    years.at(later(years.end, RETENTION_YEARS) + DAY)
    assert registered["tx"] in kept(years.rig), "the registration is that of the newer key, too"
    assert first["tx"] not in kept(years.rig)


def test_every_erasure_has_its_reason_in_the_log_and_names_nobody(years: Years) -> None:
    before = {entry["tx"] for entry in told_since(years.rig, 0) if "commitment" in entry}
    years.at(later(years.end, RETENTION_YEARS) + DAY)
    told = years.entries("erasure")
    committed = {entry["tx"] for entry in told_since(years.rig, 0) if "commitment" in entry}
    assert before <= committed - kept(years.rig)
    assert {tx for entry in told for tx in entry["openings"]} == committed - kept(years.rig)
    for entry in told:
        assert set(entry) == {"v", "type", "time", "tx", "commitment", "ground", "count", "openings"}
        assert (entry["ground"], entry["count"]) == ("retention", len(entry["openings"]))
        assert entry["openings"] == sorted(entry["openings"])


def test_a_clock_that_is_wrong_at_a_start_erases_nothing(years: Years) -> None:
    """Erasing cannot be undone, so time counts only as far as the log saw it pass, and a month more."""
    before = kept(years.rig)
    years.rig.sam.close()
    years.clock.time = years.began + timedelta(days=8 * 366)
    years.rig.sam = open_sam(years.rig.config, clock=years.clock, stop=years.rig.stopped.append)
    years.rig.sam.housekeeping.round()
    assert before <= kept(years.rig)
    years.at(years.clock.now())
    assert not before <= kept(years.rig), "now there is an entry from that time"


def test_everything_that_the_log_proves_holds_without(years: Years, tmp_path: Path) -> None:
    years.at(later(years.end, RETENTION_YEARS) + DAY)
    rig, signer = years.rig, years.signer
    assert rig.sam.log.size == len(told_since(rig, 0))
    boots = years.entries("boot")
    assert [entry["restored"] for entry in boots] == [False] * len(boots)
    rig.sam.log.publish()
    verify_log(rig.config.sam.log_folder, rig.sam.log.vkey)
    statement = rig.ask(p.StateKey(user_id=signer.user_id, key_id=signer.key.key_id)).statement
    assert judge_statement(statement, rig.sam.log.vkey, log=Path(rig.config.sam.log_folder)).overall == "valid"
    bundle = rig.ask(p.Evidence(user_id=signer.user_id, instruction_id=years.instruction)).document
    told = json.loads(bundle)
    assert told["approved_entry"]["opening"] is None
    assert all("opening" not in use for use in told["uses"])
    lines = {line.name: line for line in judge_evidence(read_evidence(bundle, rig.sam.log.vkey, [])).lines}
    assert (lines["uses"].status, lines["uses"].code) == ("unknown", "opening_missing")
    assert {lines[name].status for name in ("approval", "checkpoint", "inclusion", "signature")} == {"good"}
    events = rig.ask(p.ListEvents(user_id=signer.user_id)).events
    assert {"key-created", "approved"} <= {event.kind for event in events}
    # Life goes on: somebody else registers and signs.
    sign(rig, rig.web.enrol(rig.web.invite(years.officer)))


def test_nothing_of_it_stays_in_any_file(years: Years, tmp_path: Path) -> None:
    """Also not in free pages of the database or in its log (secure_delete, and no write-ahead log after a stop)."""
    canaries = Canaries()
    with years.rig.sam.database.read() as connection:
        for row in connection.execute(sa.select(log_opening)).mappings():
            canaries.add("salt", row["salt"])
            hashed = json.loads(row["fields"]).get("assertion_sha256")
            if hashed is not None:
                canaries.add("field", hashed)
    years.rig.sam.close()
    assert {name for name, _ in canaries.found_in_files(tmp_path)} == {"salt", "field"}, "they are found before"
    years.rig.sam = open_sam(years.rig.config, clock=years.clock, stop=years.rig.stopped.append)
    years.at(later(years.end, RETENTION_YEARS) + DAY)
    years.rig.sam.close()
    assert canaries.found_in_files(tmp_path) == set()
    years.rig.sam = open_sam(years.rig.config, clock=years.clock, stop=years.rig.stopped.append)


def test_a_request_before_the_time_is_refused_with_the_day(years: Years) -> None:
    erasing = years.rig.sam.housekeeping.erasing
    with pytest.raises(StillKept) as error:
        erasing.erase_person(years.signer.user_id)
    (refused,) = years.entries("erasure-refused")
    assert set(refused) == {"v", "type", "time", "tx", "commitment", "ground", "until"}
    assert refused["ground"] == "retention"
    due = datetime.fromtimestamp(refused["until"] / 1000, UTC)
    assert abs(due - later(years.end, RETENTION_YEARS)) < DAY
    assert error.value.message.endswith(f"kept until {due:%Y-%m-%d}")
    assert years.about_signer() <= kept(years.rig)
    years.at(due + DAY)
    years.rig.sam.housekeeping.erasing.erase_person(years.signer.user_id)
    assert len(years.entries("erasure-refused")) == 1
    assert years.about_signer() & kept(years.rig) == set()


def test_an_edited_certificate_does_not_bring_the_day_nearer(years: Years) -> None:
    with years.rig.sam.database.write() as connection:
        connection.execute(certificate.update().values(der=sa.func.substr(certificate.c.der, 1, 100)))
        connection.execute(log_opening.update().values(kept_since=1))
    before = kept(years.rig)
    with pytest.raises(errors.Tampered):
        years.rig.sam.housekeeping.erasing.round()
    assert kept(years.rig) == before


def test_many_are_erased_in_several_entries(years: Years) -> None:
    names = [f"{number:032x}" for number in range(1201)]
    rows = [{"tx": tx, "salt": bytes(32), "fields": b"{}", "key_id": "", "kept_since": 5} for tx in names]
    with years.rig.sam.database.write() as connection:
        connection.execute(log_opening.insert(), rows)
    assert years.rig.sam.housekeeping.erasing.round() == 1201
    assert kept(years.rig).isdisjoint(names)
    assert [entry["count"] for entry in years.entries("erasure")] == [500, 500, 201]


def test_erased_openings_are_not_taken_for_an_older_database(years: Years) -> None:
    """A DB-2 that was marked as put back, and knows everything: tries that it counted are not counted again because
    the openings of their entries are gone."""
    rig = years.rig
    for _ in range(2):
        with pytest.raises(errors.WrongSecret):
            rig.web.activate(years.signer, rig.web.instruct(years.signer, digests(1)), pin="not the PIN 1")
    refused = [entry["tx"] for entry in years.entries("secret-refused")]
    make_due(rig, *refused)
    assert rig.sam.housekeeping.erasing.round() == 2
    sealer = rig.sam.handlers.keys.foundation.sealer
    crash(rig, years.clock, lambda: mark_put_back(rig.sam.database, sealer, rig.sam.log.size))
    with rig.sam.database.read() as connection:
        query = sa.select(key_slot.c.failures).where(key_slot.c.name == "pin")
        assert connection.execute(query).scalar_one() == 2


def crash(rig: SamRig, clock: FixedClock, last: Any) -> None:
    """Open again without the marks of an orderly stop."""
    last()
    rig.sam.time_keeping.close()
    rig.sam.housekeeping.close()
    rig.sam.handlers.line.close()
    rig.sam.log.close()
    rig.sam.database.close()
    rig.sam.vaults.close()
    rig.sam = open_sam(rig.config, clock=clock, stop=rig.stopped.append)


def test_on_postgresql(postgresql_server: object, postgresql_url: str, tmp_path: Path) -> None:
    rig = SamRig.make(tmp_path, database=postgresql_url)
    with closing(rig):
        _, signer = people(rig.web, rig.token)
        (genesis, *_), mine = told_since(rig, 0), told_since(rig, 0)[-1]
        with rig.sam.database.write() as connection:
            old = log_opening.update().values(kept_since=1)
            connection.execute(old.where(log_opening.c.tx.in_([genesis["tx"], mine["tx"]])))
        assert rig.sam.housekeeping.erasing.round() == 1
        assert (genesis["tx"] in kept(rig), mine["tx"] in kept(rig)) == (False, True)
        with pytest.raises(StillKept):
            rig.sam.housekeeping.erasing.erase_person(signer.user_id)


# In real processes.


def set_due(database: Path) -> list[str]:
    """Openings of officers' entries, made to look old enough."""
    with closing(sqlite3.connect(database)) as connection, connection:
        query = "UPDATE log_opening SET kept_since = 1 WHERE instr(CAST(fields AS TEXT), 'officer') RETURNING tx"
        found = [tx for (tx,) in connection.execute(query)]
    assert found
    return found


def openings_in(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {tx for (tx,) in connection.execute("SELECT tx FROM log_opening")}


@pytest.fixture
def sam(tmp_path: Path) -> Iterator[SamProcess]:
    (tmp_path / "n").mkdir()
    make_installation(tmp_path / "n")
    made = SamProcess(tmp_path / "n")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop()


def erasures(sam: SamProcess) -> list[dict[str, Any]]:
    arguments = ["log", "find", str(sam.config.sam.log_folder), "--type", "erasure", "--json"]
    vkey = ["--vkey", sam.web.info.log_vkey]
    found = natsuin(*arguments, *vkey)
    assert found.returncode == 0, found.stderr
    return [json.loads(line)["entry"] for line in found.stdout.splitlines()]


def natsuin(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "natsuin.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_killed_between_the_entry_and_the_erasure(sam: SamProcess) -> None:
    due = set_due(sam.database)
    with pytest.raises(AssertionError, match="-9"):
        sam.start(NATSUIN_FAULT_AT="erasing.after_entry")
    assert set(due) <= openings_in(sam.database)
    sam.start()
    assert openings_in(sam.database).isdisjoint(due)
    (told,) = erasures(sam)
    assert told["openings"] == sorted(due)


def test_a_database_that_was_put_back_is_rid_of_them_again(sam: SamProcess) -> None:
    """Though by its own dates, in the older copy, they would be kept for years."""
    older = sam.folder / "older"
    older.mkdir()
    for file in sam.database.parent.glob("db2.sqlite*"):
        shutil.copy2(file, older / file.name)
    due = set_due(sam.database)
    sam.start()
    sam.stop()
    assert openings_in(sam.database).isdisjoint(due)
    for file in sam.database.parent.glob("db2.sqlite*"):
        file.unlink()
    for file in older.glob("db2.sqlite*"):
        shutil.copy2(file, sam.database.parent / file.name)
    assert set(due) <= openings_in(sam.database)
    sam.start()
    assert openings_in(sam.database).isdisjoint(due)
    assert len(erasures(sam)) == 1
