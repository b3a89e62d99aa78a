"""Approvals that a client asks for without the person's browser (CSC API 2, 11.6 and 11.7): it gets a handle, the
person finds the request in the portal, and the client asks by the handle until it is given the SAD.

Everything follows from the handle, which is kept nowhere: the address of the portal's page, the SAD, and a key pair
whose public half is stored at once. When the person approves, the activation is sealed to that, so the database opens
no key before the client comes back (promise P3), and a client that asks again gets the same SAD (P5).
"""

import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from natsuin import base64url
from natsuin.authentication.oauth.access_requests import STARTED_SECONDS
from natsuin.authentication.oauth.asking import Asked
from natsuin.authentication.oauth.errors import OAuthRefused
from natsuin.authentication.oauth.secrets import new_secret, seal_sad, secret_hash
from natsuin.authentication.oauth.tables import oauth_grant, oauth_request, oauth_token
from natsuin.authentication.oauth.tokens import Approved, Tokens
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Tampered
from natsuin.storage import Database

MOST_WAITING = 20
"""So many requests of one client may wait for one person at a time."""

_PURPOSE = b"natsuin/oauth/handle/v1/"
_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@dataclass(frozen=True)
class Unanswered:
    """A request that waits in the portal. `page` is the last part of its page's address; times in milliseconds."""

    page: str
    asked: Asked
    created_at: int
    expires_at: int


@dataclass(frozen=True)
class Given:
    """The SAD that a handle stands for, and for how many seconds it is good."""

    sad: str
    expires_in: int


