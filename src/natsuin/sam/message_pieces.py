"""What messages between web and sam are made of. The messages themselves, and the list of all of them, are in
`natsuin.sam.protocol`.
"""

import msgspec


class Message(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Base of everything that crosses the socket."""


# --- Pieces of messages ----------------------------------------------------------------------------------------------


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """A WebAuthn registration response (Web Authentication Level 3, 5.2.1), unchecked."""

    credential_id: bytes
    client_data_json: bytes
    attestation_object: bytes
    transports: tuple[str, ...] = ()


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """A WebAuthn authentication response (Web Authentication Level 3, 5.2.2), unchecked."""

    credential_id: bytes
    client_data_json: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes | None = None


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that sam has verified and recorded; web keeps a copy for login only."""

    credential_id: bytes
    public_key: bytes
    """COSE_Key, CBOR."""
    sign_count: int
    aaguid: str
    backup_eligible: bool
    """True for passkeys that may be synced between devices."""
    transports: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a certificate names."""

    common_name: str
    country: str = "JP"
    organization: str = ""


class IdentityEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """How a registration officer made sure who the person is."""

    kind: str
    """Such as `my-number-card`, `passport`, `drivers-licence`, `employee-register`, `demo`."""
    reference: str
    """Where the evidence is kept; never the document itself."""
    level: int
    """1 to 3, 身元確認保証レベル as the operator's policy defines it."""
    checked_by: str
    checked_at: int


class DocumentLabel(msgspec.Struct, frozen=True, kw_only=True):
    """What the signer is shown about one document of an instruction."""

    name: str
    size: int
    sha256: bytes
    """Of the file as the signer saw it and may download it."""


class KeyInformation(msgspec.Struct, frozen=True, kw_only=True):
    """What may be told about a signing key to its owner."""

    key_id: str
    user_id: str
    algorithm: str
    """A `natsuin.algorithms.KeyAlgorithm`."""
    schemes: tuple[str, ...]
    state: str
    """pre-active, active, suspended, revoked or destroyed."""
    backend: str
    """The vault that keeps it: `software`, `pkcs11`, or `pkcs11-resident` for a key that lives in the token."""
    created_at: int
    certificate: bytes
    """DER."""
    chain: tuple[bytes, ...]
    """DER, issuing CA first, root last."""
    passkeys: tuple[bytes, ...]
    """Credential ids that may approve for this key."""
    pin_tries_left: int
    suspended_by: str = ""
    """Who must resume it: owner, officer or service; empty unless suspended."""
    one_time: bool = False
    """True for a key that is destroyed after one instruction."""
    predecessor: str = ""
    """The key that this one was made from."""
    certificate_request: bytes = b""
    """PKCS#10, DER, for an outside authority; only while there is no certificate."""
    algorithm_notice: str = ""
    """`experimental`, `transition`, `ending` (within a year) or `ended`; see docs/algorithms.md. Empty: all is well."""
    algorithm_last_day: str = ""
    """The last day (UTC, YYYY-MM-DD) on which keys of this kind sign; empty if there is none yet."""
    last_used_at: int = 0
    """When the newest approval was given with which it signed; 0 if it never did."""
    origin: str = "generated"
    """`generated` here, or `imported`."""
