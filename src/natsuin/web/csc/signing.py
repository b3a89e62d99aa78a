"""signatures/signHash and credentials/extendTransaction: spending what a person approved.

Nothing is decided here that sam does not decide again: an approval is over digests, each good once, and sam signs no
other. Clients may send approved digests in any order, sam takes them in the approved one; so a request is brought into
that order before it goes, and its signatures back into the client's.
"""

import base64
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from anyio import to_thread

from natsuin.authentication.oauth import CREDENTIAL, HASH_BYTES, OF_DATA, Access, OAuthRefused, Tokens, read_digest
from natsuin.errors import NatsuinError, Refused
from natsuin.web.csc.algorithms import Wanted, read_wanted
from natsuin.web.csc.bodies import Members, refused
from natsuin.web.csc.credentials import Credentials
from natsuin.web.hash_signing import HashSigning

NOT_AUTHORIZED = "Hash is not authorized by the SAD"
_TOLD = {
    "not_approved": NOT_AUTHORIZED,
    "already_used": NOT_AUTHORIZED,
    "not_found": "Invalid parameter SAD",
    "expired": "SAD expired",
    "certificate_refused": "Signing certificate is expired",
    "scheme_not_approved": "Invalid parameter signAlgo",
    "algorithm_refused": "Invalid parameter signAlgo",
    "malformed": "Invalid parameter signAlgoParams",
}
"""What sam refuses, in the API's words."""


class Signing:
    """Signs with approvals that tokens hold."""

    def __init__(self, tokens: Tokens, credentials: Credentials, hash_signing: HashSigning) -> None:
        self._tokens = tokens
        self._credentials = credentials
        self._hash_signing = hash_signing

    async def sign_hash(self, access: Access, bearer: str, members: Members) -> dict[str, Any]:
        """signatures/signHash of the first generation, synchronous. Raises as `prepare` and what it gives."""
        if members.text("operationMode") not in ("", "S"):
            raise refused("Invalid parameter operationMode")
        return await (await self.prepare(access, bearer, members))()

    async def prepare(self, access: Access, bearer: str, members: Members) -> Callable[[], Awaitable[dict[str, Any]]]:
        """Check a request of signatures/signHash; what this gives signs. The identical request again gives the recorded
        signatures.

        Raises `OAuthRefused`, and what is wrong on our side.
        """
        key = await self._credentials.require(access, members.required("credentialID"))
        approved = await self.approval(access, bearer, members)
        digests = _digests(members)
        wanted = read_wanted(members)
        if wanted.scheme.value not in key.schemes:
            raise refused("Invalid parameter signAlgo")
        check_mode(members)
        if any(len(digest) != HASH_BYTES[wanted.hash_name] for digest in digests):
            raise refused("Invalid digest value length")
        if wanted.hash_name != approved.asked.hash_name or approved.asked.hash_kind != OF_DATA:
            raise refused(NOT_AUTHORIZED)
        ordered = in_approved_order(approved.asked.digests, digests)

        async def sign() -> dict[str, Any]:
            signatures = await self._sign(approved, ordered, wanted)
            places: dict[bytes, list[bytes]] = {}
            for digest, signature in zip(ordered, signatures, strict=True):
                places.setdefault(digest, []).append(signature)
            return {"signatures": [base64.b64encode(places[digest].pop(0)).decode() for digest in digests]}

        return sign

    async def _sign(self, approved: Access, ordered: tuple[bytes, ...], wanted: Wanted) -> tuple[bytes, ...]:
        try:
            signed = await self._hash_signing.sign(
                approved.user_id, approved.sad, ordered, scheme=wanted.scheme.value, salt_bytes=wanted.salt_bytes
            )
        except Refused as refusal:
            raise told(refusal) from refusal
        return signed.signatures

    async def extend(self, access: Access, bearer: str, members: Members) -> dict[str, Any]:
        """credentials/extendTransaction: another SAD for the same approval. What was approved stays what it was."""
        await self._credentials.require(access, members.required("credentialID"))
        sad = members.required("SAD")
        approved = await self.approval(access, bearer, members)
        if members.has("hashes", "hash") and Counter(_digests(members)) - Counter(approved.asked.digests):
            raise refused(NOT_AUTHORIZED)
        issued = await to_thread.run_sync(self._tokens.replace, sad)
        return {"SAD": issued.access_token, "expiresIn": issued.expires_in}

    async def approval(self, access: Access, bearer: str, members: Members) -> Access:
        """The approval that is meant: the bearer token's own, or that of a SAD beside a service token. Raises
        `OAuthRefused`."""
        sad = members.text("SAD")
        if access.scope == CREDENTIAL:
            if sad and not hmac.compare_digest(sad.encode(), bearer.encode()):
                raise refused("Invalid parameter SAD")
            return access
        sad = members.required("SAD")
        try:
            found = await to_thread.run_sync(self._tokens.find, sad)
        except OAuthRefused as refusal:
            over = refusal.error == "expired_token"
            raise refused("SAD expired" if over else "Invalid parameter SAD") from refusal
        same = (found.user_id, found.client_id) == (access.user_id, access.client_id)
        if found.scope != CREDENTIAL or not same or found.key_id != members.required("credentialID"):
            raise refused("Invalid parameter SAD")
        if found.bound_to and not hmac.compare_digest(found.bound_to, access.bound_to):
            # The request proved the key of the service token, so that must be the SAD's own.
            raise refused("Invalid parameter SAD")
        return found


def in_approved_order(approved: tuple[bytes, ...], digests: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """`digests` in the order of the run of `approved` that they are. Raises `OAuthRefused` if they are none."""
    count, wanted = len(digests), Counter(digests)
    for start in range(len(approved) - count + 1):
        run = approved[start : start + count]
        if Counter(run) == wanted:
            return run
    raise refused(NOT_AUTHORIZED)


def check_mode(members: Members) -> None:
    """Raises `OAuthRefused`."""
    if members.text("operationMode") not in ("", "S", "A"):
        raise refused("Invalid parameter operationMode")


def _digests(members: Members) -> tuple[bytes, ...]:
    return tuple(read_digest(text) for text in members.texts("hashes", "hash"))


def told(refusal: NatsuinError, not_authorized: str = NOT_AUTHORIZED) -> OAuthRefused:
    """What sam refuses, in the API's words; `not_authorized` are those for what was not approved or was used."""
    words = _TOLD.get(refusal.code, "The credential identified by credentialID is disabled")
    return refused(not_authorized if words == NOT_AUTHORIZED else words)
