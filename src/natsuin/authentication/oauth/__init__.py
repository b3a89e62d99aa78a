"""The OAuth 2.0 authorization server of the CSC API: clients, access requests, codes and tokens.

A client never signs by what it holds alone: a token of scope `credential` stands for one approval that sam verified,
over digests that the person approved, each good once. What is here is bookkeeping around that: whose browser is sent
where, and who may bring the approval back. HTTP is in `natsuin.web.oauth`.

What may be relied on:

- A code, a handle and a refresh token are good once; a second use of a code or a refresh token ends the grant.
- `Tokens.find` alone decides what a token opens. A SAD lies in the database only sealed under the token itself.
- Refusals that a client reads are `OAuthRefused`, with RFC 6749's code.
"""

from natsuin.authentication.oauth.access_requests import (
    PUSHED_SECONDS,
    REQUEST_URI_PREFIX,
    AccessRequests,
    Waiting,
)
from natsuin.authentication.oauth.asking import MAX_DESCRIPTION, Asked, Recipient, read_recipient, read_request
from natsuin.authentication.oauth.assertions import ASSERTION_TYPE
from natsuin.authentication.oauth.clients import (
    CREDENTIAL,
    GRANT_TYPES,
    SCOPES,
    SERVICE,
    AuthMethod,
    Client,
    Clients,
    NewClient,
    Registered,
    Switch,
)
from natsuin.authentication.oauth.details import CREDENTIAL_TYPES, OF_DATA, OF_DOCUMENTS, OF_ORIGINALS
from natsuin.authentication.oauth.digests import HASH_BYTES, HASH_OF_OID, OID_OF_HASH, hash_of, read_digest
from natsuin.authentication.oauth.elsewhere import Elsewhere, Given, Unanswered
from natsuin.authentication.oauth.errors import AccessRequestOver, OAuthRefused, UnknownRecipient
from natsuin.authentication.oauth.proofs import PROOF_SECONDS, Proofs
from natsuin.authentication.oauth.secrets import open_sad, seal_sad
from natsuin.authentication.oauth.signed import ALGORITHMS
from natsuin.authentication.oauth.tokens import Access, Approved, Issued, Tokens, end_grants_of

__all__ = [
    "ALGORITHMS",
    "ASSERTION_TYPE",
    "CREDENTIAL",
    "CREDENTIAL_TYPES",
    "GRANT_TYPES",
    "HASH_BYTES",
    "HASH_OF_OID",
    "MAX_DESCRIPTION",
    "OF_DATA",
    "OF_DOCUMENTS",
    "OF_ORIGINALS",
    "OID_OF_HASH",
    "PROOF_SECONDS",
    "PUSHED_SECONDS",
    "REQUEST_URI_PREFIX",
    "SCOPES",
    "SERVICE",
    "Access",
    "AccessRequestOver",
    "AccessRequests",
    "Approved",
    "Asked",
    "AuthMethod",
    "Client",
    "Clients",
    "Elsewhere",
    "Given",
    "Issued",
    "NewClient",
    "OAuthRefused",
    "Proofs",
    "Recipient",
    "Registered",
    "Switch",
    "Tokens",
    "Unanswered",
    "UnknownRecipient",
    "Waiting",
    "end_grants_of",
    "hash_of",
    "open_sad",
    "read_digest",
    "read_recipient",
    "read_request",
    "seal_sad",
]
