"""Who travels with whom: few journeys while little is asked for, and nobody behind a long batch."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import cast

import pytest

from natsuin.errors import Busy, NatsuinError, StorageFailed
from natsuin.sam.protocol import Sign, Signed
from natsuin.signing.line import SigningLine
from natsuin.signing.sign import SigningPath, SignRequest


def asked(name: str, digests: int = 1) -> Sign:
    return Sign(sad=name, dtbs=(b"\0" * 32,) * digests)


@dataclass
class Road:
    """In the path's place: notes who travels together, and keeps a journey away until it is let home."""

    journeys: list[list[str]] = field(default_factory=list)
    began: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    home: dict[str, threading.Event] = field(default_factory=dict)
    """By the name of a journey's first request."""
    broken: bool = False
    stopped: list[NatsuinError] = field(default_factory=list)
    closed_after: int | None = None
    """How many journeys there had been when the line closed the path."""

    def hold(self, name: str) -> threading.Event:
        self.home[name] = threading.Event()
        return self.home[name]

    def sign_together(self, requests: Sequence[SignRequest]) -> None:
        self.journeys.append([request.message.sad for request in requests])
        self.began.release()
        held = self.home.get(requests[0].message.sad)
        if held is not None:
            assert held.wait(30)
        if self.broken:
            raise ValueError("a defect")
        for request in requests:
            request.answer(Signed(signatures=(), receipt=request.message.sad))

    def stop(self, error: NatsuinError) -> None:
        self.stopped.append(error)

    def close(self) -> None:
        self.closed_after = len(self.journeys)


@pytest.fixture
def road() -> Road:
    return Road()


@pytest.fixture
def line(road: Road) -> Iterator[SigningLine]:
    made = SigningLine(cast("SigningPath", road), lanes=2)
    yield made
    for held in road.home.values():
        held.set()
    made.close()


def test_while_one_lane_travels_the_others_wait_and_travel_together(
    line: SigningLine, road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("natsuin.signing.line._PATIENCE_SECONDS", 60)
    held = road.hold("first")
    futures = [line.submit(asked("first"))]
    assert road.began.acquire(timeout=30)
    futures += [line.submit(asked(f"later {n}")) for n in range(9)]
    assert not road.began.acquire(timeout=0.2), "a second lane set out for little"
    held.set()
    assert [future.result(30).receipt for future in futures] == ["first", *(f"later {n}" for n in range(9))]
    assert road.journeys == [["first"], [f"later {n}" for n in range(9)]]


def test_nobody_waits_behind_a_long_batch(line: SigningLine, road: Road) -> None:
    held = road.hold("batch")
    batch = line.submit(asked("batch", 1000))
    assert road.began.acquire(timeout=30)
    for n in range(3):
        assert line.submit(asked(f"quick {n}")).result(30).receipt == f"quick {n}"
    assert not batch.done()
    held.set()
    assert batch.result(30).receipt == "batch"


def test_nobody_waits_behind_a_journey_that_takes_long(line: SigningLine, road: Road) -> None:
    """A hanging token, or a few slow keys: the second lane sets out when the first does not come home."""
    held = road.hold("slow")
    slow = line.submit(asked("slow"))
    assert road.began.acquire(timeout=30)
    assert line.submit(asked("quick")).result(30).receipt == "quick"
    assert not slow.done()
    held.set()
    assert slow.result(30).receipt == "slow"


def test_nothing_is_taken_after_closing(road: Road) -> None:
    line = SigningLine(cast("SigningPath", road), lanes=2)
    line.close()
    with pytest.raises(Busy):
        line.submit(asked("late"))


def test_the_path_is_closed_when_nobody_travels_any_more(road: Road) -> None:
    line = SigningLine(cast("SigningPath", road), lanes=2)
    futures = [line.submit(asked(f"signer {n}", 30)) for n in range(20)]
    line.close()
    assert all(future.done() for future in futures)
    assert road.closed_after == len(road.journeys) > 0


def test_a_crowd_of_batches_is_shared_out_to_both_lanes(line: SigningLine, road: Road) -> None:
    held = road.hold("first"), road.hold("second")
    futures = [line.submit(asked("first", 100))]
    assert road.began.acquire(timeout=30)
    futures.append(line.submit(asked("second", 100)))
    assert road.began.acquire(timeout=30)
    futures += [line.submit(asked(f"later {n}", 100)) for n in range(6)]
    for one in held:
        one.set()
    for future in futures:
        future.result(30)
    assert max(len(journey) for journey in road.journeys) < 6, "one lane took everything"


def test_those_who_travelled_together_are_waited_for(
    line: SigningLine, road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("natsuin.signing.line._PATIENCE_SECONDS", 60)
    monkeypatch.setattr("natsuin.signing.line._GATHER_SECONDS", 60)
    held = road.hold("first")
    first = line.submit(asked("first"))
    assert road.began.acquire(timeout=30)
    crowd = [line.submit(asked(f"crowd {n}")) for n in range(4)]
    held.set()
    first.result(30)
    crowd.append(line.submit(asked("first again")))
    for future in crowd:
        future.result(30)
    again = [line.submit(asked(f"again {n}")) for n in range(5)]
    for future in again:
        future.result(30)
    names = [f"again {n}" for n in range(5)]
    assert road.journeys == [["first"], [*(f"crowd {n}" for n in range(4)), "first again"], names]


def test_a_lane_that_wakes_while_another_gathers_takes_nobody_away(
    line: SigningLine, road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("natsuin.signing.line._PATIENCE_SECONDS", 60)
    monkeypatch.setattr("natsuin.signing.line._GATHER_SECONDS", 60)
    held = road.hold("first")
    first = line.submit(asked("first"))
    assert road.began.acquire(timeout=30)
    crowd = [line.submit(asked(f"crowd {n}")) for n in range(4)]
    held.set()
    first.result(30)
    while not line._gathering:
        sleep(0.001)
    with line._turn:
        for lane in line._set_out:
            lane.notify()
    # Who would take the four away has had its turn when this one is taken up behind it.
    sleep(0.05)
    crowd.append(line.submit(asked("last")))
    for future in crowd:
        future.result(30)
    assert [len(journey) for journey in road.journeys] == [1, 5]


def test_who_does_not_come_back_is_waited_for_only_a_moment(line: SigningLine, road: Road) -> None:
    held = road.hold("first")
    line.submit(asked("first"))
    assert road.began.acquire(timeout=30)
    crowd = [line.submit(asked(f"crowd {n}")) for n in range(4)]
    held.set()
    for future in crowd:
        future.result(30)
    assert line.submit(asked("alone")).result(30).receipt == "alone"


def test_closing_finishes_what_waits(road: Road) -> None:
    line = SigningLine(cast("SigningPath", road), lanes=2)
    held = road.hold("first")
    futures = [line.submit(asked("first"))]
    assert road.began.acquire(timeout=30)
    futures += [line.submit(asked(f"later {n}")) for n in range(5)]
    closing = threading.Thread(target=line.close)
    closing.start()
    held.set()
    closing.join(30)
    assert not closing.is_alive()
    assert all(future.done() for future in futures)


def test_a_defect_answers_everybody_and_stops_the_process(line: SigningLine, road: Road) -> None:
    road.broken = True
    with pytest.raises(StorageFailed, match="ValueError"):
        line.submit(asked("first")).result(30)
    with pytest.raises(StorageFailed, match="ValueError"):
        line.submit(asked("second")).result(30)
    assert len(road.stopped) == 2
