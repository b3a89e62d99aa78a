"""Calls to sam whose answer has one expected type."""

from typing import Protocol, TypeVar

from natsuin.errors import Indeterminate, Unavailable
from natsuin.sam.protocol import Request, Response

Answer = TypeVar("Answer")


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
