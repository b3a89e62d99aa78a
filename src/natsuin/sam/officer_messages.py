"""How officers come and go, and what security officers decide about them and about stops (docs/officers.md). The list
of every message is in `natsuin.sam.protocol`.
"""

from natsuin.sam.message_pieces import Assertion, Attestation, Message, Passkey


class OpenOfficerInvitation(Message, frozen=True, kw_only=True):
    """Begin to register an officer's passkey with the one-time token that `natsuin init` printed."""

    token: str


class RegistrationOffer(Message, frozen=True, kw_only=True):
    """What to put into the browser's registration ceremony. The challenge is sam's own and good once."""

    user_id: str
    display_name: str
    challenge: bytes
    expires_at: int
    roles: tuple[str, ...] = ()
    """Values of `natsuin.key_management.OfficerRole`."""


class RegisterOfficer(Message, frozen=True, kw_only=True):
    """Finish an officer's registration. The token is spent only if everything verifies."""

    token: str
    attestation: Attestation


class OfficerRegistered(Message, frozen=True, kw_only=True):
    """The officer exists in sam's own record."""

    user_id: str
    display_name: str
    roles: tuple[str, ...]
    passkey: Passkey


class ProposeOfficerAct(Message, frozen=True, kw_only=True):
    """A security officer wants an officer named or removed, signing stopped or resumed, or what the log commits
    to disclosed or erased."""

    officer_id: str
    act: str
    """`name-officer`, `remove-officer`, `stop-signing`, `resume-signing`, `disclose-entries`, `erase-openings` or
    `revocation-told`."""
    name: str = ""
    """Of the officer to be named."""
    roles: tuple[str, ...] = ()
    namesake: bool = False
    """Whether the officer to be named is another person than those here of that name."""
    user_id: str = ""
    """Of the officer to be removed; of whom signing is stopped or resumed for, empty for everybody; of whom
    openings are about."""
    note: str = ""
    entries: tuple[str, ...] = ()
    """`tx` of the entries to be disclosed, where it is not all about a person."""
    fields: tuple[str, ...] = ()
    """Names of the fields to be disclosed."""
    serial: str = ""
    """Of the certificate, lower-case hexadecimal, for `revocation-told`."""


class ReviewOfficerAct(Message, frozen=True, kw_only=True):
    """The record of an act again, for the security officer who is to approve it next."""

    officer_id: str
    act_id: str


class ApproveOfficerAct(Message, frozen=True, kw_only=True):
    """One security officer's approval; the passkey tells whose."""

    act_id: str
    assertion: Assertion
    by: str = ""
    """Who web thinks approves; another one's passkey is then refused."""


class OfficerActStep(Message, frozen=True, kw_only=True):
    """Whether another officer must still approve; with the last approval what came of it."""

    waiting: bool
    act: str
    user_id: str = ""
    """The officer who was removed."""
    token: str = ""
    """The one-time token of the officer who was named."""
    disclosure: bytes = b""
    """The file that opens what was to be disclosed: JSON, docs/log.md."""


class ListOfficers(Message, frozen=True, kw_only=True):
    """What a security officer sees: every officer, what waits for a second one, what is stopped."""

    officer_id: str


class OfficerInformation(Message, frozen=True, kw_only=True):
    """One officer. `since` in milliseconds."""

    user_id: str
    display_name: str
    roles: tuple[str, ...]
    since: int


class OfficerActWaiting(Message, frozen=True, kw_only=True):
    """An act that its proposer approved and nobody else yet. `mine`: whether who asks may approve it."""

    act_id: str
    act: str
    proposed_by: str
    name: str
    roles: tuple[str, ...]
    user_id: str
    note: str
    expires_at: int
    mine: bool
    entries: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


class SigningStop(Message, frozen=True, kw_only=True):
    """Signing is stopped for `user_id`, or for everybody where that is empty."""

    user_id: str
    officer_id: str
    note: str
    stopped_at: int


class OfficerList(Message, frozen=True, kw_only=True):
    """The answer to `ListOfficers`."""

    officers: tuple[OfficerInformation, ...]
    waiting: tuple[OfficerActWaiting, ...]
    stops: tuple[SigningStop, ...]


class ListOutsideRevocations(Message, frozen=True, kw_only=True):
    """A page of the revoked certificates of outside authorities, in the order of serial numbers."""

    after: str = ""
    limit: int = 100
    """At most 500."""
    untold: bool = True
    """Only those that the authority does not know of yet."""


class OutsideRevocation(Message, frozen=True, kw_only=True):
    """One of them. `serial` and `certificate_sha256` are hexadecimal, `issuer` as in RFC 4514, times milliseconds."""

    serial: str
    key_id: str
    issuer: str
    certificate_sha256: str
    reason: str
    """As in RFC 5280, 5.3.1."""
    revoked_at: int
    told_at: int
    """0 until the authority knows it."""
    told_by: str
    """`webhook`, or the id of the officer who told it by hand."""


class OutsideRevocations(Message, frozen=True, kw_only=True):
    """The answer to `ListOutsideRevocations`."""

    revocations: tuple[OutsideRevocation, ...]
