"""Codes and tokens: given out, exchanged, found, replaced and revoked.

code       one use, 60 seconds; used twice, everything that came of it ends (RFC 9700, 4.5)
access     opaque; for `service` an hour, for `credential` as long as the approval that stands behind it
refresh    for `service` only, replaced at each use; used twice, the grant ends (RFC 9700, 4.14)
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.authentication.oauth.asking import Asked
from natsuin.authentication.oauth.clients import CREDENTIAL, SERVICE, Client, Switch
from natsuin.authentication.oauth.details import same_details
from natsuin.authentication.oauth.errors import OAuthRefused
from natsuin.authentication.oauth.secrets import new_secret, open_sad, seal_sad, secret_hash
from natsuin.authentication.oauth.tables import oauth_grant, oauth_token
from natsuin.clock import Clock, milliseconds
from natsuin.storage import Database

CODE_SECONDS = 60
ACCESS_SECONDS = 3600
GRANT_SECONDS = 30 * 86_400
_SHORTEST_VERIFIER, _LONGEST_VERIFIER = 43, 128


@dataclass(frozen=True)
class Approved:
    """What a person gave for a request: their account, the level of their sign-in, and for a credential the approved
    key with its activation, which ends at `expires_at` (milliseconds)."""

    user_id: str
    level: int
    key_id: str = ""
    instruction_id: str = ""
    sad: bytes = b""
    expires_at: int = 0


@dataclass(frozen=True)
class Access:
    """What a token opens. `sad` is empty for scope `service`; `expires_at` in milliseconds."""

    grant_id: str
    client_id: str
    user_id: str
    scope: str
    level: int
    key_id: str
    instruction_id: str
    sad: bytes
    expires_at: int
    bound_to: str
    asked: Asked


@dataclass(frozen=True)
class Issued:
    """The answer to a token request. `refresh_token` is empty where there is none; `expires_in` in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    access: Access


