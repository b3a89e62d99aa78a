"""Passkeys as sam sees them: registering one and verifying an assertion, from sam's own record (WebAuthn Level 3, 7.1,
7.2)."""

from dataclasses import dataclass

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    CredentialDeviceType,
    RegistrationCredential,
)

from natsuin.errors import ApprovalRefused
from natsuin.key_management.journal import b64u
from natsuin.sam.protocol import Assertion, Attestation, Passkey

_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class RelyingParty:
    """Whose approvals count: `identifier` is the WebAuthn RP id, `origin` the one origin accepted."""

    identifier: str
    origin: str

    def verify_registration(self, attestation: Attestation, challenge: bytes) -> Passkey:
        """The new passkey, made for this service with user verification. Raises `ApprovalRefused`."""
        _bound(attestation.client_data_json, attestation.attestation_object)
        credential = RegistrationCredential(
            id=b64u(attestation.credential_id),
            raw_id=attestation.credential_id,
            response=AuthenticatorAttestationResponse(
                client_data_json=attestation.client_data_json, attestation_object=attestation.attestation_object
            ),
        )
        try:
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.identifier,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except Exception as error:
            # The library decodes hostile CBOR and JSON with several parsers, each with errors of its own; whatever they
            # raise, the registration is not proven.
            raise _refused(error) from error
        if verified.credential_id != attestation.credential_id:
            raise ApprovalRefused("the passkey's registration names another passkey")
        return Passkey(
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            aaguid=verified.aaguid,
            backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            transports=tuple(attestation.transports[:8]),
        )

    def verify_assertion(self, assertion: Assertion, challenge: bytes, *, public_key: bytes, sign_count: int) -> int:
        """The new sign count, if the passkey with `public_key` (COSE) signed `challenge` with user verification.

        Raises `ApprovalRefused`. Whether the challenge was used before is the caller's matter.
        """
        _bound(assertion.client_data_json, assertion.authenticator_data, assertion.signature)
        credential = AuthenticationCredential(
            id=b64u(assertion.credential_id),
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
                expected_rp_id=self.identifier,
                expected_origin=self.origin,
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
                require_user_verification=True,
            )
        except Exception as error:
            # As above: not proven, whatever the reason.
            raise _refused(error) from error
        return verified.new_sign_count


def _bound(*parts: bytes) -> None:
    if any(len(part) > _MAX_BYTES for part in parts):
        raise ApprovalRefused("the passkey's answer is far larger than any real one")


def _refused(error: Exception) -> ApprovalRefused:
    return ApprovalRefused(
        "the passkey's answer does not approve this request",
        hint="Use the passkey that was registered for this, with its screen lock or PIN, on this site.",
    )
