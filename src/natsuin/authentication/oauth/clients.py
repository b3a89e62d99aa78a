"""Applications that may ask people for authorization: what is registered of each, and how one proves that it is
itself."""

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from natsuin.authentication.oauth.assertions import check_assertion, check_key_set, subject_of
from natsuin.authentication.oauth.errors import OAuthRefused
from natsuin.authentication.oauth.secrets import new_secret, secret_hash
from natsuin.authentication.oauth.signed import use_once
from natsuin.authentication.oauth.tables import oauth_client
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict, Malformed, NotFound
from natsuin.plain_text import plain_text
from natsuin.storage import Database

SERVICE, CREDENTIAL = "service", "credential"
SCOPES = (SERVICE, CREDENTIAL)
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
_MOST_REDIRECTS = 20
_IDENTIFIER = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class AuthMethod(StrEnum):
    """How a client proves itself at the token endpoint (RFC 7591, section 2)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY = "private_key_jwt"
    NONE = "none"


class Switch(StrEnum):
    """What differs for one client, each off unless it is set for that client: deviations that it needs, and
    `ONLY_BOUND`, which asks more of it."""

    WITHOUT_PKCE = "without-pkce"
    """Ask without a code challenge. Only for clients that have a secret."""
    PLAIN_PKCE = "plain-pkce"
    """Use the challenge method `plain`."""
    SHORT_VERIFIER = "short-verifier"
    """Use a code verifier of fewer than 43 characters."""
    QUERY_PARAMETERS = "query-parameters"
    """Send the token request's parameters in the query of the POST."""
    ONLY_BOUND = "only-bound"
    """Get no bearer token: every token request must prove a key (RFC 9449, 5.2)."""
    APPROVAL_ELSEWHERE = "approval-elsewhere"
    """Ask for approvals by credentials/authorize, which wait in the person's portal, and by no browser."""


@dataclass(frozen=True)
class Client:
    """A registered application. `account_id` is the account that it may act for by itself, if any."""

    client_id: str
    name: str
    auth_method: AuthMethod
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    grant_types: tuple[str, ...]
    switches: frozenset[Switch]
    account_id: str | None
    active: bool
    created_at: int

    @property
    def is_public(self) -> bool:
        """Whether it holds no secret, so that anybody can claim to be it (RFC 6749, 2.1)."""
        return self.auth_method is AuthMethod.NONE


@dataclass(frozen=True)
class NewClient:
    """What is said of a client when it is registered."""

    name: str
    redirect_uris: tuple[str, ...]
    auth_method: AuthMethod = AuthMethod.BASIC
    scopes: tuple[str, ...] = SCOPES
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    switches: frozenset[Switch] = frozenset()
    account_id: str | None = None
    client_id: str = ""
    keys: dict[str, Any] | None = None
    """Its public keys, a JWK Set, for `AuthMethod.PRIVATE_KEY` only."""


@dataclass(frozen=True)
class Registered:
    """A client that was just registered. `secret` is told this once; empty for a client that has none."""

    client: Client
    secret: str


