"""The wall clock is set back, set ahead, or wrong at a start: nothing lives longer, nothing is misdated in silence."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from natsuin.clock import FixedClock
from natsuin.errors import Conflict, Expired, NatsuinError
from natsuin.sam import process
from natsuin.sam.process import accept_clock
from natsuin.sam.protocol import OCSP, Hello, ListKeys, TimeStamp
from natsuin.sam.watched_clock import ClockBehind, WatchedClock
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Signer, digests

HOUR = 3600


class Host:
    """A host whose two clocks the test moves."""

    def __init__(self) -> None:
        # A little later than the real clock, which dates what `initialise` writes.
        self.wall = FixedClock(datetime.now(UTC) + timedelta(seconds=3))
        self.since_start = 1000.0

    def pass_time(self, seconds: float) -> None:
        self.wall.advance(seconds)
        self.since_start += seconds

    def watched(self) -> WatchedClock:
        """What sam makes at its start."""
        return WatchedClock(self.wall, lambda: self.since_start)


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def rig(tmp_path: Path, host: Host) -> Iterator[SamRig]:
    made = SamRig.make(tmp_path, clock=host.watched())
    yield made
    made.close()


@pytest.fixture
def alice(rig: SamRig) -> Signer:
    return people(rig.web, rig.token)[1]


def entries(rig: SamRig, kind: str) -> list[dict[str, Any]]:
    rig.sam.log.publish()
    return [entry for _, leaf in rig.sam.log.entries() if (entry := json.loads(leaf))["type"] == kind]


def times(rig: SamRig) -> list[int]:
    rig.sam.log.publish()
    return [json.loads(leaf)["time"] for _, leaf in rig.sam.log.entries()]


def test_setting_the_clock_back_revives_no_approval(rig: SamRig, host: Host, alice: Signer) -> None:
    wanted = digests(2)
    sad = rig.web.approve(alice, wanted)
    rig.web.sign(sad, wanted[:1])
    host.pass_time(HOUR)
    with pytest.raises(Expired):
        rig.web.sign(sad, wanted[1:])
    host.wall.advance(-HOUR)
    for _ in range(2):
        with pytest.raises(ClockBehind):
            rig.web.sign(sad, wanted[1:])
        rig.sam.time_keeping.look()
    # Also not once the wall clock has come as far as the approval's time again.
    host.wall.advance(HOUR)
    with pytest.raises(NatsuinError):
        rig.web.sign(sad, wanted[1:])


def test_an_open_approval_ends_when_the_clock_is_set_back(rig: SamRig, host: Host, alice: Signer) -> None:
    wanted = digests(1)
    sad = rig.web.approve(alice, wanted)
    waiting = rig.web.instruct(alice, digests(1))
    host.wall.advance(-60)
    rig.sam.time_keeping.look()
    (told,) = entries(rig, "clock-stepped")
    assert (told["seconds"], told["cancelled"]) == (-60, 2)
    assert told["time"] - told["clock"] == 60_000
    with pytest.raises(ClockBehind, match="60 seconds behind"):
        rig.web.sign(sad, wanted)
    host.wall.advance(60)
    for refused in (lambda: rig.web.sign(sad, wanted), lambda: rig.web.activate(alice, waiting)):
        with pytest.raises(Conflict, match="cancelled"):
            refused()
    assert rig.web.sign(rig.web.approve(alice, wanted), wanted).signatures


def test_while_it_is_behind_nothing_is_approved_or_dated(rig: SamRig, host: Host, alice: Signer) -> None:
    host.wall.advance(-30)
    for attempt in (lambda: rig.web.instruct(alice, digests(1)), lambda: rig.ask(TimeStamp(request=b""))):
        with pytest.raises(ClockBehind):
            attempt()
    assert rig.ask(ListKeys(user_id=alice.user_id)).keys
    assert rig.ask(Hello()).version
    assert rig.ask(OCSP(request=b"")).der
    assert "clock" in rig.sam.handlers.health().problems


def test_entries_never_go_back_in_time(rig: SamRig, host: Host, alice: Signer) -> None:
    rig.web.approve(alice, digests(1))
    host.pass_time(10)
    host.wall.advance(-HOUR)
    rig.sam.time_keeping.look()
    host.pass_time(10)
    rig.reopen(clock=host.watched())
    found = times(rig)
    assert found == sorted(found)
    assert found[-1] - found[0] >= 10_000


def test_a_start_with_the_clock_behind_the_log(rig: SamRig, host: Host, alice: Signer) -> None:
    """As when the battery of a host is empty: sam opens, says so, and approves nothing."""
    wanted = digests(1)
    sad = rig.web.approve(alice, wanted)
    rig.close()
    host.wall.advance(-HOUR)
    host.since_start = 3.0
    rig.sam = process.open_sam(rig.config, clock=host.watched(), stop=rig.stopped.append)
    (told,) = entries(rig, "clock-stepped")
    assert told["seconds"] == -HOUR
    assert told["cancelled"] == 1
    with pytest.raises(ClockBehind):
        rig.web.sign(sad, wanted)
    host.wall.advance(HOUR)
    with pytest.raises(Conflict):
        rig.web.sign(sad, wanted)
    assert rig.web.sign(rig.web.approve(alice, wanted), wanted).signatures


def test_a_clock_set_ahead_is_told_and_ends_approvals_early(rig: SamRig, host: Host, alice: Signer) -> None:
    wanted = digests(1)
    sad = rig.web.approve(alice, wanted)
    host.wall.advance(HOUR)
    rig.sam.time_keeping.look()
    rig.sam.time_keeping.look()
    assert [entry["seconds"] for entry in entries(rig, "clock-stepped")] == [HOUR]
    with pytest.raises(Expired):
        rig.web.sign(sad, wanted)
    assert rig.web.approve(alice, digests(1))


def test_after_a_wrong_step_ahead_the_custodian_accepts_the_right_time(
    rig: SamRig, host: Host, alice: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.wall.advance(365 * 24 * HOUR)
    rig.sam.time_keeping.look()
    host.wall.advance(-365 * 24 * HOUR)
    rig.reopen(clock=host.watched())
    with pytest.raises(ClockBehind):
        rig.web.instruct(alice, digests(1))
    rig.close()
    monkeypatch.setattr(process, "SystemClock", lambda: host.wall)
    monkeypatch.setattr(process, "harden", lambda: None)
    assert accept_clock(rig.config) == host.wall.now()
    rig.sam = process.open_sam(rig.config, clock=host.watched(), stop=rig.stopped.append)
    assert rig.web.approve(alice, digests(1))
    assert len(entries(rig, "clock-accepted")) == 1


def test_small_corrections_are_none_of_this(rig: SamRig, host: Host, alice: Signer) -> None:
    """A time service moves the clock by less than the tolerance; over hours the steady clock may run away by more."""
    for _ in range(50):
        host.pass_time(HOUR / 2)
        host.wall.advance(-0.9)
        rig.sam.time_keeping.look()
    assert rig.web.approve(alice, digests(1))
    assert entries(rig, "clock-stepped") == []


def test_sams_time_goes_on_while_the_wall_clock_stands_back(host: Host) -> None:
    clock = host.watched()
    began = clock.now()
    host.wall.advance(-HOUR)
    host.pass_time(40)
    assert clock.now() - began == timedelta(seconds=40)
    assert clock.step() == timedelta(seconds=-HOUR)
    clock.note(timedelta(seconds=-HOUR))
    assert clock.step() is None
    host.wall.advance(HOUR)
    clock.require_right()
    assert clock.step() is None
