"""Rich authorization requests (RFC 9396) for a credential, in both spellings that the CSC API has had."""

from dataclasses import dataclass
from typing import Any

from natsuin.authentication.oauth.digests import hash_of, read_digest
from natsuin.authentication.oauth.errors import OAuthRefused
from natsuin.errors import Malformed
from natsuin.plain_text import plain_text
from natsuin.strict_json import parse_json

CREDENTIAL_TYPES = ("credential", "https://cloudsignatureconsortium.org/2025/credential")
"""CSC API 2.0 and 2.2."""

MAX_LABEL = 255
_MAX_CHARACTERS = 512 * 1024

OF_DATA = "dtbsr"
"""Digests are signed as they are (data to be signed, representation)."""
OF_ORIGINALS = "sodr"
"""The one digest is the SHA-256 of a whole document, which the client has uploaded (signer's original document)."""
OF_DOCUMENTS = "sdr"
"""Digests are of a PDF's signed range (signer's document, representation): what is signed is made of them here."""


@dataclass(frozen=True)
class CredentialDetails:
    """What is asked of one credential. `number` is None where the client does not say it; `echo` is the client's own
    object, None where it used plain parameters."""

    credential_id: str
    qualifier: str
    number: int | None
    digests: tuple[bytes, ...]
    hash_oid: str
    labels: tuple[str, ...] = ()
    hash_kind: str = OF_DATA
    echo: dict[str, Any] | None = None


def read_details(text: str) -> CredentialDetails:
    """The one entry of `authorization_details`. Raises `OAuthRefused` (`invalid_authorization_details`)."""
    if len(text) > _MAX_CHARACTERS:
        raise _refused("it is too long")
    try:
        value = parse_json(text.encode("utf-8", "surrogatepass"))
    except Malformed as cause:
        raise _refused("it is not JSON that can be read in one way only") from cause
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
        raise _refused("it must be an array of one object")
    entry: dict[str, Any] = {name: member for name, member in value[0].items() if member is not None}
    if entry.get("type") not in CREDENTIAL_TYPES:
        raise _refused("its type is not one that this server knows")
    documents = entry.get("documentDigests", [])
    if not isinstance(documents, list) or not all(isinstance(document, dict) for document in documents):
        raise _refused("documentDigests must be an array of objects")
    number = entry.get("numSignatures")
    if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
        raise _refused("numSignatures must be a positive integer")
    return CredentialDetails(
        credential_id=_text(entry, "credentialID"),
        qualifier=_text(entry, "signatureQualifier"),
        number=number,
        digests=tuple(read_digest(_text(document, "hash", required=True)) for document in documents),
        hash_oid=_text(entry, "hashAlgorithmOID"),
        labels=_labels(documents),
        hash_kind=_hash_kind(documents),
        echo=entry,
    )


def same_details(one: dict[str, Any] | None, text: str) -> bool:
    """Whether a token request repeats the details of its authorization: compared by what they mean."""
    again = read_details(text)
    if one is None:
        return False
    first = read_details_of(one)
    return (
        (first.credential_id, first.qualifier, first.digests) == (again.credential_id, again.qualifier, again.digests)
        and first.hash_kind == again.hash_kind
        and hash_of(first.digests, first.hash_oid) == hash_of(again.digests, again.hash_oid)
        and (first.number or len(first.digests)) == (again.number or len(again.digests))
    )


def read_details_of(entry: dict[str, Any]) -> CredentialDetails:
    """Details that were read and kept before."""
    documents = entry.get("documentDigests", [])
    return CredentialDetails(
        credential_id=entry.get("credentialID", ""),
        qualifier=entry.get("signatureQualifier", ""),
        number=entry.get("numSignatures"),
        digests=tuple(read_digest(document["hash"]) for document in documents),
        hash_oid=entry.get("hashAlgorithmOID", ""),
        hash_kind=_hash_kind(documents),
    )


def read_hash_kind(text: str) -> str:
    """What digests are of: `OF_DATA`, the usual, `OF_DOCUMENTS` or `OF_ORIGINALS`, in any case
    of letters. Raises `OAuthRefused`."""
    kind = text.lower() or OF_DATA
    if kind not in (OF_DATA, OF_DOCUMENTS, OF_ORIGINALS):
        raise OAuthRefused("invalid_request", "hashType must be dtbsr, sdr or sodr")
    return kind


def _hash_kind(documents: list[dict[str, Any]]) -> str:
    kinds = {read_hash_kind(_text(document, "hashType")) for document in documents}
    if len(kinds) > 1:
        raise _refused("all digests must be of one hashType")
    return kinds.pop() if kinds else OF_DATA


def _labels(documents: list[dict[str, Any]]) -> tuple[str, ...]:
    labels = tuple(_text(document, "label") for document in documents)
    if not any(labels):
        return ()
    try:
        return tuple(plain_text(label, "label", most=MAX_LABEL) for label in labels)
    except Malformed as refused:
        raise _refused(refused.message) from refused


def _text(entry: dict[str, Any], name: str, *, required: bool = False) -> str:
    value = entry.get(name)
    value = "" if value is None else value
    if not isinstance(value, str) or (required and not value):
        raise _refused(f"{name} must be text")
    return value


def _refused(why: str) -> OAuthRefused:
    return OAuthRefused("invalid_authorization_details", f"authorization_details: {why}")
