"""credentials/authorize and authorizeCheck: the approval is asked for without the person's browser, and given in the
portal as every other, over exactly the hashes that the client named. Nothing that is typed goes through the client.

Clients with the switch `approval-elsewhere` see credentials of the mode `explicit` with one authentication object, out
of band, and no others may call these methods.
"""

from typing import Any, Final

from anyio import to_thread

from natsuin.authentication.oauth import (
    CREDENTIAL,
    MAX_DESCRIPTION,
    SERVICE,
    Access,
    Asked,
    Clients,
    Elsewhere,
    OAuthRefused,
    Switch,
    hash_of,
    read_digest,
)
from natsuin.clock import Clock
from natsuin.errors import Malformed
from natsuin.plain_text import plain_text
from natsuin.sam.key_warnings import why_it_cannot_sign
from natsuin.sam.protocol import MAX_DIGESTS
from natsuin.web.csc.bodies import Accepted, Members, refused
from natsuin.web.csc.credentials import PORTAL, Credentials
from natsuin.web.oauth.interaction import CredentialRefused, scheme_over

_DISABLED: Final = "The credential identified by credentialID is disabled"


class Explicit:
    """Both methods."""

    def __init__(self, clients: Clients, elsewhere: Elsewhere, credentials: Credentials, clock: Clock) -> None:
        self._clients = clients
        self._elsewhere = elsewhere
        self._credentials = credentials
        self._clock = clock

    async def authorize(self, access: Access, _: str, members: Members) -> Accepted:
        """A handle for a request that waits in the person's portal from now on. Raises `OAuthRefused`."""
        await self._allowed(access)
        key = await self._credentials.require(access, members.required("credentialID"))
        if why_it_cannot_sign(key, self._clock.now()):
            raise refused(_DISABLED)
        number = members.integer("numSignatures")
        if number < 1:
            raise refused("Invalid value for parameter numSignatures")
        if number > MAX_DIGESTS:
            raise refused("Numbers of signatures is too high")
        digests = tuple(read_digest(text) for text in members.texts("hashes", "hash"))
        hash_name = hash_of(digests, members.text("hashAlgorithmOID", "hashAlgo"))
        if len(digests) != number:
            # SCAL2: what is not named now could not be signed later.
            raise refused("Invalid value for parameter numSignatures")
        try:
            scheme_over(key, hash_name)
        except CredentialRefused as cause:
            raise refused("Invalid parameter hashAlgorithmOID") from cause
        _check_authentication(members)
        asked = Asked(
            client_id=access.client_id,
            redirect_uri="",
            redirect_given=False,
            scope=CREDENTIAL,
            generation=2,
            credential_id=key.key_id,
            digests=digests,
            hash_name=hash_name,
            description=_description(members),
            bound_to=access.bound_to,
        )
        return Accepted(handle=await to_thread.run_sync(self._elsewhere.ask, asked, access.user_id))

    async def check(self, access: Access, _: str, members: Members) -> dict[str, Any]:
        """The SAD, the same one each time until it is replaced or over; 202 while the person has not answered."""
        await self._allowed(access)
        handle = members.text("handle")
        if not handle:
            raise refused("Invalid parameter handle")
        given = await to_thread.run_sync(
            self._elsewhere.check, handle, access.client_id, access.user_id, access.bound_to
        )
        return Accepted(handle=handle) if given is None else {"SAD": given.sad, "expiresIn": given.expires_in}

    async def _allowed(self, access: Access) -> None:
        client = await to_thread.run_sync(self._clients.find, access.client_id)
        if client is None or access.scope != SERVICE or Switch.APPROVAL_ELSEWHERE not in client.switches:
            raise OAuthRefused("unauthorized_client", "The client is not authorized to use this method.")


def _check_authentication(members: Members) -> None:
    """`authData` names the one object, which triggers it, or nothing. Secrets have no place here."""
    if members.has("PIN", "OTP"):
        raise refused("The authentication data is invalid", "invalid_authentication_data")
    if not members.has("authData"):
        return
    try:
        given = members.objects("authData", "")
    except OAuthRefused as cause:
        raise refused("The authentication data is invalid", "invalid_authentication_data") from cause
    if len(given) > 1 or any(one.text("id") != PORTAL or one.has("value") for one in given):
        raise refused("The authentication data is invalid", "invalid_authentication_data")


def _description(members: Members) -> str:
    try:
        return plain_text(members.text("description"), "description", most=MAX_DESCRIPTION)
    except Malformed as cause:
        raise refused("Invalid parameter description") from cause
