"""What a monitor says about a real sam: nothing on an ordinary day, and the right alarm when something is wrong."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from natsuin.clock import FixedClock
from natsuin.errors import NatsuinError
from natsuin.sam.process import open_sam
from natsuin.sam.watched_clock import WatchedClock
from rigs.sam_in_process import SamRig, people
from rigs.token_house import natsuin
from rigs.watched_log import Watch, watch_of
from rigs.web_side import Signer, digests


class Host:
    """A host whose two clocks the test moves; the monitor's clock goes right."""

    def __init__(self) -> None:
        # A little later than the real clock, which dates what `initialise` writes.
        self.wall = FixedClock(datetime.now(UTC) + timedelta(seconds=3))
        self.monitor = FixedClock(self.wall.time)
        self.since_start = 1000.0

    def pass_time(self, seconds: float) -> None:
        self.wall.advance(seconds)
        self.monitor.advance(seconds)
        self.since_start += seconds

    def watched(self) -> WatchedClock:
        return WatchedClock(self.wall, lambda: self.since_start)


class Followed:
    """A sam and the monitor of its log, which has read it once."""

    def __init__(self, folder: Path) -> None:
        self.host = Host()
        self.folder = folder / "m"
        self.rig = SamRig.make(folder / "sam", clock=self.host.watched())
        self.alice: Signer = people(self.rig.web, self.rig.token)[1]
        self.watch: Watch = watch_of(
            folder / "m", self.rig.config.sam.log_folder, self.rig.sam.log.vkey, self.host.monitor
        )
        assert [alarm["kind"] for alarm in self.visit()] == ["first-reading"]

    def visit(self) -> list[dict[str, Any]]:
        self.rig.sam.log.publish()
        assert self.watch.visit() == {"main": "holds"}
        return self.watch.alarms()

    def shard(self) -> str:
        (file,) = self.folder.rglob("monitor.sqlite")
        with closing(sqlite3.connect(file)) as memory:
            return str(memory.execute("SELECT shard FROM log").fetchone()[0])

    def stop(self) -> None:
        self.rig.sam.close()

    def start(self) -> None:
        self.rig.sam = open_sam(self.rig.config, clock=self.host.watched())

    def signs(self) -> None:
        wanted = digests(2)
        sad = self.rig.web.approve(self.alice, wanted)
        self.rig.web.sign(sad, wanted)
        self.host.pass_time(60)


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    (tmp_path / "sam").mkdir()
    made = Followed(tmp_path)
    yield made
    made.rig.close()


def test_an_ordinary_day_is_quiet(followed: Followed) -> None:
    for _ in range(3):
        followed.signs()
    followed.rig.reopen(clock=followed.host.watched())
    followed.signs()
    assert followed.visit() == []


def test_guessing_a_pin_is_told(followed: Followed) -> None:
    for number in range(5):
        with pytest.raises(NatsuinError):
            followed.rig.web.activate(
                followed.alice, followed.rig.web.instruct(followed.alice, digests(1)), pin=f"wrong {number}"
            )
    (alarm,) = followed.visit()
    assert (alarm["kind"], alarm["facts"]["key"]) == ("refusals-of-a-key", followed.alice.key.key_id)


def test_a_digest_that_was_not_approved_is_told(followed: Followed) -> None:
    sad = followed.rig.web.approve(followed.alice, digests(1))
    with pytest.raises(NatsuinError):
        followed.rig.web.sign(sad, digests(2)[1:])
    (alarm,) = followed.visit()
    assert (alarm["kind"], alarm["severity"]) == ("signing-refused", "warning")
    assert alarm["facts"]["reason"]


def test_a_clock_that_is_moved_is_told(followed: Followed) -> None:
    followed.host.wall.advance(3600)
    followed.rig.sam.time_keeping.look()
    kinds = {alarm["kind"]: alarm["facts"] for alarm in followed.visit()}
    assert set(kinds) == {"clock-stepped", "time-ahead"}, "the log's word, and the monitor's own clock"
    assert kinds["clock-stepped"] == {"seconds": 3600}


def test_a_database_that_is_put_back_is_told(followed: Followed) -> None:
    database = Path(urlsplit(followed.rig.config.sam.database).path)
    yesterday = database.with_name("yesterday")
    followed.stop()
    shutil.copy2(database, yesterday)
    followed.start()
    followed.signs()
    followed.stop()
    shutil.copy2(yesterday, database)
    followed.start()
    alarms = followed.visit()
    assert ("database-restored", "critical") in [(alarm["kind"], alarm["severity"]) for alarm in alarms]


def rotate(followed: Followed, name: str) -> None:
    followed.stop()
    config = followed.rig.config.sam.log_folder.parent / "config.toml"
    done = natsuin("log", "rotate", "--config", str(config), "--name", name)
    assert done.returncode == 0, done.stderr
    followed.start()


def test_a_rotated_log_is_followed_into_its_next_shard(followed: Followed) -> None:
    for name in ("2027", "2028"):
        followed.signs()
        rotate(followed, name)
        followed.signs()
        told = followed.visit()
        # The command goes by the real clock, and the test's is ahead; it starts sam once more, too.
        assert {alarm["kind"] for alarm in told} <= {"privileged-act", "clock-stepped", "frequent-starts"}
        acts = [alarm["facts"]["type"] for alarm in told if alarm["kind"] == "privileged-act"]
        # What is told again within the hour is counted, and not told once more.
        assert acts == (["rotated"] if name == "2027" else [])
        assert followed.shard() == name
    followed.signs()
    assert followed.visit() == []


def test_a_next_shard_that_does_not_name_the_closed_one_is_told(followed: Followed) -> None:
    """Another shard stands in its place: the old one again, or none."""
    rotate(followed, "2027")
    followed.stop()
    log = followed.rig.config.sam.log_folder
    saved = log.parent / "saved"
    shutil.move(log / "shards/2027", saved)
    shutil.copytree(log, log / "shards/2027", ignore=shutil.ignore_patterns("shards"))
    assert followed.watch.visit() == {"main": "refused"}
    assert followed.watch.alarms()[-1]["kind"] == "log-unverified"
    shutil.rmtree(log / "shards/2027")
    assert followed.watch.visit() == {"main": "unreachable"}
    shutil.move(saved, log / "shards/2027")
    assert followed.watch.visit() == {"main": "holds"}
    followed.start()
