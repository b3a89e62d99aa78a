"""Locks by name: one at a time for one name, forgotten afterwards."""

import asyncio

from natsuin.web.keyed_locks import KeyedLocks


def test_one_at_a_time_for_one_name():
    async def run() -> list[str]:
        locks, seen = KeyedLocks(), []

        async def work(name: str, number: int) -> None:
            async with locks.hold(name):
                seen.append(f"+{name}{number}")
                await asyncio.sleep(0)
                seen.append(f"-{name}{number}")

        await asyncio.gather(*(work("a", number) for number in range(5)))
        assert not locks._locks
        return seen

    seen = asyncio.run(run())
    assert seen == [f"{sign}a{number}" for number in range(5) for sign in "+-"]


def test_names_do_not_wait_for_each_other():
    async def run() -> None:
        locks = KeyedLocks()
        async with locks.hold("a"), asyncio.timeout(1), locks.hold("b"):
            assert set(locks._locks) == {"a", "b"}

    asyncio.run(run())


def test_a_failure_inside_frees_the_lock():
    async def run() -> None:
        locks = KeyedLocks()
        try:
            async with locks.hold("a"):
                raise RuntimeError
        except RuntimeError:
            pass
        async with asyncio.timeout(1), locks.hold("a"):
            assert True
        assert not locks._locks

    asyncio.run(run())
