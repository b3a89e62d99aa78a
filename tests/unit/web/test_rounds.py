"""The rounds that web makes by itself go on, whatever surprise one of them meets."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from natsuin.web import app

ROUNDS: dict[str, Callable[[Any], Awaitable[None]]] = {
    "house": app._keep_house,
    "telling": app._keep_telling,
    "delivering": partial(app._keep_delivering, way="mail"),
    "calling": app._keep_calling,
}


class Surprising:
    """Stands for every part: its first round surprises, the others do nothing."""

    def __init__(self) -> None:
        self.calls = 0

    async def _once(self, *_: object, **__: object) -> int:
        self.calls += 1
        if self.calls == 1:
            raise AttributeError("surprise")
        return 0

    finish_all = catch_up = deliver = round_once = _once

    async def forget(self) -> int:
        return 0

    def nothing(self) -> int:
        return 0


@pytest.mark.parametrize("name", ROUNDS)
def test_a_surprise_ends_no_rounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("NOTICES_SECONDS", "HOUSEKEEPING_SECONDS", "CALL_BACK_SECONDS"):
        monkeypatch.setattr(app, pause, 0.0)
    warned: list[str] = []
    log = SimpleNamespace(warning=lambda event, **_: warned.append(event), info=lambda *_, **__: None)
    monkeypatch.setattr(app, "_log", log)
    met = Surprising()
    idle = SimpleNamespace(start=met.nothing, purge=met.nothing, drop_expired=met.nothing)
    telling = SimpleNamespace(catch_up=met.catch_up, deliver=met.deliver, purge=met.forget)
    applications = SimpleNamespace(purge=met.nothing, call_backs=SimpleNamespace(round=met.round_once))
    parts: Any = SimpleNamespace(
        telling=telling,
        signing=met,
        work=idle,
        sessions=idle,
        sign_in_limits=idle,
        instructions=idle,
        applications=applications,
    )

    async def several() -> None:
        task = asyncio.ensure_future(ROUNDS[name](parts))
        async with asyncio.timeout(60):
            while met.calls < 3 and not task.done():
                await asyncio.sleep(0.001)
        assert not task.done()
        task.cancel()

    asyncio.run(several())
    assert met.calls >= 3
    assert len(warned) == 1, "the surprise alone, and every later round went through"
