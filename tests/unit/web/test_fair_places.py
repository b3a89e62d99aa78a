"""Places for slow work: in turn between people, never all for one, and none lost."""

import asyncio

import pytest

from natsuin.errors import Busy
from natsuin.web.document_work import Room
from natsuin.web.fair_places import FairPlaces


class Desk:
    """Work that ends when the test says so. `begun` is who got a place, in order."""

    def __init__(self, places: FairPlaces) -> None:
        self.places = places
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    async def work(self, person: str, name: str) -> None:
        self.ends[name] = asyncio.Event()
        async with self.places.place_for(person):
            self.begun.append(name)
            await self.ends[name].wait()

    def bring(self, *names: str) -> list["asyncio.Task[None]"]:
        """Pieces of work, named for their person and a number."""
        return [asyncio.create_task(self.work(name[0], name)) for name in names]

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def fair(count: int = 2, *, each: int = 1, waiting: int = 8, waiting_together: int = 64) -> Desk:
    return Desk(FairPlaces(count, each=each, waiting=waiting, waiting_together=waiting_together))


def test_one_persons_slow_work_leaves_room_for_another():
    async def story():
        desk = fair()
        tasks = desk.bring("a1", "a2", "a3", "b1")
        await settle()
        assert desk.begun == ["a1", "b1"]
        for name in ("a1", "a2", "a3", "b1"):
            await desk.end(name)
        await asyncio.gather(*tasks)
        assert desk.begun == ["a1", "b1", "a2", "a3"]

    asyncio.run(story())


def test_places_that_get_free_go_round():
    async def story():
        desk = fair(1)
        tasks = desk.bring("a1", "a2", "a3", "b1", "b2", "c1")
        await settle()
        for name in ("a1", "a2", "b1", "c1", "a3", "b2"):
            await desk.end(name)
        await asyncio.gather(*tasks)
        assert desk.begun == ["a1", "a2", "b1", "c1", "a3", "b2"]

    asyncio.run(story())


def test_work_that_was_called_off_takes_no_place_with_it():
    async def story():
        desk = fair(1)
        first, waiting, next_one = desk.bring("a1", "b1", "c1")
        await settle()
        waiting.cancel()
        await settle()
        # Called off at the very moment at which the place is given.
        desk.ends["a1"].set()
        await first
        next_one.cancel()
        await asyncio.gather(waiting, next_one, return_exceptions=True)
        (last,) = desk.bring("d1")
        await settle()
        assert desk.begun[-1] == "d1"
        await desk.end("d1")
        await last

    asyncio.run(story())


def test_too_many_that_wait_are_told_at_once():
    async def story():
        desk = fair(1, waiting=2, waiting_together=3)
        tasks = desk.bring("a1", "a2", "a3")
        await settle()
        with pytest.raises(Busy):
            await desk.work("a", "a4")
        tasks += desk.bring("b1")
        await settle()
        with pytest.raises(Busy):
            await desk.work("c", "c1")
        for name in ("a1", "a2", "b1", "a3"):
            await desk.end(name)
        await asyncio.gather(*tasks)

    asyncio.run(story())


def test_the_room_follows_the_machine(monkeypatch):
    def room(cores: int, gigabytes: int) -> tuple[int, int, int]:
        monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
        pages = {"SC_PHYS_PAGES": gigabytes * 2**18, "SC_PAGE_SIZE": 4096}
        monkeypatch.setattr("os.sysconf", pages.__getitem__)
        found = Room.of_this_machine()
        return found.signing, found.verifying, found.of_one_signer

    assert room(1, 1) == (2, 1, 1)
    assert room(2, 8) == (2, 1, 1)
    assert room(16, 64) == (16, 8, 8)
    assert room(64, 16) == (8, 4, 4)
