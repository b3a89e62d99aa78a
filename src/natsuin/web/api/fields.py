"""Pieces of request bodies. Everything is read strictly: no conversion between kinds, no unknown members."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from natsuin import base64url
from natsuin.errors import Malformed
from natsuin.sam.protocol import Assertion, Attestation


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be base64url text")
    try:
        return base64url.decode(value)
    except Malformed as cause:
        raise ValueError("must be base64url text") from cause


Base64URL = Annotated[bytes, BeforeValidator(_decoded), WithJsonSchema({"type": "string", "format": "base64url"})]
CredentialId = Annotated[Base64URL, Field(min_length=1, max_length=1023)]
Sealed = Annotated[Base64URL, Field(min_length=82, max_length=4096)]
"""HPKE: the encapsulated key (65 bytes) and a ciphertext with its tag (more than 16)."""
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,200}$")]


class Body(BaseModel):
    """Base of request bodies that are ours."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Empty(Body):
    """A body that says nothing."""


class FromBrowser(BaseModel):
    """Base of what a browser's `toJSON` makes: the members we use are strict, members of later browsers are passed
    over."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class AssertionResponse(FromBrowser):
    """AuthenticatorAssertionResponseJSON."""

    client_data_json: Annotated[Base64URL, Field(max_length=8192, alias="clientDataJSON")]
    authenticator_data: Annotated[Base64URL, Field(max_length=8192, alias="authenticatorData")]
    signature: Annotated[Base64URL, Field(max_length=8192)]
    user_handle: Annotated[Base64URL, Field(max_length=64)] | None = Field(default=None, alias="userHandle")


class AssertionCredential(FromBrowser):
    """AuthenticationResponseJSON (Web Authentication Level 3, section 5.1.8)."""

    id: CredentialId
    raw_id: Annotated[CredentialId, Field(alias="rawId")]
    type: Literal["public-key"]
    response: AssertionResponse

    def message(self) -> Assertion:
        """As sam wants it. Raises `Malformed` if the two ids differ."""
        if self.id != self.raw_id:
            raise Malformed("id and rawId of the credential differ")
        return Assertion(
            credential_id=self.raw_id,
            client_data_json=self.response.client_data_json,
            authenticator_data=self.response.authenticator_data,
            signature=self.response.signature,
            user_handle=self.response.user_handle,
        )


class AttestationResponse(FromBrowser):
    """AuthenticatorAttestationResponseJSON."""

    client_data_json: Annotated[Base64URL, Field(max_length=8192, alias="clientDataJSON")]
    attestation_object: Annotated[Base64URL, Field(max_length=65536, alias="attestationObject")]
    transports: list[Annotated[str, Field(pattern=r"^[a-z-]{1,30}$")]] = Field(default_factory=list, max_length=10)


class AttestationCredential(FromBrowser):
    """RegistrationResponseJSON (Web Authentication Level 3, section 5.1.8)."""

    id: CredentialId
    raw_id: Annotated[CredentialId, Field(alias="rawId")]
    type: Literal["public-key"]
    response: AttestationResponse

    def message(self) -> Attestation:
        """As sam wants it. Raises `Malformed` if the two ids differ."""
        if self.id != self.raw_id:
            raise Malformed("id and rawId of the credential differ")
        return Attestation(
            credential_id=self.raw_id,
            client_data_json=self.response.client_data_json,
            attestation_object=self.response.attestation_object,
            transports=tuple(self.response.transports),
        )