class Tokens:
    """The codes and tokens of one database. Thread safe; every change is durable on return. Nobody retries: whoever
    lost an answer asks for authorization anew."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def issue_code(self, connection: sa.Connection, asked: Asked, approved: Approved) -> str:
        """Record what was granted, in the caller's transaction, and give the code for it."""
        now, code = self._now(), new_secret()
        expires_at = self._grant_end(asked, approved)
        grant_id = self.record_grant(connection, asked, approved)
        until = min(now + CODE_SECONDS * 1000, expires_at)
        self._add(connection, "code", code, grant_id, sad=approved.sad, until=until)
        return code

    def record_grant(self, connection: sa.Connection, asked: Asked, approved: Approved) -> str:
        """Record what was granted, in the caller's transaction. Returns the grant's id."""
        grant_id = secrets.token_urlsafe(16)
        connection.execute(
            sa.insert(oauth_grant).values(
                grant_id=grant_id,
                client_id=asked.client_id,
                user_id=approved.user_id,
                scope=asked.scope,
                level=approved.level,
                request=msgspec.json.encode(asked),
                key_id=approved.key_id or None,
                instruction_id=approved.instruction_id or None,
                created_at=self._now(),
                ended_at=None,
                expires_at=self._grant_end(asked, approved),
            )
        )
        return grant_id

    def exchange(
        self, client: Client, code: str, *, redirect_uri: str | None, verifier: str, details: str | None, bound_to: str
    ) -> Issued:
        """Tokens for a code. Raises `OAuthRefused`; a code used again ends its grant."""
        with self._database.write() as connection:
            row = self._token(connection, code, "code")
            if row is None or row["client_id"] != client.client_id:
                raise _invalid_grant("Authorization code is invalid or expired")
            if row["spent_at"] is not None:
                self._end(connection, row["grant_id"])
                refusal: OAuthRefused | None = _invalid_grant("Authorization code is invalid or expired")
            else:
                self._spend(connection, row)
                refusal = self._why_not(row, client, redirect_uri, verifier, details, bound_to)
            if refusal is None:
                return self._issue(connection, row, code, bound_to)
        # Raised outside, so that what was ended or spent stays so.
        raise refusal

    def refresh(self, client: Client, token: str, *, scope: str | None, bound_to: str) -> Issued:
        """New tokens for a refresh token, which is spent. Raises `OAuthRefused`."""
        with self._database.write() as connection:
            row = self._token(connection, token, "refresh")
            if row is None or row["client_id"] != client.client_id:
                raise _invalid_grant("Invalid parameter refresh_token")
            if scope not in (None, SERVICE):
                raise OAuthRefused("invalid_scope", "The requested scope is invalid, unknown or malformed.")
            if row["spent_at"] is not None:
                self._end(connection, row["grant_id"])
                refusal = _invalid_grant("Invalid parameter refresh_token")
            elif row["expires_at"] <= self._now() or row["ended_at"] is not None:
                refusal = _invalid_grant("Refresh token expired")
            elif (client.is_public and row["bound_to"] != bound_to) or (row["bound_to"] and not bound_to):
                # A client with a secret may change its key (RFC 9449, 5), and nobody takes the binding away.
                refusal = OAuthRefused("invalid_dpop_proof", "the refresh token is bound to another key")
            else:
                self._spend(connection, row)
                return self._issue(connection, row, token, bound_to)
        raise refusal

    def for_itself(self, client: Client, *, bound_to: str) -> Issued:
        """A service token for a client's own account (RFC 6749, 4.4). Raises `OAuthRefused`."""
        if "client_credentials" not in client.grant_types or client.account_id is None:
            raise OAuthRefused("unauthorized_client", "The client is not authorized to use this method.")
        asked = Asked(client_id=client.client_id, redirect_uri="", redirect_given=False, scope=SERVICE, generation=2)
        with self._database.write() as connection:
            code = self.issue_code(connection, asked, Approved(user_id=client.account_id, level=0))
            row = self._token(connection, code, "code")
            if row is None:
                raise _invalid_grant("Authorization code is invalid or expired")
            self._spend(connection, row)
            return self._issue(connection, row, code, bound_to, refreshable=False)

    def find(self, token: str) -> Access:
        """What an access token opens. Raises `OAuthRefused` (`invalid_token`, `expired_token`)."""
        with self._database.read() as connection:
            row = self._token(connection, token, "access")
        if row is None:
            raise OAuthRefused("invalid_token", "The token provided is not a valid OAuth access or refresh token.")
        if row["spent_at"] is not None or row["ended_at"] is not None or row["expires_at"] <= self._now():
            raise OAuthRefused("expired_token", "The access or refresh token is expired or has been revoked.")
        sad = open_sad(row["sealed_sad"], token, row["grant_id"]) if row["sealed_sad"] else b""
        return _access(row, sad)

    def replace(self, token: str) -> Issued:
        """Another access token in place of one, which ends: for the same approval, until the same time."""
        found = self.find(token)
        with self._database.write() as connection:
            row = self._token(connection, token, "access")
            if row is None or row["spent_at"] is not None:
                raise OAuthRefused("expired_token", "The access or refresh token is expired or has been revoked.")
            self._spend(connection, row)
            fresh = new_secret()
            self._add(
                connection,
                "access",
                fresh,
                found.grant_id,
                sad=found.sad,
                until=found.expires_at,
                bound_to=found.bound_to,
            )
        return Issued(fresh, "", self._seconds_until(found.expires_at), found)

    def revoke(self, client: Client, token: str) -> bool:
        """End a token of this client (RFC 7009): a refresh token with its whole grant. True if there was one."""
        with self._database.write() as connection:
            row = self._token(connection, token, "access") or self._token(connection, token, "refresh")
            if row is None or row["client_id"] != client.client_id:
                return False
            self._spend(connection, row)
            if row["kind"] == "refresh":
                self._end(connection, row["grant_id"])
        return True

    def granted_by(self, user_id: str) -> Sequence[tuple[str, int]]:
        """The clients that a person has linked, with the time of the newest grant that has not ended."""
        query = (
            sa.select(oauth_grant.c.client_id, sa.func.max(oauth_grant.c.created_at))
            .where(
                oauth_grant.c.user_id == user_id,
                oauth_grant.c.ended_at.is_(None),
                oauth_grant.c.expires_at > self._now(),
            )
            .group_by(oauth_grant.c.client_id)
        )
        with self._database.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def unlink(self, user_id: str, client_id: str) -> int:
        """End everything that a person granted a client. Returns how many grants ended."""
        ended = sa.update(oauth_grant).where(
            oauth_grant.c.user_id == user_id, oauth_grant.c.client_id == client_id, oauth_grant.c.ended_at.is_(None)
        )
        with self._database.write() as connection:
            return connection.execute(ended.values(ended_at=self._now())).rowcount

    def purge(self) -> int:
        """Delete grants that are over, with their tokens. Returns how many."""
        with self._database.write() as connection:
            return connection.execute(sa.delete(oauth_grant).where(oauth_grant.c.expires_at <= self._now())).rowcount

    def _grant_end(self, asked: Asked, approved: Approved) -> int:
        return approved.expires_at if asked.scope == CREDENTIAL else self._now() + GRANT_SECONDS * 1000

    def _why_not(
        self,
        row: dict[str, Any],
        client: Client,
        redirect_uri: str | None,
        verifier: str,
        details: str | None,
        bound_to: str,
    ) -> OAuthRefused | None:
        asked = msgspec.json.decode(row["request"], type=Asked)
        if row["expires_at"] <= self._now() or row["ended_at"] is not None:
            return _invalid_grant("Authorization code is invalid or expired")
        if redirect_uri != asked.redirect_uri and (asked.redirect_given or redirect_uri is not None):
            return _invalid_grant(
                "redirect_uri parameter does not match redirect_uri parameter of authorization request"
            )
        if not _verifies(asked, client, verifier):
            return _invalid_grant("Invalid parameter code_verifier")
        if details is not None and not same_details(asked.details, details):
            return _invalid_grant("authorization_details do not match those of the authorization request")
        if asked.bound_to and asked.bound_to != bound_to:
            return OAuthRefused("invalid_dpop_proof", "the code is bound to another key")
        return None

    def _issue(
        self, connection: sa.Connection, row: dict[str, Any], secret: str, bound_to: str, *, refreshable: bool = True
    ) -> Issued:
        sad = open_sad(row["sealed_sad"], secret, row["grant_id"]) if row["sealed_sad"] else b""
        until = row["grant_expires_at"]
        if row["scope"] == SERVICE:
            until = min(until, self._now() + ACCESS_SECONDS * 1000)
        token = new_secret()
        self._add(connection, "access", token, row["grant_id"], sad=sad, until=until, bound_to=bound_to)
        refresh_token = ""
        if row["scope"] == SERVICE and refreshable:
            refresh_token = new_secret()
            self._add(
                connection,
                "refresh",
                refresh_token,
                row["grant_id"],
                sad=b"",
                until=row["grant_expires_at"],
                bound_to=bound_to,
            )
        access = _access(row | {"expires_at": until, "bound_to": bound_to}, sad)
        return Issued(token, refresh_token, self._seconds_until(until), access)

    def _add(
        self,
        connection: sa.Connection,
        kind: str,
        secret: str,
        grant_id: str,
        *,
        sad: bytes,
        until: int,
        bound_to: str = "",
    ) -> None:
        connection.execute(
            sa.insert(oauth_token).values(
                secret_hash=secret_hash(secret),
                kind=kind,
                grant_id=grant_id,
                sealed_sad=seal_sad(sad, secret, grant_id) if sad else b"",
                bound_to=bound_to,
                created_at=self._now(),
                expires_at=until,
                spent_at=None,
            )
        )

    def _token(self, connection: sa.Connection, secret: str, kind: str) -> dict[str, Any] | None:
        query = (
            sa.select(
                oauth_token,
                oauth_grant.c.client_id,
                oauth_grant.c.user_id,
                oauth_grant.c.scope,
                oauth_grant.c.level,
                oauth_grant.c.request,
                oauth_grant.c.key_id,
                oauth_grant.c.instruction_id,
                oauth_grant.c.ended_at,
                oauth_grant.c.expires_at.label("grant_expires_at"),
            )
            .join(oauth_grant, oauth_grant.c.grant_id == oauth_token.c.grant_id)
            .where(oauth_token.c.secret_hash == secret_hash(secret), oauth_token.c.kind == kind)
        )
        row = connection.execute(query).mappings().one_or_none()
        return None if row is None else dict(row)

    def _spend(self, connection: sa.Connection, row: dict[str, Any]) -> None:
        """Raises `OAuthRefused` if somebody else was first."""
        unspent = sa.update(oauth_token).where(
            oauth_token.c.secret_hash == row["secret_hash"], oauth_token.c.spent_at.is_(None)
        )
        if connection.execute(unspent.values(spent_at=self._now(), sealed_sad=b"")).rowcount != 1:
            raise _invalid_grant("Authorization code is invalid or expired")

    def _end(self, connection: sa.Connection, grant_id: str) -> None:
        ended = sa.update(oauth_grant).where(oauth_grant.c.grant_id == grant_id, oauth_grant.c.ended_at.is_(None))
        connection.execute(ended.values(ended_at=self._now()))

    def _seconds_until(self, moment: int) -> int:
        return max(0, (moment - self._now()) // 1000)

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def end_grants_of(connection: sa.Connection, user_id: str, *, now: int) -> None:
    """End, in the caller's transaction, everything that a person granted anybody. `now` in milliseconds."""
    open_grants = sa.update(oauth_grant).where(oauth_grant.c.user_id == user_id, oauth_grant.c.ended_at.is_(None))
    connection.execute(open_grants.values(ended_at=now))


def _verifies(asked: Asked, client: Client, verifier: str) -> bool:
    """RFC 7636, 4.6. A verifier for a request that had no challenge is refused (RFC 9700, 2.1.1)."""
    if not asked.code_challenge:
        return not verifier
    shortest = 1 if Switch.SHORT_VERIFIER in client.switches else _SHORTEST_VERIFIER
    if not (shortest <= len(verifier) <= _LONGEST_VERIFIER and verifier.isascii()):
        return False
    if asked.challenge_method == "plain":
        return hmac.compare_digest(verifier.encode(), asked.code_challenge.encode())
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, asked.code_challenge.encode())


def _invalid_grant(description: str) -> OAuthRefused:
    return OAuthRefused("invalid_grant", description)


def _access(row: dict[str, Any], sad: bytes) -> Access:
    return Access(
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        user_id=row["user_id"] or "",
        scope=row["scope"],
        level=row["level"],
        key_id=row["key_id"] or "",
        instruction_id=row["instruction_id"] or "",
        sad=sad,
        expires_at=row["expires_at"],
        bound_to=row["bound_to"],
        asked=msgspec.json.decode(row["request"], type=Asked),
    )
