"""The one verifier of passkeys: registrations and assertions (Web Authentication Level 3, sections 7.1 and 7.2).

Sign-in and the approval of signatures are two gates, each with its own record of passkeys and its own challenges; what
a valid answer is, is the same for both. Nothing here reads or writes a record: whether the passkey is the right one,
and whether the challenge was used before, is the caller's matter.
"""

import json
from dataclasses import dataclass
from typing import Any

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    CredentialDeviceType,
    RegistrationCredential,
)

from natsuin import base64url
from natsuin.errors import ApprovalRefused, Malformed
from natsuin.sam.protocol import Assertion, Attestation, Passkey

_MAX_BYTES = 64 * 1024
_MAX_CREDENTIAL_ID_BYTES = 1023
_MAX_TRANSPORTS = 8


@dataclass(frozen=True)
class RelyingParty:
    """Whom a ceremony is for: the RP id, the only origin it is accepted from, and its name for people."""

    rp_id: str
    origin: str
    name: str = ""

    def verify_registration(self, attestation: Attestation, challenge: bytes) -> Passkey:
        """The new passkey, made for this service with user verification in answer to `challenge`.

        Raises `ApprovalRefused`.
        """
        _bound(attestation.client_data_json, attestation.attestation_object, credential_id=attestation.credential_id)
        _refuse_frames(attestation.client_data_json)
        credential = RegistrationCredential(
            id=base64url.encode(attestation.credential_id),
            raw_id=attestation.credential_id,
            response=AuthenticatorAttestationResponse(
                client_data_json=attestation.client_data_json, attestation_object=attestation.attestation_object
            ),
        )
        try:
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except Exception as error:
            # The library decodes hostile CBOR and JSON with several parsers, each with errors of its own; whatever they
            # raise, the registration is not proven.
            raise _refused() from error
        if verified.credential_id != attestation.credential_id:
            raise ApprovalRefused("the passkey's registration names another passkey")
        return Passkey(
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            aaguid=verified.aaguid,
            backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            transports=tuple(attestation.transports[:_MAX_TRANSPORTS]),
        )

    def verify_assertion(
        self,
        assertion: Assertion,
        challenge: bytes,
        *,
        public_key: bytes,
        sign_count: int,
        user_handle: bytes | None = None,
    ) -> int:
        """The new sign count, if the passkey with `public_key` (COSE) signed `challenge` with user verification.

        `sign_count` is the recorded count. With `user_handle`, an assertion that names another account is refused; one
        that names none is not, since authenticators may leave it out. Raises `ApprovalRefused`.
        """
        _bound(
            assertion.client_data_json,
            assertion.authenticator_data,
            assertion.signature,
            assertion.user_handle or b"",
            credential_id=assertion.credential_id,
        )
        _refuse_frames(assertion.client_data_json)
        credential = AuthenticationCredential(
            id=base64url.encode(assertion.credential_id),
            raw_id=assertion.credential_id,
            response=AuthenticatorAssertionResponse(
                client_data_json=assertion.client_data_json,
                authenticator_data=assertion.authenticator_data,
                signature=assertion.signature,
                user_handle=assertion.user_handle,
            ),
        )
        try:
            verified = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
                require_user_verification=True,
            )
        except Exception as error:
            # As above: not proven, whatever the reason.
            raise _refused() from error
        # Only after the signature, so that the time of a refusal does not tell whether a passkey is known.
        if user_handle is not None and assertion.user_handle not in (None, user_handle):
            raise ApprovalRefused(
                "the passkey's answer names another account", hint="Use the passkey that was registered for this."
            )
        return verified.new_sign_count


def claimed_challenge(assertion: Assertion) -> bytes:
    """The challenge that the client data says it answers, for finding what was asked; nothing is proven by it.

    Raises `ApprovalRefused` if there is none.
    """
    _bound(assertion.client_data_json)
    claimed = _client_data(assertion.client_data_json).get("challenge")
    if not isinstance(claimed, str):
        raise _refused()
    try:
        return base64url.decode(claimed)
    except Malformed as error:
        raise _refused() from error


def _refuse_frames(client_data_json: bytes) -> None:
    """Refuse what was answered inside a frame: what surrounds it can cover what the person believes to approve.

    The library does not look at these members of the client data.
    """
    claimed = _client_data(client_data_json)
    if claimed.get("crossOrigin", False) is not False or "topOrigin" in claimed:
        raise ApprovalRefused(
            "the passkey answered inside a frame of another site", hint="Open this service in a window of its own."
        )


def _client_data(client_data_json: bytes) -> dict[str, Any]:
    try:
        claimed = json.loads(client_data_json)
    except (ValueError, RecursionError) as error:
        raise _refused() from error
    if not isinstance(claimed, dict):
        raise _refused()
    return claimed


def _bound(*parts: bytes, credential_id: bytes = b"") -> None:
    if any(len(part) > _MAX_BYTES for part in parts) or len(credential_id) > _MAX_CREDENTIAL_ID_BYTES:
        raise _too_large()


def _too_large() -> ApprovalRefused:
    return ApprovalRefused("the passkey's answer is far larger than any real one")


def _refused() -> ApprovalRefused:
    return ApprovalRefused(
        "the passkey's answer does not approve this request",
        hint="Use the passkey that was registered for this, with its screen lock or PIN, on this site.",
    )
