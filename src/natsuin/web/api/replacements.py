"""A new passkey for somebody who lost every other: two officers, a waiting period, and a one-time link."""

from typing import Any

from anyio import to_thread
from fastapi import Request

from natsuin import base64url
from natsuin.authentication import Throttle
from natsuin.clock import Clock, milliseconds
from natsuin.errors import NotFound
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import (
    Act,
    ApproveReplacement,
    CancelReplacement,
    CompleteReplacement,
    IdentityEvidence,
    OfferReplacementCancel,
    OpenReplacement,
    ProposeReplacement,
    ReplacementDone,
    ReplacementOpened,
    ReplacementStep,
    ReviewReplacement,
)
from natsuin.storage import Database
from natsuin.user_management import Person, find_person
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.fields import AssertionCredential, AttestationCredential, Body, Empty, Sealed, Token
from natsuin.web.api.officers import EvidenceBody
from natsuin.web.callers import Access
from natsuin.web.ceremonies import creation_options
from natsuin.web.keys import OwnKeys
from natsuin.web.notices import ReplacementNotices
from natsuin.web.replacements import Replacements
from natsuin.web.requests import sender
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ServiceFacts, ask
from natsuin.web.settings import WebSettings
from natsuin.web.sign_in_passkeys import SignInPasskeys
from natsuin.web.view import Caller


class ProposalBody(Body):
    """On what evidence the officer identified the person anew."""

    evidence: EvidenceBody


class ApprovalBody(Body):
    """An approval of the record."""

    credential: AssertionCredential


class LinkBody(Body):
    """The one-time token from the address's fragment."""

    token: Token


class CompletionBody(Body):
    """The new passkey, and the secrets of the keys sealed to sam."""

    token: Token
    credential: AttestationCredential
    sealed_secrets: Sealed


