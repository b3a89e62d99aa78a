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
from natsuin.web.csc.uploads import Uploads
from natsuin.web.document_store import DocumentStore
from natsuin.web.document_work import DocumentWork
from natsuin.web.hash_signing import HashSigning
from natsuin.web.instruction_store import InstructionStore
from natsuin.web.keys import OwnKeys
from natsuin.web.oauth.endpoints import AuthorizationServer
from natsuin.web.oauth.interaction import Interaction
from natsuin.web.oauth.links import LinkedApplications
from natsuin.web.oauth.possession import TokenCheck
from natsuin.web.oauth.whole_documents import WholeDocuments
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
    uploads: Uploads
    topics: tuple[AuthorizationServer, Interaction, WholeDocuments, LinkedApplications, CSCMethods]
    pages: LinkedApplications

    def purge(self) -> int:
        """Delete access requests, grants and answers that are over. Returns how many."""
        return self.requests.purge() + self.tokens.purge() + self.proofs.purge() + self._purge_answers()

    def _purge_answers(self) -> int:
        return self.responses.purge() + self.call_backs.webhooks.purge() + self.uploads.purge()

    async def stop(self) -> None:
        """End what goes on in the background."""
        await self.deferred.stop()
        await self.call_backs.stop()


@dataclass(frozen=True)
class DocumentParts:
    """Where documents and instructions are, and who works on them."""

    documents: DocumentStore
    instructions: InstructionStore
    work: DocumentWork
    hash_signing: HashSigning


@dataclass(frozen=True)
class _Grants:
    clients: Clients
    tokens: Tokens
    proofs: Proofs
    elsewhere: Elsewhere


def about_applications(
    settings: WebSettings,
    database: Database,
    sam: Sam,
    *,
    clock: Clock,
    keys: OwnKeys,
    stores: DocumentParts,
    members: InstructionMembers,
) -> AboutApplications:
    """Make it. Nothing is connected or read yet."""
    origin, clients, tokens = settings.origin, Clients(database, clock), Tokens(database, clock)
    requests, proofs = AccessRequests(database, clock), Proofs(database, clock)
    elsewhere, responses = Elsewhere(database, clock, tokens), Responses(database, clock)
    call_backs = CallBacks(Webhooks(database, clock), clock)
    parts = _parts(
        sam,
        clock,
        settings,
        keys,
        stores,
        _Grants(clients, tokens, proofs, elsewhere),
        (database, responses, call_backs),
    )
    server = AuthorizationServer(origin, clients=clients, requests=requests, tokens=tokens, proofs=proofs)
    interaction = Interaction(
        origin,
        clients=clients,
        requests=requests,
        elsewhere=elsewhere,
        keys=keys,
        hash_signing=stores.hash_signing,
        members=members,
    )
    whole = WholeDocuments(
        origin,
        clock,
        requests=requests,
        tokens=tokens,
        uploads=parts.uploads,
        instructions=stores.instructions,
    )
    links = LinkedApplications(clients, tokens, elsewhere)
    check = TokenCheck(tokens, proofs, clients, origin)
    methods = CSCMethods(settings, facts=ServiceFacts(sam), check=check, parts=parts)
    return AboutApplications(
        clients,
        requests,
        tokens,
        proofs,
        responses,
        parts.deferred,
        call_backs,
        parts.uploads,
        (server, interaction, whole, links, methods),
        links,
    )


def _parts(
    sam: Sam,
    clock: Clock,
    settings: WebSettings,
    keys: OwnKeys,
    stores: DocumentParts,
    grants: _Grants,
    later: tuple[Database, Responses, CallBacks],
) -> MethodParts:
    """What does the work of the CSC API's methods."""
    database, responses, call_backs = later
    credentials = Credentials(keys, grants.clients, clock, language=settings.csc.language)
    signing = Signing(grants.tokens, credentials, stores.hash_signing)
    uploads = Uploads(database, clock, stores.documents, stores.work)
    documents = DocumentSignatures(
        sam, credentials, signing, hash_signing=stores.hash_signing, uploads=uploads, instructions=stores.instructions
    )
    prepared = {SIGN_HASH: signing.prepare, SIGN_DOC: documents.prepare}
    return MethodParts(
        credentials=credentials,
        signing=signing,
        deferred=Deferred(responses, grants.tokens, call_backs, prepared),
        explicit=Explicit(grants.clients, grants.elsewhere, credentials, clock),
        stamps=TimeStamps(sam),
        uploads=uploads,
    )
