"""Puts together what web has to do with applications that ask people for authorization: endpoints, API, pages."""

from dataclasses import dataclass

from natsuin.authentication.oauth import AccessRequests, Clients, Elsewhere, Proofs, Tokens
from natsuin.clock import Clock
from natsuin.storage import Database
from natsuin.web.api.instructions import InstructionMembers
from natsuin.web.csc.call_backs import CallBacks, Webhooks
from natsuin.web.csc.credentials import Credentials
from natsuin.web.csc.deferred import Deferred
from natsuin.web.csc.documents import DocumentSignatures
from natsuin.web.csc.explicit import Explicit
from natsuin.web.csc.methods import SIGN_DOC, SIGN_HASH, CSCMethods, MethodParts
from natsuin.web.csc.responses import Responses
from natsuin.web.csc.signing import Signing
from natsuin.web.csc.timestamps import TimeStamps
from natsuin.web.hash_signing import HashSigning
from natsuin.web.keys import OwnKeys
from natsuin.web.oauth.endpoints import AuthorizationServer
from natsuin.web.oauth.interaction import Interaction
from natsuin.web.oauth.links import LinkedApplications
from natsuin.web.oauth.possession import TokenCheck
from natsuin.web.sam_calls import Sam, ServiceFacts
from natsuin.web.settings import WebSettings


@dataclass(frozen=True)
class AboutApplications:
    """All of it."""

    clients: Clients
    requests: AccessRequests
    tokens: Tokens
    proofs: Proofs
    responses: Responses
    deferred: Deferred
    call_backs: CallBacks
    topics: tuple[AuthorizationServer, Interaction, LinkedApplications, CSCMethods]
    pages: LinkedApplications

    def purge(self) -> int:
        """Delete access requests, grants and answers that are over. Returns how many."""
        return self.requests.purge() + self.tokens.purge() + self.proofs.purge() + self._purge_answers()

    def _purge_answers(self) -> int:
        return self.responses.purge() + self.call_backs.webhooks.purge()

    async def stop(self) -> None:
        """End what goes on in the background."""
        await self.deferred.stop()
        await self.call_backs.stop()


def about_applications(
    settings: WebSettings,
    database: Database,
    sam: Sam,
    *,
    clock: Clock,
    keys: OwnKeys,
    hash_signing: HashSigning,
    members: InstructionMembers,
) -> AboutApplications:
    """Make it. Nothing is connected or read yet."""
    clients = Clients(database, clock)
    requests = AccessRequests(database, clock)
    tokens = Tokens(database, clock)
    proofs = Proofs(database, clock)
    elsewhere = Elsewhere(database, clock, tokens)
    server = AuthorizationServer(settings.origin, clients=clients, requests=requests, tokens=tokens, proofs=proofs)
    interaction = Interaction(
        settings.origin,
        clients=clients,
        requests=requests,
        elsewhere=elsewhere,
        keys=keys,
        hash_signing=hash_signing,
        members=members,
    )
    links = LinkedApplications(clients, tokens, elsewhere)
    credentials = Credentials(keys, clients, clock, language=settings.csc.language)
    signing = Signing(tokens, credentials, hash_signing)
    documents = DocumentSignatures(sam, credentials, signing, hash_signing)
    responses = Responses(database, clock)
    call_backs = CallBacks(Webhooks(database, clock), clock)
    deferred = Deferred(responses, tokens, call_backs, {SIGN_HASH: signing.prepare, SIGN_DOC: documents.prepare})
    methods = CSCMethods(
        settings,
        facts=ServiceFacts(sam),
        check=TokenCheck(tokens, proofs, clients, settings.origin),
        parts=MethodParts(
            credentials=credentials,
            signing=signing,
            deferred=deferred,
            explicit=Explicit(clients, elsewhere, credentials, clock),
            stamps=TimeStamps(sam),
        ),
    )
    return AboutApplications(
        clients, requests, tokens, proofs, responses, deferred, call_backs, (server, interaction, links, methods), links
    )
