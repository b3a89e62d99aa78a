"""Who is calling, and whether such a caller may use a route. Every route states its `Access`; there is no default."""

import threading
import time
from collections import OrderedDict
from enum import StrEnum

from anyio import to_thread
from starlette.requests import HTTPConnection
from starlette.responses import Response

from natsuin import base64url
from natsuin.authentication import Session, Sessions, StepUpRequired
from natsuin.errors import Forbidden, Malformed, Unauthenticated
from natsuin.storage import Database
from natsuin.user_management import Person, find_person
from natsuin.web.view import Caller

_SESSION_COOKIE = "natsuin_session"
_READING_COOKIE = "natsuin_reading"
_HOST_PREFIX = "__Host-"
"""A browser takes such a cookie only by https, for this host alone and for all of its paths, so that no neighbouring
host can plant one (RFC 6265bis, 4.1.3.2). Not usable where the origin is http, which is localhost only."""
_REMEMBER_SECONDS = 2.0
_REMEMBERED = 10_000


class Access(StrEnum):
    """Who may use a route."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    SIGNER = "signer"
    REGISTRAR = "registration-officer"
    SECURITY = "security-officer"
    KEYHOLDING = "holds-keys"
    """A registration officer or a security officer."""
    SERVICE = "runs-service"
    """A system administrator or a security officer."""
    OFFICER = "officer"
    """Any officer, a system administrator too."""
    AUDITOR = "auditor"
    ACTING = "acting"
    """Whoever is signed in in a role that may do something: not an auditor."""


class Callers:
    """Finds out who calls, from the session cookie alone: headers that a proxy might set are never read for this."""

    def __init__(self, sessions: Sessions, database: Database, *, https: bool) -> None:
        self.sessions = sessions
        self._database = database
        self._https = https
        self.cookie = f"{_HOST_PREFIX}{_SESSION_COOKIE}" if https else _SESSION_COOKIE
        self._reading = f"{_HOST_PREFIX}{_READING_COOKIE}" if https else _READING_COOKIE
        self._lock = threading.Lock()
        self._people: OrderedDict[str, tuple[float, Person]] = OrderedDict()

    async def identify(self, connection: HTTPConnection) -> Caller | None:
        """The caller, or None if nobody is signed in. Costs no query for a session seen within the last two seconds."""
        secret = self.secret_of(connection)
        if not secret:
            return None
        session = self.sessions.recall(secret)
        if session is None:
            session = await to_thread.run_sync(self.sessions.find, secret)
        if session is None:
            return None
        person = self._recall(session.user_id)
        if person is None:
            person = await to_thread.run_sync(self._look_up, session.user_id)
        return None if person is None else _caller(person, session)

    def secret_of(self, connection: HTTPConnection) -> str | None:
        """The value of the session cookie that came with the request, which may be anything, or None."""
        return connection.cookies.get(self.cookie)

    async def require(self, connection: HTTPConnection, access: Access) -> Caller | None:
        """The caller of a route with this access; None only where anybody may call.

        Raises `Unauthenticated` if nobody is signed in, `Forbidden` if their role is another one.
        """
        if access is Access.PUBLIC:
            return None
        caller = await self.identify(connection)
        check_access(caller, access)
        return caller

    def require_fresh(self, caller: Caller | None) -> None:
        """Raise `StepUpRequired` unless the caller's passkey was asked a few minutes ago."""
        if caller is None or not self.sessions.is_fresh(caller.signed_in_at):
            raise StepUpRequired("your passkey was asked too long ago for this")

    def forget(self, user_id: str) -> None:
        """Look the person up again at their next request."""
        with self._lock:
            self._people.pop(user_id, None)

    def set_cookie(self, answer: Response, secret: str) -> None:
        """Give the browser its session: not readable by scripts, not sent from other sites, gone when the browser
        closes."""
        answer.set_cookie(self.cookie, secret, path="/", httponly=True, secure=self._https, samesite="strict")

    def clear_cookie(self, answer: Response) -> None:
        """Take the session from the browser, and an auditor's reading with it."""
        for name in (self.cookie, self._reading):
            answer.delete_cookie(name, path="/", httponly=True, secure=self._https, samesite="strict")

    def reading_of(self, connection: HTTPConnection) -> bytes:
        """The secret of the auditor's reading that the browser holds, which may be anything; empty without one."""
        try:
            return base64url.decode(connection.cookies.get(self._reading, ""))
        except Malformed:
            return b""

    def set_reading(self, answer: Response, secret: bytes) -> None:
        """Give the browser the secret of an auditor's reading, as its session: nothing here remembers it."""
        value = base64url.encode(secret)
        answer.set_cookie(self._reading, value, path="/", httponly=True, secure=self._https, samesite="strict")

    def clear_reading(self, answer: Response) -> None:
        """Take the secret from the browser."""
        answer.delete_cookie(self._reading, path="/", httponly=True, secure=self._https, samesite="strict")

    def _recall(self, user_id: str) -> Person | None:
        with self._lock:
            entry = self._people.get(user_id)
        return entry[1] if entry is not None and time.monotonic() - entry[0] <= _REMEMBER_SECONDS else None

    def _look_up(self, user_id: str) -> Person | None:
        with self._database.read() as connection:
            found = find_person(connection, user_id)
        if found is not None:
            with self._lock:
                self._people[user_id] = (time.monotonic(), found)
                while len(self._people) > _REMEMBERED:
                    self._people.popitem(last=False)
        return found


def check_access(caller: Caller | None, access: Access) -> None:
    """Raise `Unauthenticated` if nobody is signed in, `Forbidden` if their role is another one than `access` asks."""
    if access is Access.PUBLIC:
        return
    if caller is None:
        raise Unauthenticated("you are not signed in")
    if not has_access(caller, access):
        raise Forbidden("your role does not allow this")


def has_access(caller: Caller, access: Access) -> bool:
    """Whether somebody who is signed in has this access."""
    if access is Access.SIGNER:
        return caller.is_signer
    if access is Access.AUDITOR:
        return caller.is_auditor
    if access is Access.ACTING:
        return caller.is_signer or bool(caller.offices)
    return access in (Access.PUBLIC, Access.SIGNED_IN) or _is_officers(caller, access)


def _is_officers(caller: Caller, access: Access) -> bool:
    return {
        Access.REGISTRAR: caller.is_registrar,
        Access.SECURITY: caller.is_security_officer,
        Access.KEYHOLDING: caller.holds_keys,
        Access.SERVICE: caller.is_administrator or caller.is_security_officer,
        Access.OFFICER: bool(caller.offices),
    }.get(access, False)


def _caller(person: Person, session: Session) -> Caller:
    return Caller(
        user_id=person.user_id,
        display_name=person.display_name,
        roles=person.roles,
        is_signer=person.is_signer,
        offices=person.offices,
        is_auditor=person.is_auditor,
        level=session.level,
        signed_in_at=session.created_at,
        session_id=session.session_id,
    )
