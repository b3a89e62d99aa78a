"""Access requests on their way: pushed by a client, or before a person, until they are answered once.

pushed     the client's back end has stored the request (RFC 9126); a browser brings its handle
started    the request is before a person; the handle stands in the address of the page
answered   granted or denied; the handle is of no more use
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from natsuin.authentication.oauth.asking import Asked
from natsuin.authentication.oauth.errors import AccessRequestOver, OAuthRefused
from natsuin.authentication.oauth.secrets import new_secret, secret_hash
from natsuin.authentication.oauth.tables import oauth_request
from natsuin.clock import Clock, milliseconds
from natsuin.storage import Database

REQUEST_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"
PUSHED_SECONDS = 90
STARTED_SECONDS = 900
_T = TypeVar("_T")


@dataclass(frozen=True)
class Waiting:
    """An access request before a person. `instruction_id` is the newest instruction that sam recorded for it."""

    asked: Asked
    owner_id: str | None
    instruction_id: str | None
    expires_at: int


class AccessRequests:
    """The access requests of one database. Thread safe; every change is durable on return."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def push(self, asked: Asked) -> str:
        """Store a request for its client's next redirect. Returns its request URI, good once, for `PUSHED_SECONDS`."""
        return REQUEST_URI_PREFIX + self._add(asked, "pushed", timedelta(seconds=PUSHED_SECONDS))

    def take_pushed(self, request_uri: str, client_id: str) -> Asked:
        """The pushed request that a browser brings, once. Raises `OAuthRefused` (`invalid_request_uri`)."""
        handle = request_uri.removeprefix(REQUEST_URI_PREFIX)
        with self._database.write() as connection:
            row = _find(connection, handle)
            if row is not None and row["stage"] == "pushed" and row["client_id"] == client_id:
                connection.execute(sa.delete(oauth_request).where(_is(handle)))
                if row["expires_at"] > self._now():
                    return _asked(row)
        raise OAuthRefused("invalid_request_uri", "the request URI is not known, was used, or is over")

    def start(self, asked: Asked) -> str:
        """Put a request before a person. Returns the handle for the page's address."""
        return self._add(asked, "started", timedelta(seconds=STARTED_SECONDS))

    def look(self, handle: str, owner_id: str) -> Waiting:
        """The request, which from the first look on belongs to this person. Raises `AccessRequestOver`."""
        with self._database.write() as connection:
            row = self._open(connection, handle, owner_id)
            if row["owner_id"] is None:
                connection.execute(sa.update(oauth_request).where(_is(handle)).values(owner_id=owner_id))
        return Waiting(_asked(row), owner_id, row["instruction_id"], row["expires_at"])

    def note_instruction(self, handle: str, owner_id: str, instruction_id: str) -> None:
        """Remember which instruction is about to be approved for it. Raises `AccessRequestOver`."""
        with self._database.write() as connection:
            self._open(connection, handle, owner_id)
            changed = sa.update(oauth_request).where(_is(handle))
            connection.execute(changed.values(instruction_id=instruction_id))

    def answer(self, handle: str, owner_id: str, work: Callable[[sa.Connection, Asked], _T]) -> _T:
        """End the access request and do `work` in the same transaction. Raises `AccessRequestOver`."""
        with self._database.write() as connection:
            row = self._open(connection, handle, owner_id)
            answered = sa.update(oauth_request).where(_is(handle), oauth_request.c.stage == "started")
            if connection.execute(answered.values(stage="answered")).rowcount != 1:
                raise _over()
            return work(connection, _asked(row))

    def purge(self) -> int:
        """Delete what is over. Returns how many."""
        with self._database.write() as connection:
            over = sa.delete(oauth_request).where(oauth_request.c.expires_at <= self._now())
            return connection.execute(over).rowcount

    def _add(self, asked: Asked, stage: str, life: timedelta) -> str:
        # It stands in addresses, where an identifier begins with a letter.
        handle, now = "a" + new_secret(), self._clock.now()
        row = {
            "handle_hash": secret_hash(handle),
            "client_id": asked.client_id,
            "stage": stage,
            "request": msgspec.json.encode(asked),
            "owner_id": None,
            "instruction_id": None,
            "page": None,
            "sealing": None,
            "created_at": milliseconds(now),
            "expires_at": milliseconds(now + life),
        }
        with self._database.write() as connection:
            connection.execute(sa.insert(oauth_request).values(**row))
        return handle

    def _open(self, connection: sa.Connection, handle: str, owner_id: str) -> dict[str, Any]:
        row = _find(connection, handle)
        if row is None or row["stage"] != "started" or row["expires_at"] <= self._now():
            raise _over()
        if row["owner_id"] not in (None, owner_id):
            raise _over()
        return row

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def _over() -> AccessRequestOver:
    return AccessRequestOver(
        "this request was answered, is over, or is another person's",
        hint="Go back to the application and start there again.",
    )


def _is(handle: str) -> sa.ColumnElement[bool]:
    return oauth_request.c.handle_hash == secret_hash(handle)


def _find(connection: sa.Connection, handle: str) -> dict[str, Any] | None:
    found = connection.execute(sa.select(oauth_request).where(_is(handle)).with_for_update())
    row = found.mappings().one_or_none()
    return None if row is None else dict(row)


def _asked(row: dict[str, Any]) -> Asked:
    return msgspec.json.decode(row["request"], type=Asked)