class Elsewhere:
    """The requests of this kind in one database. Thread safe; every change is durable on return."""

    def __init__(self, database: Database, clock: Clock, tokens: Tokens) -> None:
        self._database = database
        self._clock = clock
        self.tokens = tokens

    def ask(self, asked: Asked, user_id: str) -> str:
        """Put a request into a person's portal. Returns the handle. Raises `OAuthRefused` (`temporarily_unavailable`)
        when too many wait there."""
        handle, now = new_secret(), self._clock.now()
        names = _Names.of(handle)
        row = {
            "handle_hash": secret_hash(names.page),
            "client_id": asked.client_id,
            "stage": "started",
            "request": msgspec.json.encode(asked),
            "owner_id": user_id,
            "instruction_id": None,
            "page": names.page,
            "sealing": json.dumps([secret_hash(names.sad).hex(), names.public_key().hex()]),
            "created_at": milliseconds(now),
            "expires_at": milliseconds(now + timedelta(seconds=STARTED_SECONDS)),
        }
        theirs = _waiting(user_id, milliseconds(now)).where(oauth_request.c.client_id == asked.client_id)
        with self._database.write() as connection:
            if len(connection.execute(theirs).all()) >= MOST_WAITING:
                raise OAuthRefused("temporarily_unavailable", "Too many requests wait for this person's answer.")
            connection.execute(sa.insert(oauth_request).values(**row))
        return handle

    def waiting_for(self, user_id: str) -> tuple[Unanswered, ...]:
        """What waits for a person's answer, the oldest first."""
        query = _waiting(user_id, milliseconds(self._clock.now()))
        with self._database.read() as connection:
            return tuple(
                Unanswered(
                    row["page"],
                    msgspec.json.decode(row["request"], type=Asked),
                    row["created_at"],
                    row["expires_at"],
                )
                for row in connection.execute(query).mappings()
            )

    def grant(self, connection: sa.Connection, page: str, asked: Asked, approved: Approved) -> None:
        """Record an approval, in the caller's transaction; the client comes for it."""
        row = connection.execute(sa.select(oauth_request).where(_is(page))).mappings().one()
        sad_hash, public_key = map(bytes.fromhex, json.loads(row["sealing"]))
        grant_id = self.tokens.record_grant(connection, asked, approved)
        sealed = _SUITE.encrypt(
            approved.sad, X25519PublicKey.from_public_bytes(public_key), info=_PURPOSE + grant_id.encode()
        )
        connection.execute(
            sa.insert(oauth_token).values(
                secret_hash=sad_hash,
                kind="apart",
                grant_id=grant_id,
                sealed_sad=sealed,
                bound_to=asked.bound_to,
                created_at=milliseconds(self._clock.now()),
                expires_at=approved.expires_at,
                spent_at=None,
            )
        )

    def deny(self, connection: sa.Connection, page: str) -> None:
        """Record that the person said no, in the caller's transaction."""
        connection.execute(sa.update(oauth_request).where(_is(page)).values(stage="denied"))

    def check(self, handle: str, client_id: str, user_id: str, bound_to: str) -> Given | None:
        """The SAD for a handle, None while the person has not answered. `bound_to` is the key that the request proved.

        Raises `OAuthRefused`: `access_denied` if the person said no, `invalid_request` for a handle that is unknown,
        over, replaced, or another client's or person's.
        """
        names, now = _Names.of(handle), milliseconds(self._clock.now())
        with self._database.write() as connection:
            found = _token(connection, names)
            if found is not None:
                _check_bearer((found["client_id"], found["user_id"]), (client_id, user_id))
                _check_key(found["bound_to"], bound_to)
                if found["spent_at"] is not None or found["ended_at"] is not None or found["expires_at"] <= now:
                    raise _unknown()
                if found["kind"] == "apart":
                    _hand_over(connection, names, found)
                return Given(names.sad, (found["expires_at"] - now) // 1000)
            query = sa.select(oauth_request).where(_is(names.page))
            row = connection.execute(query).mappings().one_or_none()
            if row is None or row["expires_at"] <= now:
                raise _unknown()
            asked = msgspec.json.decode(row["request"], type=Asked)
            _check_bearer((row["client_id"], row["owner_id"]), (client_id, user_id))
            _check_key(asked.bound_to, bound_to)
            if row["stage"] == "denied":
                raise OAuthRefused("access_denied", "The user denied the request.")
            return None


@dataclass(frozen=True)
class _Names:
    """What follows from a handle, and tells nothing of it."""

    page: str
    sad: str
    key: bytes

    @classmethod
    def of(cls, handle: str) -> "_Names":
        secret = handle.encode("utf-8", "surrogatepass")
        page, sad, key = (
            HKDF(SHA256(), 32, salt=None, info=_PURPOSE + name).derive(secret) for name in (b"page", b"sad", b"key")
        )
        # The page's name stands in an address, where an identifier begins with a letter.
        return cls("b" + base64url.encode(page), base64url.encode(sad), key)

    def private_key(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.key)

    def public_key(self) -> bytes:
        return self.private_key().public_key().public_bytes_raw()


def _hand_over(connection: sa.Connection, names: _Names, row: sa.RowMapping) -> None:
    """From now on it is an access token as any other."""
    try:
        sad = _SUITE.decrypt(row["sealed_sad"], names.private_key(), info=_PURPOSE + row["grant_id"].encode())
    except (InvalidTag, ValueError) as cause:
        raise Tampered("the stored activation of this handle was changed") from cause
    sealed = seal_sad(sad, names.sad, row["grant_id"])
    changed = sa.update(oauth_token).where(oauth_token.c.secret_hash == row["secret_hash"])
    connection.execute(changed.values(kind="access", sealed_sad=sealed))


def _token(connection: sa.Connection, names: _Names) -> sa.RowMapping | None:
    query = (
        sa.select(oauth_token, oauth_grant.c.client_id, oauth_grant.c.user_id, oauth_grant.c.ended_at)
        .join(oauth_grant, oauth_grant.c.grant_id == oauth_token.c.grant_id)
        .where(oauth_token.c.secret_hash == secret_hash(names.sad))
        .with_for_update(of=oauth_token)
    )
    return connection.execute(query).mappings().one_or_none()


def _check_bearer(asked: tuple[str, str], asks: tuple[str, str]) -> None:
    """Client and person. Raises `OAuthRefused`."""
    if asked != asks:
        raise _unknown()


def _check_key(bound_to: str, proved: str) -> None:
    """Raises `OAuthRefused`."""
    if bound_to and not hmac.compare_digest(bound_to, proved):
        raise _unknown()


def _waiting(user_id: str, now: int) -> sa.Select[Any]:
    """The open requests of this kind for one person."""
    return (
        sa.select(oauth_request)
        .where(
            oauth_request.c.owner_id == user_id,
            oauth_request.c.page.is_not(None),
            oauth_request.c.stage == "started",
            oauth_request.c.expires_at > now,
        )
        .order_by(oauth_request.c.created_at)
    )


def _is(page: str) -> sa.ColumnElement[bool]:
    return oauth_request.c.handle_hash == secret_hash(page)


def _unknown() -> OAuthRefused:
    return OAuthRefused("invalid_request", "Invalid parameter handle")
