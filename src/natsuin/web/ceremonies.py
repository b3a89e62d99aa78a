"""Options for the browser's two WebAuthn ceremonies (Web Authentication Level 3, sections 5.4 and 5.5), as JSON."""

from collections.abc import Mapping
from typing import Any

from anyio import to_thread

from natsuin import base64url
from natsuin.authentication import transports_of
from natsuin.passkeys import RelyingParty
from natsuin.storage import Database

TIMEOUT_MILLISECONDS = 300_000
_ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA, RS256 (IANA COSE algorithms), in the order in which they are wanted."""


def creation_options(
    party: RelyingParty,
    *,
    user_id: str,
    name: str,
    display_name: str,
    challenge: bytes,
    known: tuple[bytes, ...] = (),
) -> dict[str, Any]:
    """PublicKeyCredentialCreationOptionsJSON for a discoverable passkey with user verification, on a device that has
    none of the `known` ones."""
    return {
        "rp": {"id": party.rp_id, "name": party.name},
        "user": {"id": base64url.encode(user_id.encode()), "name": name, "displayName": display_name},
        "challenge": base64url.encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in _ALGORITHMS],
        "timeout": TIMEOUT_MILLISECONDS,
        "excludeCredentials": [
            {"type": "public-key", "id": base64url.encode(credential_id)} for credential_id in known
        ],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def request_options(
    party: RelyingParty,
    *,
    challenge: bytes,
    credential_ids: tuple[bytes, ...] = (),
    transports: Mapping[bytes, tuple[str, ...]] | None = None,
) -> dict[str, Any]:
    """PublicKeyCredentialRequestOptionsJSON. Without `credential_ids` the person picks any passkey of this service."""
    known = transports or {}
    allowed: list[dict[str, Any]] = []
    for credential_id in credential_ids:
        descriptor: dict[str, Any] = {"type": "public-key", "id": base64url.encode(credential_id)}
        if known.get(credential_id):
            descriptor["transports"] = list(known[credential_id])
        allowed.append(descriptor)
    return {
        "challenge": base64url.encode(challenge),
        "timeout": TIMEOUT_MILLISECONDS,
        "rpId": party.rp_id,
        "allowCredentials": allowed,
        "userVerification": "required",
    }


async def known_transports(database: Database, credential_ids: tuple[bytes, ...]) -> dict[bytes, tuple[str, ...]]:
    """How the browser may reach each of these passkeys, as far as it is known, for `request_options`."""

    def look_up() -> dict[bytes, tuple[str, ...]]:
        with database.read() as connection:
            return transports_of(connection, credential_ids)

    return await to_thread.run_sync(look_up)
