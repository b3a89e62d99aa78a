"""The rounds that web makes by itself go on, whatever surprise one of them meets."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from natsuin.web import app


class Surprising:
    """Stands for every part: the first call surprises, the others answer."""

    def __init__(self) -> None:
        self.calls = 0

    async def catch_up(self) -> int:
        return await self.finish_all(restarted=False)

    async def finish_all(self, *, restarted: bool) -> int:
        self.calls += 1
        if self.calls == 1:
            raise AttributeError("surprise")
        return 0

    async def deliver(self) -> int:
        return 0

    async def purge(self) -> int:
        return 0

    def nothing(self) -> int:
        return 0


@pytest.mark.parametrize("rounds", [app._keep_telling, app._keep_house])
def test_a_surprise_ends_no_rounds(rounds: Callable[[Any], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "NOTICES_SECONDS", 0.0)
    monkeypatch.setattr(app, "HOUSEKEEPING_SECONDS", 0.0)
    met = Surprising()
    idle = SimpleNamespace(start=met.nothing, purge=met.nothing, drop_expired=met.nothing)
    parts: Any = SimpleNamespace(notices=met, signing=met, work=idle, sessions=idle, instructions=idle)

    async def several() -> None:
        task = asyncio.ensure_future(rounds(parts))
        while met.calls < 3 and not task.done():
            await asyncio.sleep(0.001)
        assert not task.done()
        task.cancel()

    asyncio.run(several())
    assert met.calls >= 3