class ReplacementAPI:
    """What two officers do, and how it is cancelled."""

    def __init__(
        self,
        sam: Sam,
        clock: Clock,
        *,
        settings: WebSettings,
        answers: ActAnswers,
        replacements: Replacements,
        notices: ReplacementNotices,
    ) -> None:
        self._sam = sam
        self._clock = clock
        self._settings = settings
        self._answers = answers
        self._replacements = replacements
        self._notices = notices

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        base = "/api/officer/replacements"
        routes.add("GET", base, self.page, access=Access.REGISTRAR)
        routes.add("POST", "/api/officer/people/{user_id}/replacement", self.propose, access=Access.REGISTRAR)
        routes.add("POST", base + "/{act_id}/review", self.review, access=Access.REGISTRAR)
        routes.add("POST", base + "/{act_id}/approval", self.approve, access=Access.REGISTRAR)
        routes.add("POST", "/api/replacements/{act_id}/cancel", self.offer_cancel, access=Access.ACTING)
        routes.add("POST", "/api/replacements/{act_id}/cancellation", self.cancel, access=Access.ACTING)

    async def page(self, caller: SignedIn, after: str = "") -> dict[str, Any]:
        """Those that are open, and those of the last three months."""
        found, following = await self._replacements.page(after=after[:128])
        return {"replacements": [one.as_json() for one in found], "next": following}

    async def propose(self, user_id: Identifier, body: ProposalBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam write the act that this officer approves first. `by_mail` says whether the person gets mails."""
        evidence = IdentityEvidence(
            kind=body.evidence.kind,
            reference=plain_text(body.evidence.reference, "the reference", most=200, required=True),
            level=body.evidence.level,
            checked_by=caller.user_id,
            checked_at=milliseconds(self._clock.now()),
        )
        message = ProposeReplacement(officer_id=caller.user_id, user_id=user_id, evidence=evidence)
        act = await ask(self._sam, message, Act)
        return await self._answers.of(act) | {"by_mail": self._notices.by_mail}

    async def review(self, act_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, Any]:
        """The record again, for the second officer."""
        act = await ask(self._sam, ReviewReplacement(act_id=act_id, officer_id=caller.user_id), Act)
        return await self._answers.of(act) | {"by_mail": self._notices.by_mail}

    async def approve(self, act_id: Identifier, body: ApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Pass an approval to sam. With the second, the one-time link is told, once: nobody keeps its token."""
        message = ApproveReplacement(act_id=act_id, assertion=body.credential.message())
        step = await ask(self._sam, message, ReplacementStep)
        await self._notices.after_step()
        link = f"{self._settings.origin}/replace#{step.token}" if step.token else ""
        view = await self._replacements.view(step.replacement)
        return {"replacement": view.as_json(), "link": link}

    async def offer_cancel(self, act_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, Any]:
        """The record by which the caller cancels: any officer, or the person."""
        officer_id = await self._right_to_cancel(act_id, caller)
        return await self._answers.of(
            await ask(self._sam, OfferReplacementCancel(act_id=act_id, officer_id=officer_id), Act)
        )

    async def cancel(self, act_id: Identifier, body: ApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Pass the cancellation to sam."""
        await self._right_to_cancel(act_id, caller)
        message = CancelReplacement(act_id=act_id, assertion=body.credential.message())
        step = await ask(self._sam, message, ReplacementStep)
        await self._notices.after_step()
        return {"state": step.replacement.state}

    async def _right_to_cancel(self, act_id: str, caller: Caller) -> str:
        """The officer's id, or empty for the person; what is not theirs does not exist. sam decides by the passkey."""
        if caller.is_registrar:
            return caller.user_id
        await self._replacements.require(act_id, user_id=caller.user_id)
        return ""


class ReplacementLinkAPI:
    """What the person does behind the one-time link."""

    def __init__(
        self,
        sam: Sam,
        *,
        settings: WebSettings,
        facts: ServiceFacts,
        database: Database,
        keys: OwnKeys,
        passkeys: SignInPasskeys,
        notices: ReplacementNotices,
    ) -> None:
        self._sam = sam
        self._settings = settings
        self._facts = facts
        self._database = database
        self._keys = keys
        self._passkeys = passkeys
        self._notices = notices
        self._tokens = Throttle(20, seconds=6)

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("POST", "/api/replace/open", self.open, access=Access.PUBLIC)
        routes.add("POST", "/api/replace/complete", self.complete, access=Access.PUBLIC)

    async def open(self, request: Request, body: LinkBody) -> dict[str, Any]:
        """Who it is for, until when to wait, and once that is over the options for the new passkey."""
        self._tokens.take(sender(request))
        opened = await ask(self._sam, OpenReplacement(token=body.token), ReplacementOpened)
        facts = await self._facts.get()
        one, subject = opened.replacement, opened.subject
        person = await to_thread.run_sync(self._find, one.user_id)
        options = creation_options(
            self._settings.party,
            user_id=one.user_id,
            name=person.email if person is not None and person.email else subject.common_name,
            display_name=subject.common_name,
            challenge=opened.challenge,
        )
        return {
            "common_name": subject.common_name,
            "organization": subject.organization,
            "waited": one.waited,
            "ends_waiting_at": one.ends_waiting_at,
            "expires_at": one.expires_at,
            "challenge": base64url.encode(opened.challenge),
            "hpke_public_key": base64url.encode(facts.hpke_public_key),
            "keys": [_told(self._keys.view(key).as_json()) for key in opened.keys],
            "publicKey": options if opened.challenge else None,
        }

    async def complete(self, request: Request, body: CompletionBody) -> dict[str, Any]:
        """Have sam verify it all; then only the new passkey signs the person in, and every session of theirs ends."""
        self._tokens.take(sender(request))
        message = CompleteReplacement(
            token=body.token, attestation=body.credential.message(), sealed_secrets=body.sealed_secrets
        )
        done = await ask(self._sam, message, ReplacementDone)
        user_id = done.replacement.user_id
        if await to_thread.run_sync(self._find, user_id) is None:
            raise NotFound("the account of this key is not there any more")
        await self._passkeys.replace(user_id, done.passkey, replayed=done.replayed)
        await self._notices.after_step()
        return {"user_id": user_id, "keys": [_told(self._keys.view(key).as_json()) for key in done.keys]}

    def _find(self, user_id: str) -> Person | None:
        with self._database.read() as connection:
            return find_person(connection, user_id)


def _told(key: dict[str, Any]) -> dict[str, Any]:
    """What is told of a key to who holds the link and has shown nothing yet."""
    return {name: key[name] for name in ("key_id", "algorithm", "state", "pin_tries_left", "created_at")}
