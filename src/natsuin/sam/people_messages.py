"""How a person comes to an account with a key, and how it ends (docs/people.md). The list of every message is in
`natsuin.sam.protocol`.
"""

from natsuin.sam.message_pieces import (
    Assertion,
    Attestation,
    IdentityEvidence,
    KeyInformation,
    Message,
    Passkey,
    Subject,
)


class ProposeEnrolment(Message, frozen=True, kw_only=True):
    """An officer asks to register a person. Nothing is registered until the officer's passkey approves the record."""

    officer_id: str
    user_id: str
    """Chosen by web: the account in DB-1. sam refuses one that it has seen before."""
    subject: Subject
    evidence: IdentityEvidence
    algorithm: str
    resident: bool = False
    """Whether the key is to live in the token (docs/hsm.md), as an organisation's seal. Only where there is one."""


class ApproveEnrolment(Message, frozen=True, kw_only=True):
    """The officer's approval of a proposed enrolment."""

    act_id: str
    assertion: Assertion


class Invitation(Message, frozen=True, kw_only=True):
    """The person may now enrol with this one-time token. sam keeps only its hash."""

    user_id: str
    token: str
    expires_at: int


class OpenInvitation(Message, frozen=True, kw_only=True):
    """Begin enrolment. May be asked again until the invitation is used or expires."""

    token: str


class InvitationOpened(Message, frozen=True, kw_only=True):
    """What the invited person is shown, and the challenge for registering the passkey."""

    user_id: str
    subject: Subject
    algorithm: str
    challenge: bytes
    expires_at: int
    resident: bool = False
    """Whether the key will live in the token."""


class CompleteEnrolment(Message, frozen=True, kw_only=True):
    """Register the person's passkey, set the secrets, make the key and its certificate. The invitation is spent."""

    token: str
    attestation: Attestation
    sealed_secrets: bytes
    """HPKE (enc || ciphertext) to sam's key, info = b"natsuin/enrol/v1\\0" || challenge, of the JSON
    {"pin","recovery_code"}."""


class Enrolled(Message, frozen=True, kw_only=True):
    """The person's key exists and is certified."""

    passkey: Passkey
    key: KeyInformation
    replayed: bool = False
    """True when the identical request was answered before: whoever sends it again has not shown who they are."""


class ListKeys(Message, frozen=True, kw_only=True):
    """Keys of one account."""

    user_id: str


class Keys(Message, frozen=True, kw_only=True):
    """In order of creation."""

    keys: tuple[KeyInformation, ...]


class ProposePINReset(Message, frozen=True, kw_only=True):
    """The owner wants a new PIN, with the recovery code."""

    key_id: str
    user_id: str


class ApprovePINReset(Message, frozen=True, kw_only=True):
    """The owner's approval of a new PIN."""

    act_id: str
    assertion: Assertion
    sealed_secrets: bytes
    """As in `CompleteEnrolment`, info = b"natsuin/pin-reset/v1\\0" || challenge, of
    {"recovery_code","new_pin","new_recovery_code"}."""


class PINReset(Message, frozen=True, kw_only=True):
    """The new PIN and the new recovery code are in force; the old ones open nothing."""

    key: KeyInformation


class ProposePersonAct(Message, frozen=True, kw_only=True):
    """A registration officer wants an invitation withdrawn, or a person's account ended."""

    officer_id: str
    user_id: str
    act: str
    """`withdraw-invitation` or `end-person`."""
    reason: str = ""
    """Why the certificates are revoked where an account ends: one of the words of RFC 5280 that a revocation has."""
    note: str = ""


class ApprovePersonAct(Message, frozen=True, kw_only=True):
    """That officer's approval."""

    act_id: str
    assertion: Assertion


class PersonActDone(Message, frozen=True, kw_only=True):
    """It is done. `ended_keys` are those that this ended."""

    user_id: str
    act: str
    ended_keys: tuple[str, ...] = ()
