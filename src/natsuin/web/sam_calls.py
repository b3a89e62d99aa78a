"""Calls to sam whose answer has one expected type, and what sam says about itself."""

import time
from typing import Protocol, TypeVar

from natsuin.errors import Indeterminate, Unavailable
from natsuin.sam.protocol import Hello, Request, Response, ServiceInformation

Answer = TypeVar("Answer")

_REMEMBER_SECONDS = 60.0


class Sam(Protocol):
    """What web needs of sam: `natsuin.sam.client.SamClient`, or a stand-in under test."""

    async def call(self, message: Request, *, deadline: float = ...) -> Response:
        """The answer to one message. Raises what sam refused with, `Busy`, `Unavailable` or `Indeterminate`."""
        ...


async def ask(sam: Sam, message: Request, expected: type[Answer]) -> Answer:
    """Ask sam. Raises what sam raises; an answer of another type means that the two processes do not fit together."""
    answer = await sam.call(message)
    if not isinstance(answer, expected):
        raise Unavailable("the key module answered something else than was asked")
    return answer


async def ask_again(sam: Sam, message: Request, expected: type[Answer], *, tries: int = 3) -> Answer:
    """Ask something that is safe to ask again (promise P5), again if the answer did not come."""
    for _ in range(tries - 1):
        try:
            return await ask(sam, message, expected)
        except Indeterminate:
            continue
    return await ask(sam, message, expected)


class ServiceFacts:
    """What sam says about itself, asked again once a minute. Used from one event loop."""

    def __init__(self, sam: Sam) -> None:
        self._sam = sam
        self._known: tuple[float, ServiceInformation] | None = None

    async def get(self) -> ServiceInformation:
        """sam's answer to Hello, at most a minute old. Raises `Unavailable` if sam does not answer."""
        if self._known is not None and time.monotonic() - self._known[0] < _REMEMBER_SECONDS:
            return self._known[1]
        answer = await ask(self._sam, Hello(), ServiceInformation)
        self._known = (time.monotonic(), answer)
        return answer