class Clients:
    """The clients of one database. Thread safe; every change is durable on return."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def register(self, wanted: NewClient) -> Registered:
        """Register a client. Raises `Malformed` for redirect URIs, scopes, grant types or keys that cannot be had,
        `Conflict` for an id that is taken."""
        _check(wanted)
        secret = new_secret() if wanted.auth_method in (AuthMethod.BASIC, AuthMethod.POST) else ""
        row: dict[str, Any] = {
            "client_id": wanted.client_id or secrets.token_urlsafe(16),
            "name": plain_text(wanted.name, "the client's name", most=100, required=True),
            "secret_hash": secret_hash(secret) if secret else None,
            "auth_method": wanted.auth_method.value,
            "redirect_uris": list(wanted.redirect_uris),
            "scopes": list(wanted.scopes),
            "grant_types": list(wanted.grant_types),
            "switches": sorted(switch.value for switch in wanted.switches),
            "keys": {} if wanted.keys is None else {"keys": check_key_set(wanted.keys)},
            "account_id": wanted.account_id,
            "state": "active",
            "created_at": milliseconds(self._clock.now()),
        }
        with self._database.write() as connection:
            if _row(connection, row["client_id"]) is not None:
                raise Conflict("a client of this id is registered already", hint="Choose another id.")
            connection.execute(sa.insert(oauth_client).values(**row))
        return Registered(_client(row), secret)

    def find(self, client_id: str) -> Client | None:
        """The client, if it is registered and not stopped."""
        with self._database.read() as connection:
            row = _row(connection, client_id)
        return None if row is None or row["state"] != "active" else _client(row)

    def all(self) -> tuple[Client, ...]:
        """Every client, stopped ones too, in order of registration."""
        query = sa.select(oauth_client).order_by(oauth_client.c.created_at, oauth_client.c.client_id)
        with self._database.read() as connection:
            return tuple(_client(dict(row)) for row in connection.execute(query).mappings())

    def authenticate(self, client_id: str, secret: str | None, method: AuthMethod) -> Client:
        """The client that proves itself by its registered method. Raises `OAuthRefused` (`invalid_client`), in the
        same words for an unknown client, a wrong secret and another method."""
        with self._database.read() as connection:
            row = _row(connection, client_id)
        kept = b"" if row is None or row["secret_hash"] is None else bytes(row["secret_hash"])
        proved = hmac.compare_digest(kept or bytes(32), secret_hash(secret or ""))
        if row is not None and row["state"] == "active" and row["auth_method"] == method.value:
            if method is AuthMethod.NONE and secret is None:
                return _client(row)
            if kept and proved:
                return _client(row)
        raise _unproved()

    def authenticate_signed(self, client_id: str | None, assertion: str, audiences: Collection[str]) -> Client:
        """The client that signed `assertion` for one of `audiences`, once. `client_id` is what the request says beside
        it, if anything. Raises `OAuthRefused` (`invalid_client`), in the same words for whatever is wrong."""
        try:
            subject = subject_of(assertion)
            with self._database.read() as connection:
                row = _row(connection, subject)
            if row is None or row["state"] != "active" or row["auth_method"] != AuthMethod.PRIVATE_KEY.value:
                raise _unproved()
            if client_id not in (None, subject):
                raise _unproved()
            now = milliseconds(self._clock.now())
            jti, until = check_assertion(assertion, row["keys"]["keys"], subject, audiences, now)
            use_once(self._database, f"client {subject}", jti, until=until)
        except ValueError as cause:
            raise _unproved() from cause
        return _client(row)

    def set_state(self, client_id: str, *, active: bool) -> None:
        """Stop a client, or let it ask again. Raises `NotFound`."""
        changed = sa.update(oauth_client).where(oauth_client.c.client_id == client_id)
        with self._database.write() as connection:
            if not connection.execute(changed.values(state="active" if active else "stopped")).rowcount:
                raise NotFound("there is no such client")

    def remove(self, client_id: str) -> None:
        """Forget a client with all that people granted it. Raises `NotFound`."""
        with self._database.write() as connection:
            if not connection.execute(sa.delete(oauth_client).where(oauth_client.c.client_id == client_id)).rowcount:
                raise NotFound("there is no such client")


def redirect_matches(registered: str, given: str) -> bool:
    """Whether a redirect URI is the registered one: character by character, but that a native application may listen
    on any port of its loopback interface (RFC 8252, 7.3; RFC 9700, 2.1)."""
    if registered == given:
        return True
    one, other = urlsplit(registered), urlsplit(given)
    if one.scheme != "http" or one.hostname not in ("127.0.0.1", "::1"):
        return False
    try:
        ported = other.port is not None
    except ValueError:
        return False
    host = f"[{one.hostname}]" if one.hostname == "::1" else one.hostname
    return ported and given == one._replace(netloc=f"{host}:{other.port}").geturl()


def _unproved() -> OAuthRefused:
    return OAuthRefused("invalid_client", "the client is not known, or did not prove itself by its method")


def _check(wanted: NewClient) -> None:
    if (wanted.keys is not None) != (wanted.auth_method is AuthMethod.PRIVATE_KEY):
        raise Malformed("a client has registered keys if it proves itself by them, and only then")
    if wanted.client_id and not _IDENTIFIER.match(wanted.client_id):
        raise Malformed("a client's id is of letters, digits, hyphens and underscores, 64 at most")
    if len(wanted.redirect_uris) > _MOST_REDIRECTS:
        raise Malformed(f"a client has at most {_MOST_REDIRECTS} redirect URIs")
    for uri in wanted.redirect_uris:
        _check_redirect(uri)
    if not set(wanted.scopes) <= set(SCOPES) or not wanted.scopes:
        raise Malformed("a client's scopes are of: " + ", ".join(SCOPES))
    if not set(wanted.grant_types) <= set(GRANT_TYPES):
        raise Malformed("a client's grant types are of: " + ", ".join(GRANT_TYPES))
    if "authorization_code" in wanted.grant_types and not wanted.redirect_uris:
        raise Malformed("a client that asks people needs a redirect URI", hint="Name where its answers go.")
    if wanted.auth_method is AuthMethod.NONE:
        if "client_credentials" in wanted.grant_types:
            raise Malformed("a client without a secret cannot act by itself")
        if Switch.WITHOUT_PKCE in wanted.switches:
            raise Malformed("a client without a secret must use PKCE")
    if Switch.APPROVAL_ELSEWHERE in wanted.switches and CREDENTIAL in wanted.scopes:
        raise Malformed(
            "a client whose approvals wait in the portal has no scope credential", hint="Say --scope service."
        )
    if "client_credentials" in wanted.grant_types and wanted.account_id is None:
        raise Malformed("a client that acts by itself needs an account", hint="Name the account it acts for.")


def _check_redirect(uri: str) -> None:
    """RFC 6749, 3.1.2; RFC 9700, 2.6; private schemes of native applications as RFC 8252, 7.1."""
    if not uri.isascii() or any(character <= " " or character in '"<>\\^`{|}' for character in uri):
        raise Malformed("a redirect URI holds a character that a URI cannot have")
    parts = urlsplit(uri)
    if "#" in uri or parts.username is not None:
        raise Malformed("a redirect URI has no fragment and no user")
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return
    if "." in parts.scheme and not parts.netloc:
        return
    raise Malformed(
        "a redirect URI is https, or http on this machine, or a private scheme such as jp.example.app:/callback"
    )


def _row(connection: sa.Connection, client_id: str) -> dict[str, Any] | None:
    query = sa.select(oauth_client).where(oauth_client.c.client_id == client_id)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else dict(found)


def _client(row: dict[str, Any]) -> Client:
    return Client(
        client_id=row["client_id"],
        name=row["name"],
        auth_method=AuthMethod(row["auth_method"]),
        redirect_uris=tuple(row["redirect_uris"]),
        scopes=tuple(row["scopes"]),
        grant_types=tuple(row["grant_types"]),
        switches=frozenset(Switch(name) for name in row["switches"]),
        account_id=row["account_id"],
        active=row["state"] == "active",
        created_at=row["created_at"],
    )
