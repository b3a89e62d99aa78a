"""Enrolment of an invited person: passkey, PIN and key in one step that sam verifies."""

from typing import Any

from anyio import to_thread
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from natsuin import base64url
from natsuin.authentication import Throttle, keep_passkey
from natsuin.clock import Clock, milliseconds
from natsuin.sam.protocol import CompleteEnrolment, Enrolled, InvitationOpened, OpenInvitation
from natsuin.storage import Database
from natsuin.user_management import Person, Register, Role, add_person, find_person
from natsuin.web.api.fields import AttestationCredential, Body, Sealed, Token
from natsuin.web.callers import Access, Callers
from natsuin.web.ceremonies import creation_options
from natsuin.web.keys import key_view
from natsuin.web.requests import origin_of, sender
from natsuin.web.routing import ApiRoutes
from natsuin.web.sam_calls import Sam, ServiceFacts, ask
from natsuin.web.settings import WebSettings


class OpenBody(Body):
    """The one-time token from the address's fragment."""

    token: Token


class CompleteBody(Body):
    """The new passkey, and PIN and recovery code sealed to sam."""

    token: Token
    credential: AttestationCredential
    sealed_secrets: Sealed


class EnrolmentAPI:
    """`/api/enrol/...`."""

    def __init__(
        self,
        sam: Sam,
        clock: Clock,
        *,
        settings: WebSettings,
        facts: ServiceFacts,
        database: Database,
        register: Register,
        callers: Callers,
    ) -> None:
        self._sam = sam
        self._clock = clock
        self._settings = settings
        self._facts = facts
        self._database = database
        self._register = register
        self._callers = callers
        self._tokens = Throttle(20, seconds=6)

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("POST", "/api/enrol/open", self.open, access=Access.PUBLIC)
        routes.add("POST", "/api/enrol/complete", self.complete, access=Access.PUBLIC)

    async def open(self, request: Request, body: OpenBody) -> dict[str, Any]:
        """Show the invited person who they will be, and begin the passkey ceremony."""
        self._tokens.take(sender(request))
        opened = await ask(self._sam, OpenInvitation(token=body.token), InvitationOpened)
        facts = await self._facts.get()
        person = await to_thread.run_sync(self._find, opened.user_id)
        name = person.email if person is not None and person.email else opened.subject.common_name
        return {
            "user_id": opened.user_id,
            "common_name": opened.subject.common_name,
            "subject": {
                "common_name": opened.subject.common_name,
                "organization": opened.subject.organization,
                "country": opened.subject.country,
            },
            "algorithm": opened.algorithm,
            "resident": opened.resident,
            "expires_at": opened.expires_at,
            "challenge": base64url.encode(opened.challenge),
            "hpke_public_key": base64url.encode(facts.hpke_public_key),
            "publicKey": creation_options(
                self._settings.party,
                user_id=opened.user_id,
                name=name,
                display_name=opened.subject.common_name,
                challenge=opened.challenge,
            ),
        }

    async def complete(self, request: Request, body: CompleteBody) -> Response:
        """Have sam verify the passkey and make the key; then sign the person in.

        A repeated request is answered without a session: who repeats it may be somebody who only saw it, so they sign
        in with the passkey.
        """
        self._tokens.take(sender(request))
        message = CompleteEnrolment(
            token=body.token, attestation=body.credential.message(), sealed_secrets=body.sealed_secrets
        )
        enrolled = await ask(self._sam, message, Enrolled)
        view = key_view(enrolled.key, self._clock.now())
        user_id = enrolled.key.user_id
        await to_thread.run_sync(self._keep, enrolled, view.name)
        self._callers.forget(user_id)
        if enrolled.replayed:
            return JSONResponse({"user_id": user_id, "key": view.as_json(), "signed_in": False})
        earlier = self._callers.secret_of(request)
        secret = await to_thread.run_sync(
            lambda: self._callers.sessions.open(user_id, replaces=earlier, origin=origin_of(request))
        )
        answer = JSONResponse({"user_id": user_id, "key": view.as_json(), "signed_in": True})
        self._callers.set_cookie(answer, secret)
        return answer

    def _find(self, user_id: str) -> Person | None:
        with self._database.read() as connection:
            return find_person(connection, user_id)

    def _keep(self, enrolled: Enrolled, common_name: str) -> None:
        """Copy the passkey for login. The account is there already, unless this database was lost since the
        invitation."""
        now = milliseconds(self._clock.now())
        user_id = enrolled.key.user_id
        with self._database.write() as connection:
            if find_person(connection, user_id) is None:
                add_person(connection, Person(user_id, common_name, "", (Role.SIGNER.value,)), now=now)
            keep_passkey(connection, user_id, enrolled.passkey, now=now)
            self._register.note_enrolled(connection, user_id)
