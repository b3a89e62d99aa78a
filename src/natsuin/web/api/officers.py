"""Registration officers: becoming one, and registering people."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import Request
from pydantic import Field

from natsuin.algorithms import KeyAlgorithm
from natsuin.authentication import Throttle, keep_passkey
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Malformed
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import (
    Act,
    ApproveEnrolment,
    IdentityEvidence,
    Invitation,
    OfficerRegistered,
    OpenOfficerInvitation,
    ProposeEnrolment,
    RegisterOfficer,
    RegistrationOffer,
    Subject,
)
from natsuin.storage import Database
from natsuin.user_management import MOST_LINES, Person, Proposal, Register, add_person, new_user_id
from natsuin.web.api.fields import AssertionCredential, AttestationCredential, Body, Token
from natsuin.web.callers import Access
from natsuin.web.ceremonies import creation_options, request_options
from natsuin.web.notices import MailImpossible, address_of
from natsuin.web.requests import sender
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ask
from natsuin.web.settings import WebSettings

_ALGORITHMS = tuple(algorithm.value for algorithm in KeyAlgorithm)
Reading = Annotated[str, Field(max_length=100)]


class InvitationBody(Body):
    """The one-time token from the address's fragment."""

    token: Token


class RegisterBody(Body):
    """The token and the new passkey."""

    token: Token
    credential: AttestationCredential


class EvidenceBody(Body):
    """How the officer made sure who the person is."""

    kind: Literal["my-number-card", "drivers-licence", "passport", "residence-card", "employee-register", "demo"]
    reference: Annotated[str, Field(min_length=1, max_length=200)]
    level: Annotated[int, Field(ge=1, le=3)]


class PersonBody(Body):
    """A person to be registered."""

    common_name: Annotated[str, Field(min_length=1, max_length=64)]
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s<>\"\\]{1,64}@[^@\s<>\"\\]{1,189}$")]
    name_kana: Reading = ""
    name_romanised: Reading = ""
    job_title: Reading = ""
    """These three are for the register alone: they stand in no record, no log and no certificate."""
    file: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    line: Annotated[int, Field(ge=0, le=MOST_LINES)] = 0
    """From which line of which file the person comes; empty and 0 for whom an officer typed in."""
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "JP"
    organization: Annotated[str, Field(max_length=64)] = ""
    algorithm: Annotated[str, Field(pattern=f"^({'|'.join(_ALGORITHMS)})$")] = "rsa-3072"
    resident: bool = False
    """Whether the key is to live in the token."""
    evidence: EvidenceBody


class ApprovalBody(Body):
    """The officer's approval of the act."""

    credential: AssertionCredential


def mail_address(text: str) -> str:
    """An address that mails can be written to. Raises `Malformed`."""
    try:
        address_of(text)
    except MailImpossible as error:
        raise Malformed("no mail can be sent to this address", hint="Check the mail address of the person.") from error
    return text


def register_texts(name_kana: str, name_romanised: str, job_title: str) -> dict[str, str]:
    """What only the register keeps, in the form in which texts are kept. Raises `Malformed`."""
    return {
        "name_kana": plain_text(name_kana, "the reading in kana", most=100),
        "name_romanised": plain_text(name_romanised, "the name in Latin letters", most=100),
        "job_title": plain_text(job_title, "the job title", most=100),
    }


class OfficerAPI:
    """`/api/officer/...`."""

    def __init__(
        self, sam: Sam, clock: Clock, *, settings: WebSettings, database: Database, register: Register
    ) -> None:
        self._sam = sam
        self._clock = clock
        self._settings = settings
        self._database = database
        self._register = register
        self._tokens = Throttle(20, seconds=6)

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("POST", "/api/officer/invitation", self.open_invitation, access=Access.PUBLIC)
        routes.add("POST", "/api/officer/register", self.register, access=Access.PUBLIC)
        routes.add("POST", "/api/officer/people", self.propose, access=Access.REGISTRAR)
        routes.add("POST", "/api/officer/people/{act_id}/approve", self.approve, access=Access.REGISTRAR)

    async def open_invitation(self, request: Request, body: InvitationBody) -> dict[str, Any]:
        """Begin an officer's registration."""
        self._tokens.take(sender(request))
        offer = await ask(self._sam, OpenOfficerInvitation(token=body.token), RegistrationOffer)
        return {
            "display_name": offer.display_name,
            "roles": list(offer.roles),
            "expires_at": offer.expires_at,
            "publicKey": creation_options(
                self._settings.party,
                user_id=offer.user_id,
                name=offer.display_name,
                display_name=offer.display_name,
                challenge=offer.challenge,
            ),
        }

    async def register(self, request: Request, body: RegisterBody) -> dict[str, Any]:
        """Finish an officer's registration. sam verifies; here only the copy for login is made."""
        self._tokens.take(sender(request))
        message = RegisterOfficer(token=body.token, attestation=body.credential.message())
        registered = await ask(self._sam, message, OfficerRegistered)
        await to_thread.run_sync(self._keep, registered)
        return {"user_id": registered.user_id, "display_name": registered.display_name}

    async def propose(self, body: PersonBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam write the act that the officer is to approve."""
        await to_thread.run_sync(self._register.require_not_done, body.file, body.line)
        proposal = Proposal(
            user_id=new_user_id(),
            email=mail_address(body.email),
            subject=Subject(
                common_name=plain_text(body.common_name, "the name", most=64, required=True),
                country=body.country,
                organization=plain_text(body.organization, "the organization", most=64),
            ),
            evidence=IdentityEvidence(
                kind=body.evidence.kind,
                reference=plain_text(body.evidence.reference, "the reference", most=200, required=True),
                level=body.evidence.level,
                checked_by=caller.user_id,
                checked_at=milliseconds(self._clock.now()),
            ),
            algorithm=body.algorithm,
            file=body.file,
            line=body.line,
            **register_texts(body.name_kana, body.name_romanised, body.job_title),
        )
        message = ProposeEnrolment(
            officer_id=caller.user_id,
            user_id=proposal.user_id,
            subject=proposal.subject,
            evidence=proposal.evidence,
            algorithm=proposal.algorithm,
            resident=body.resident,
        )
        act = await ask(self._sam, message, Act)
        await to_thread.run_sync(lambda: self._register.note_proposed(proposal, act, officer_id=caller.user_id))
        return {
            "act_id": act.act_id,
            "record": act.record.decode(),
            "expires_at": act.expires_at,
            "publicKey": request_options(
                self._settings.party, challenge=act.challenge, credential_ids=act.credential_ids
            ),
        }

    async def approve(self, act_id: Identifier, body: ApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Pass the approval to sam and give out the invitation, once: nobody keeps its token."""
        await to_thread.run_sync(self._register.require_proposed_by, act_id, caller.user_id)
        await to_thread.run_sync(self._register.require_act_not_done, act_id)
        message = ApproveEnrolment(act_id=act_id, assertion=body.credential.message())
        invitation = await ask(self._sam, message, Invitation)
        await to_thread.run_sync(self._register.note_invited, act_id, invitation)
        return {
            "user_id": invitation.user_id,
            "invitation_url": f"{self._settings.origin}/enrol#{invitation.token}",
            "expires_at": invitation.expires_at,
        }

    def _keep(self, registered: OfficerRegistered) -> None:
        now = milliseconds(self._clock.now())
        added = Person(registered.user_id, registered.display_name, "", registered.roles)
        with self._database.write() as connection:
            add_person(connection, added, now=now)
            keep_passkey(connection, registered.user_id, registered.passkey, now=now)
