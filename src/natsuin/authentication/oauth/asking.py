"""Requests for authorization: who is to be sent back where, and what is asked for (CSC API, section 8.4; RFC 6749,
4.1.1; RFC 7636; RFC 9396)."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from natsuin.authentication.oauth.clients import CREDENTIAL, SCOPES, SERVICE, Client, Switch, redirect_matches
from natsuin.authentication.oauth.details import OF_DATA, OF_ORIGINALS, CredentialDetails, read_details, read_hash_kind
from natsuin.authentication.oauth.digests import hash_of, read_digest_list
from natsuin.authentication.oauth.errors import OAuthRefused, UnknownRecipient
from natsuin.errors import Malformed
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import MAX_DIGESTS

MAX_DESCRIPTION = 500
_MAX_STATE = 2048
_CHALLENGE = re.compile(r"^[A-Za-z0-9._~-]{43,128}$")
_SHORT_CHALLENGE = re.compile(r"^[A-Za-z0-9._~-]{1,128}$")
_THUMBPRINT = re.compile(r"^[A-Za-z0-9_-]{43}$")
_IDENTIFIER = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks a person for, checked. The person sees it, and nothing else is granted.

    `digests` are raw bytes, in the client's order, of what `hash_kind` says (`OF_DATA`, `OF_DOCUMENTS`,
    `OF_ORIGINALS`); `details` is the client's own object of authorization details, which the token answer repeats;
    `generation` is 1 or 2, the generation of the CSC API that the client speaks.
    """

    client_id: str
    redirect_uri: str
    redirect_given: bool
    scope: str
    generation: int
    state: str | None = None
    code_challenge: str = ""
    challenge_method: str = ""
    credential_id: str = ""
    qualifier: str = ""
    digests: tuple[bytes, ...] = ()
    labels: tuple[str, ...] = ()
    hash_name: str = ""
    hash_kind: str = OF_DATA
    description: str = ""
    details: dict[str, Any] | None = None
    bound_to: str = ""

    @property
    def without_browser(self) -> bool:
        """Whether the client waits for the answer, and no browser brings it."""
        return not self.redirect_uri


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Where the browser may be sent with an answer, good or bad."""

    redirect_uri: str
    given: bool
    state: str | None


def read_recipient(parameters: Mapping[str, str], client: Client) -> Recipient:
    """Raises `UnknownRecipient`: then nobody must be sent anywhere."""
    given = parameters.get("redirect_uri")
    if given is None:
        if len(client.redirect_uris) != 1:
            raise UnknownRecipient("the application does not say where its answer goes (redirect_uri)")
        return Recipient(redirect_uri=client.redirect_uris[0], given=False, state=parameters.get("state"))
    if not any(redirect_matches(registered, given) for registered in client.redirect_uris):
        raise UnknownRecipient("the application's address for answers (redirect_uri) is not the registered one")
    return Recipient(redirect_uri=given, given=True, state=parameters.get("state"))


def read_request(
    parameters: Mapping[str, str], client: Client, recipient: Recipient, *, generation: int, bound_to: str = ""
) -> Asked:
    """What is asked for. `bound_to` is the thumbprint of the key that the request proved. Raises `OAuthRefused`."""
    if parameters.get("response_type") != "code":
        missing = "response_type" not in parameters
        raise OAuthRefused("invalid_request" if missing else "unsupported_response_type", "response_type must be code")
    if "authorization_code" not in client.grant_types:
        raise OAuthRefused("unauthorized_client", "The client is not authorized to use this method.")
    if len(recipient.state or "") > _MAX_STATE:
        raise OAuthRefused("invalid_request", f"state is longer than {_MAX_STATE} characters")
    challenge, method = _read_challenge(parameters, client)
    wanted = _read_wanted(parameters, client)
    return Asked(
        client_id=client.client_id,
        redirect_uri=recipient.redirect_uri,
        redirect_given=recipient.given,
        state=recipient.state,
        generation=generation,
        code_challenge=challenge,
        challenge_method=method,
        description=_text(parameters.get("description", ""), "description", MAX_DESCRIPTION),
        bound_to=_read_binding(parameters, bound_to),
        **wanted,
    )


def _read_binding(parameters: Mapping[str, str], proved: str) -> str:
    """The key that the code is to be bound to (RFC 9449, section 10)."""
    named = parameters.get("dpop_jkt", proved)
    if named and not _THUMBPRINT.match(named):
        raise OAuthRefused("invalid_request", "Invalid parameter dpop_jkt")
    if proved and named != proved:
        raise OAuthRefused("invalid_dpop_proof", "dpop_jkt names another key than the proof")
    return named


def _read_challenge(parameters: Mapping[str, str], client: Client) -> tuple[str, str]:
    challenge = parameters.get("code_challenge")
    if challenge is None:
        if Switch.WITHOUT_PKCE in client.switches:
            return "", ""
        raise OAuthRefused("invalid_request", "Missing parameter code_challenge")
    # RFC 7636, 4.3 makes `plain` the default; whoever does not say S256 says plain.
    method = parameters.get("code_challenge_method", "plain")
    if method not in ("S256", "plain") or (method == "plain" and Switch.PLAIN_PKCE not in client.switches):
        raise OAuthRefused("invalid_request", "code_challenge_method must be S256")
    shape = _SHORT_CHALLENGE if method == "plain" and Switch.SHORT_VERIFIER in client.switches else _CHALLENGE
    if not shape.match(challenge):
        raise OAuthRefused("invalid_request", "Invalid parameter code_challenge")
    return challenge, method


def _read_wanted(parameters: Mapping[str, str], client: Client) -> dict[str, Any]:
    text = parameters.get("authorization_details")
    details = read_details(text) if text is not None else None
    scope = parameters.get("scope", CREDENTIAL if details else SERVICE)
    if scope not in SCOPES or scope not in client.scopes or (details is not None and scope != CREDENTIAL):
        raise OAuthRefused("invalid_scope", "The requested scope is invalid, unknown or malformed.")
    if scope == SERVICE:
        return {"scope": SERVICE}
    asked = details or _read_parameters(parameters)
    if asked.credential_id and not _IDENTIFIER.match(asked.credential_id):
        raise OAuthRefused("invalid_request", "Invalid parameter credentialID")
    if not asked.credential_id and not asked.qualifier:
        raise OAuthRefused("invalid_request", "Missing parameter credentialID")
    if not asked.digests:
        raise OAuthRefused(
            "invalid_request", "Missing parameter hashes: this service signs approved hashes only (SCAL2)"
        )
    if len(asked.digests) > MAX_DIGESTS:
        raise OAuthRefused("invalid_request", "Numbers of signatures is too high")
    if asked.number is not None and asked.number != len(asked.digests):
        raise OAuthRefused(
            "invalid_request", "numSignatures must be the number of hashes: this service signs approved hashes only"
        )
    hash_name = hash_of(asked.digests, asked.hash_oid)
    if asked.hash_kind == OF_ORIGINALS and (len(asked.digests) != 1 or hash_name != "sha256"):
        raise OAuthRefused("invalid_request", "hashType sodr is for the SHA-256 of one document at a time")
    return {
        "scope": CREDENTIAL,
        "credential_id": asked.credential_id,
        "qualifier": asked.qualifier,
        "digests": asked.digests,
        "labels": asked.labels,
        "hash_name": hash_name,
        "hash_kind": asked.hash_kind,
        "details": asked.echo,
    }


def _read_parameters(parameters: Mapping[str, str]) -> CredentialDetails:
    listed = parameters.get("hashes", parameters.get("hash"))
    number = parameters.get("numSignatures")
    if number is not None and not (number.isascii() and number.isdigit() and len(number) < 9 and int(number) >= 1):
        raise OAuthRefused("invalid_request", "Invalid value for parameter numSignatures")
    return CredentialDetails(
        credential_id=parameters.get("credentialID", ""),
        qualifier=_text(parameters.get("signatureQualifier", ""), "signatureQualifier", 100),
        number=None if number is None else int(number),
        digests=() if listed is None else read_digest_list(listed),
        hash_oid=parameters.get("hashAlgorithmOID", parameters.get("hashAlgo", "")),
        hash_kind=read_hash_kind(parameters.get("hashType", "")),
    )


def _text(text: str, name: str, most: int) -> str:
    try:
        return plain_text(text, name, most=most)
    except Malformed as refused:
        raise OAuthRefused("invalid_request", f"Invalid parameter {name}: {refused.message}") from refused
