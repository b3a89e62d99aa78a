"""Bodies of CSC requests, read as clients write them: unknown members are ignored, and null means absent.

Everything else is strict: JSON that can be read in one way only, and each member of its type. What a method misses or
cannot use is told in the words of the API's tables of errors.
"""

from typing import Any

from starlette.requests import Request

from natsuin.authentication.oauth import OAuthRefused
from natsuin.errors import Malformed
from natsuin.strict_json import parse_json
from natsuin.web.requests import media_type


class Accepted(dict[str, Any]):
    """Members of an answer that is not final: 202."""


class Members:
    """The members of a body. Where there are two names for one thing, the first that is there counts."""

    def __init__(self, members: dict[str, Any]) -> None:
        self._members = {name: value for name, value in members.items() if value is not None}

    def has(self, *names: str) -> bool:
        """Whether one of these is there."""
        return any(name in self._members for name in names)

    def without(self, name: str) -> dict[str, Any]:
        """All members but one."""
        return {other: value for other, value in self._members.items() if other != name}

    def required(self, name: str) -> str:
        """A text that must be there. Raises `OAuthRefused`."""
        value = self._members.get(name)
        if not isinstance(value, str) or not value:
            raise refused(f"Missing (or invalid type) string parameter {name}")
        return value

    def text(self, *names: str) -> str:
        """A text that may be there; empty if it is not. Raises `OAuthRefused`."""
        for name in names:
            if name in self._members:
                value = self._members[name]
                if not isinstance(value, str):
                    raise refused(f"Invalid parameter {name}")
                return value
        return ""

    def flag(self, name: str) -> bool:
        """A boolean that may be there. Raises `OAuthRefused`."""
        value = self._members.get(name, False)
        if not isinstance(value, bool):
            raise refused(f"Invalid parameter {name}")
        return value

    def number(self, name: str, usual: int) -> int:
        """A positive integer that may be there. Raises `OAuthRefused`."""
        value = self._members.get(name, usual)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise refused(f"Invalid parameter {name}")
        return value

    def integer(self, name: str) -> int:
        """An integer that must be there. Raises `OAuthRefused`."""
        value = self._members.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise refused(f"Missing (or invalid type) integer parameter {name}")
        return value

    def texts(self, *names: str) -> tuple[str, ...]:
        """A list of texts that must be there and not be empty. Raises `OAuthRefused`."""
        value = next((self._members[name] for name in names if name in self._members), None)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise refused("Missing (or invalid type) array parameter hash")
        if not value:
            raise refused("Empty hash array")
        return tuple(value)

    def texts_or_text(self, name: str) -> tuple[str, ...]:
        """As `texts`; clients write a list of one as its text, too. Raises `OAuthRefused`."""
        value = self._members.get(name)
        return (value,) if isinstance(value, str) and value else self.texts(name)

    def objects(self, name: str, wrong: str) -> tuple["Members", ...]:
        """A list of objects, perhaps empty; clients write a list of one as its object, too. Raises `OAuthRefused`
        with the words of `wrong`."""
        value = self._members.get(name)
        listed = [value] if isinstance(value, dict) else value
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise refused(wrong)
        return tuple(Members(item) for item in listed)


async def read_members(request: Request) -> Members:
    """The body's members; none for an empty body. Raises `OAuthRefused` (`invalid_request`)."""
    body = await request.body()
    if not body.strip():
        return Members({})
    if media_type(request) != "application/json":
        raise refused("the body must be application/json")
    try:
        value = parse_json(body)
    except Malformed as cause:
        raise refused("the body is not JSON that can be read in one way only") from cause
    if not isinstance(value, dict):
        raise refused("the body is not a JSON object")
    return Members(value)


def refused(description: str, error: str = "invalid_request") -> OAuthRefused:
    """A refusal in the words of the API's tables."""
    return OAuthRefused(error, description)
