"""What was accepted to be done later, and what came of it: rows of DB-1 that outlast a restart.

A row is found by the SHA-256 of its response's id, and holds the approval's token sealed under that id, which only the
client has. So the database signs nothing (promise P3), and after a restart the client's own question brings the work
to its end.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from natsuin import base64url
from natsuin.authentication.oauth import Access, open_sad, seal_sad
from natsuin.clock import Clock, milliseconds
from natsuin.storage import Database
from natsuin.web.csc.bodies import refused
from natsuin.web.csc.call_backs import add_delivery
from natsuin.web.tables import csc_response

MOST_KEPT: Final = 2000
"""So many responses are kept for one client at a time."""
LEASE: Final = timedelta(seconds=60)
"""For so long a process that began the work is not disturbed by others."""
_PURPOSE: Final = b"natsuin/csc/response/v1"


@dataclass(frozen=True)
class Work:
    """What is to be done: the method's name, its members without the SAD, and the token that signs."""

    method: str
    members: dict[str, Any]
    token: str

    def response_id(self) -> str:
        """The same for the same request again. Nobody without the token can make it, nor the token of it."""
        told = json.dumps([self.method, self.members], sort_keys=True).encode()
        return base64url.encode(hmac.digest(self.token.encode(), _PURPOSE + hashlib.sha256(told).digest(), "sha256"))


@dataclass(frozen=True)
class Kept:
    """A row: whose it is, and how far it has come (`accepted`, `done`, `refused`). `answer` is the method's own, or
    `error` and `error_description`."""

    client_id: str
    user_id: str
    bound_to: str
    state: str
    answer: dict[str, Any]


class Responses:
    """The responses of one database. Thread safe; every change is durable on return."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def accept(self, work: Work, access: Access, *, keep_ms: int) -> str:
        """Keep work that is to be done, once however often it is asked for. Returns the response's id.

        Raises `OAuthRefused` (`temporarily_unavailable`) when too much is kept for this client.
        """
        response_id, now = work.response_id(), self._now()
        mine = sa.select(sa.func.count()).where(
            csc_response.c.client_id == access.client_id, csc_response.c.expires_at > now
        )
        row = {
            "response_hash": _hash(response_id),
            "client_id": access.client_id,
            "user_id": access.user_id,
            "bound_to": access.bound_to,
            "method": work.method,
            "request": json.dumps(work.members).encode(),
            "sealed_token": seal_sad(work.token.encode(), response_id, work.method),
            "state": "accepted",
            "answer": b"{}",
            "claimed_until": 0,
            "created_at": now,
            "expires_at": now + keep_ms,
        }
        # Whoever was faster with the same request kept the same row.
        with suppress(sa.exc.IntegrityError), self._database.write() as connection:
            if connection.execute(sa.select(csc_response.c.state).where(_is(response_id))).one_or_none() is None:
                if connection.execute(mine).scalar_one() >= MOST_KEPT:
                    raise refused("Too many responses are kept for this client.", "temporarily_unavailable")
                connection.execute(sa.insert(csc_response).values(**row))
        return response_id

    def look(self, response_id: str) -> Kept | None:
        """What there is under this id, if its time is not over."""
        query = sa.select(csc_response).where(_is(response_id), csc_response.c.expires_at > self._now())
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        return Kept(row["client_id"], row["user_id"], row["bound_to"], row["state"], json.loads(row["answer"]))

    def claim(self, response_id: str) -> Work | None:
        """The work, if it is still to be done and nobody else is at it: for `LEASE` it is the caller's."""
        now = self._now()
        free = sa.update(csc_response).where(
            _is(response_id),
            csc_response.c.state == "accepted",
            csc_response.c.claimed_until <= now,
            csc_response.c.expires_at > now,
        )
        with self._database.write() as connection:
            until = now + LEASE // timedelta(milliseconds=1)
            if connection.execute(free.values(claimed_until=until)).rowcount != 1:
                return None
            row = connection.execute(sa.select(csc_response).where(_is(response_id))).mappings().one()
        token = open_sad(row["sealed_token"], response_id, row["method"]).decode()
        return Work(row["method"], json.loads(row["request"]), token)

    def release(self, response_id: str) -> None:
        """Let others try."""
        free = sa.update(csc_response).where(_is(response_id), csc_response.c.state == "accepted")
        with self._database.write() as connection:
            connection.execute(free.values(claimed_until=0))

    def finish(self, response_id: str, answer: Mapping[str, Any], *, done: bool) -> None:
        """Keep what came of it, and have the client told if it asked for that. The request and the token are of no more
        use and go."""
        kept = json.dumps(answer).encode()
        with self._database.write() as connection:
            query = sa.select(csc_response).where(_is(response_id), csc_response.c.state == "accepted")
            row = connection.execute(query.with_for_update()).mappings().one_or_none()
            if row is None:
                return
            values = {"state": "done" if done else "refused", "answer": kept, "request": b"", "sealed_token": b""}
            connection.execute(sa.update(csc_response).where(_is(response_id)).values(**values))
            if "response_uri" in json.loads(row["request"]):
                add_delivery(
                    connection,
                    row["client_id"],
                    response_id,
                    done=done,
                    now=self._now(),
                    expires_at=row["expires_at"],
                )

    def purge(self) -> int:
        """Delete what is over. Returns how many."""
        with self._database.write() as connection:
            over = sa.delete(csc_response).where(csc_response.c.expires_at <= self._now())
            return connection.execute(over).rowcount

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def _hash(response_id: str) -> bytes:
    return hashlib.sha256(response_id.encode("utf-8", "surrogatepass")).digest()


def _is(response_id: str) -> sa.ColumnElement[bool]:
    return csc_response.c.response_hash == _hash(response_id)
