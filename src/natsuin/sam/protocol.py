"""Every message web may send to sam, and every answer sam gives: the whole surface of the boundary.

The list of all of them is at the end of this file, in `Request` and `Response`; what they are made of is in
`natsuin.sam.message_pieces`, those about auditors are in `natsuin.sam.audit_messages`, those about officers in
`natsuin.sam.officer_messages`, those about enrolment and accounts in `natsuin.sam.people_messages`, those about what
the log tells in `natsuin.sam.history_messages`, and every name is here.

Messages are msgspec Structs, encoded as MessagePack in frames (see `natsuin.sam.frames`). Fields are only ever added,
with a default, at the end; a changed meaning is a new message. Bytes are raw, times are whole milliseconds since the
Unix epoch in UTC, identifiers are opaque lower-case text made by sam unless a comment says otherwise.

sam believes nothing that web says about a person: where a message carries a `user_id`, it is only compared with what
sam has on record for the key or the act.
"""

from typing import TypeAlias

import msgspec

from natsuin.sam.audit_messages import Activity as Activity
from natsuin.sam.audit_messages import ActivityCount as ActivityCount
from natsuin.sam.audit_messages import BeginReading as BeginReading
from natsuin.sam.audit_messages import EndReading as EndReading
from natsuin.sam.audit_messages import EntriesOpened as EntriesOpened
from natsuin.sam.audit_messages import EntryOpening as EntryOpening
from natsuin.sam.audit_messages import LogEntry as LogEntry
from natsuin.sam.audit_messages import LogFound as LogFound
from natsuin.sam.audit_messages import LogQuery as LogQuery
from natsuin.sam.audit_messages import OpenEntries as OpenEntries
from natsuin.sam.audit_messages import ProposeReading as ProposeReading
from natsuin.sam.audit_messages import ReadActivity as ReadActivity
from natsuin.sam.audit_messages import ReadingBegun as ReadingBegun
from natsuin.sam.audit_messages import ReadingEnded as ReadingEnded
from natsuin.sam.audit_messages import SearchLog as SearchLog
from natsuin.sam.history_messages import Event as Event
from natsuin.sam.history_messages import Events as Events
from natsuin.sam.history_messages import ListEvents as ListEvents
from natsuin.sam.history_messages import ListNews as ListNews
from natsuin.sam.history_messages import News as News
from natsuin.sam.history_messages import NewsPage as NewsPage
from natsuin.sam.message_pieces import Assertion as Assertion
from natsuin.sam.message_pieces import Attestation as Attestation
from natsuin.sam.message_pieces import DocumentLabel as DocumentLabel
from natsuin.sam.message_pieces import IdentityEvidence as IdentityEvidence
from natsuin.sam.message_pieces import KeyInformation as KeyInformation
from natsuin.sam.message_pieces import Message as Message
from natsuin.sam.message_pieces import Passkey as Passkey
from natsuin.sam.message_pieces import Subject as Subject
from natsuin.sam.officer_messages import ApproveOfficerAct as ApproveOfficerAct
from natsuin.sam.officer_messages import ListOfficers as ListOfficers
from natsuin.sam.officer_messages import ListOutsideRevocations as ListOutsideRevocations
from natsuin.sam.officer_messages import OfficerActStep as OfficerActStep
from natsuin.sam.officer_messages import OfficerActWaiting as OfficerActWaiting
from natsuin.sam.officer_messages import OfficerInformation as OfficerInformation
from natsuin.sam.officer_messages import OfficerList as OfficerList
from natsuin.sam.officer_messages import OfficerRegistered as OfficerRegistered
from natsuin.sam.officer_messages import OpenOfficerInvitation as OpenOfficerInvitation
from natsuin.sam.officer_messages import OutsideRevocation as OutsideRevocation
from natsuin.sam.officer_messages import OutsideRevocations as OutsideRevocations
from natsuin.sam.officer_messages import ProposeOfficerAct as ProposeOfficerAct
from natsuin.sam.officer_messages import RegisterOfficer as RegisterOfficer
from natsuin.sam.officer_messages import RegistrationOffer as RegistrationOffer
from natsuin.sam.officer_messages import ReviewOfficerAct as ReviewOfficerAct
from natsuin.sam.officer_messages import SigningStop as SigningStop
from natsuin.sam.people_messages import ApproveEnrolment as ApproveEnrolment
from natsuin.sam.people_messages import ApprovePersonAct as ApprovePersonAct
from natsuin.sam.people_messages import ApprovePINReset as ApprovePINReset
from natsuin.sam.people_messages import CompleteEnrolment as CompleteEnrolment
from natsuin.sam.people_messages import Enrolled as Enrolled
from natsuin.sam.people_messages import Invitation as Invitation
from natsuin.sam.people_messages import InvitationOpened as InvitationOpened
from natsuin.sam.people_messages import Keys as Keys
from natsuin.sam.people_messages import ListKeys as ListKeys
from natsuin.sam.people_messages import OpenInvitation as OpenInvitation
from natsuin.sam.people_messages import PersonActDone as PersonActDone
from natsuin.sam.people_messages import PINReset as PINReset
from natsuin.sam.people_messages import ProposeEnrolment as ProposeEnrolment
from natsuin.sam.people_messages import ProposePersonAct as ProposePersonAct
from natsuin.sam.people_messages import ProposePINReset as ProposePINReset

# --- The service itself ----------------------------------------------------------------------------------------------


class Hello(Message, frozen=True, kw_only=True):
    """Ask who sam is. Needs nothing; changes nothing."""


class ServiceInformation(Message, frozen=True, kw_only=True):
    """Public facts about this sam."""

    version: str
    service: str
    """The WebAuthn relying party id, which is also the service's name in records."""
    origin: str
    """The only web origin whose approvals sam accepts."""
    backend: str
    hpke_public_key: bytes
    """65 bytes, uncompressed P-256 point (RFC 9180, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM)."""
    log_vkey: str
    root_certificate: bytes
    issuing_certificate: bytes
    tsa_certificate: bytes
    algorithms: tuple[str, ...] = ()
    """Kinds of key that are made here today."""
    earlier_log_vkeys: tuple[str, ...] = ()
    import_key: bytes = b""
    """Like `hpke_public_key`, for keys that authorities hand over; empty where no keys are imported."""


class Health(Message, frozen=True, kw_only=True):
    """Ask whether sam can sign now."""


class HealthReport(Message, frozen=True, kw_only=True):
    """`ready` is False when a named part is not. `warnings` names what is missing, but stops nothing."""

    ready: bool
    problems: tuple[str, ...]
    log_size: int
    warnings: tuple[str, ...] = ()


# --- What waits for a passkey -----------------------------------------------------------------------------------------


class Act(Message, frozen=True, kw_only=True):
    """A canonical record that waits for a passkey's approval."""

    act_id: str
    record: bytes
    """RFC 8785 JSON, exactly what is approved."""
    challenge: bytes
    """32 bytes: SHA-256 over a domain tag and the record."""
    credential_ids: tuple[bytes, ...]
    """The passkeys that may approve it."""
    expires_at: int


# --- The life of a key -----------------------------------------------------------------------------------------------


class OfferPasskey(Message, frozen=True, kw_only=True):
    """The owner wants to make a further passkey for a key. It approves nothing before an act has added it."""

    key_id: str
    user_id: str


class PasskeyOffer(Message, frozen=True, kw_only=True):
    """What to put into the browser's registration ceremony."""

    offer_id: str
    challenge: bytes
    known: tuple[bytes, ...]
    """Credential ids that the key has already, for `excludeCredentials`."""
    expires_at: int


class ProposeKeyAct(Message, frozen=True, kw_only=True):
    """An owner, or an officer, wants something done with a key. Nothing is done until their passkey approves the
    record."""

    key_id: str
    user_id: str
    """The owner."""
    act: str
    """suspend, resume, revoke, destroy, renew, one-time, change-pin, add-passkey, remove-passkey or
    install-certificate."""
    officer_id: str = ""
    """The officer who is to approve; empty for the owner."""
    reason: str = ""
    """For revoke, one of RFC 5280, 5.3.1 that a signer's certificate can have."""
    note: str = ""
    algorithm: str = ""
    """For renew and one-time; empty for the same as before."""
    certificates: tuple[bytes, ...] = ()
    """For install-certificate: DER, the key's own first."""
    offer_id: str = ""
    """For add-passkey."""
    attestation: Attestation | None = None
    """For add-passkey: made for the offer's challenge."""
    credential_id: bytes = b""
    """For remove-passkey."""


class ApproveKeyAct(Message, frozen=True, kw_only=True):
    """The approval of an act on a key. Good once, also if the PIN is wrong."""

    act_id: str
    assertion: Assertion
    sealed_secrets: bytes = b""
    """As in `CompleteEnrolment`; the PIN is the present one, the recovery code a new one. For renew and one-time,
    info = b"natsuin/renew/v1\\0" || challenge, of {"pin","recovery_code"} and {"pin"}. For change-pin, add-passkey and
    remove-passkey, info = b"natsuin/change/v1\\0" || challenge, of {"pin","new_pin"} and twice
    {"pin","recovery_code"}."""
    key_id: str = ""
    """Of which key web thinks the act is; an act on another key is then not found."""


class KeyActDone(Message, frozen=True, kw_only=True):
    """The key as it is now, and the one that was made from it."""

    key: KeyInformation
    made: KeyInformation | None = None
    passkey: Passkey | None = None
    """The one that was added."""


class ListAllKeys(Message, frozen=True, kw_only=True):
    """A page of everybody's keys, for officers, in the order of key ids."""

    after: str = ""
    limit: int = 100
    """At most 500."""
    key_id: str = ""
    """Only this one."""
    user_ids: tuple[str, ...] = ()
    """Only keys of these accounts, at most 500; empty for all."""
    state: str = ""
    """Only keys in this state."""


# --- Copies of keys --------------------------------------------------------------------------------------------------


class KeyArchiveInformation(msgspec.Struct, frozen=True, kw_only=True):
    """What may be told about one archive; never what is in it."""

    archive_id: str
    key_id: str
    user_id: str
    copy: int
    """Its number among all archives ever made of this key."""
    state: str
    """kept, superseded (PIN, passkeys or master key changed since) or ended (the key is no more)."""
    sha256: bytes
    """Of the file."""
    officers: tuple[str, ...]
    """Who approved it."""
    created_at: int
    here: bool
    """Whether the file is in sam's folder; it may have been carried elsewhere."""


class ListKeyArchives(Message, frozen=True, kw_only=True):
    """A page of archives in the order of their ids: all for officers, one person's for that person."""

    after: str = ""
    limit: int = 100
    """At most 500."""
    key_id: str = ""
    """Only of this key."""
    archive_id: str = ""
    """Only this one."""
    user_id: str = ""
    """Only of this person's keys."""


class KeyArchives(Message, frozen=True, kw_only=True):
    """The page."""

    archives: tuple[KeyArchiveInformation, ...]


class ProposeKeyArchive(Message, frozen=True, kw_only=True):
    """Two officers want a copy of one key, or of every key that has none as it is now. Both must approve."""

    officer_ids: tuple[str, ...]
    key_id: str = ""
    """Empty for all."""


class ProposeKeyRestore(Message, frozen=True, kw_only=True):
    """Two officers want a lost key back from an archive in sam's folder. Both must approve, then the signer."""

    officer_ids: tuple[str, ...]
    archive_id: str
    user_id: str
    """To whom: refused unless it is the owner named in the archive."""


class ApproveKeyBackup(Message, frozen=True, kw_only=True):
    """One approval of either; the passkey tells whose."""

    act_id: str
    assertion: Assertion
    sealed_pin: bytes = b""
    """From the signer: HPKE, info = b"natsuin/restore/v1\0" || challenge, of {"pin"}."""
    by: str = ""
    """Who web thinks approves; an act that is not theirs is then not found, and another one's passkey is refused."""


class KeyBackupStep(Message, frozen=True, kw_only=True):
    """Who must still approve; with the last approval what was made."""

    waiting_for: tuple[str, ...]
    archives: tuple[KeyArchiveInformation, ...] = ()
    key: KeyInformation | None = None


# --- Keys that were made elsewhere -----------------------------------------------------------------------------------


class ProposeKeyImport(Message, frozen=True, kw_only=True):
    """An officer wants a person's key taken in that an authority made. The officer must approve, then the owner."""

    officer_id: str
    user_id: str
    key_id: str
    """An active key of the same person: its passkeys and PIN approve, and will guard the new one."""
    envelope: bytes
    """Sealed to sam, signed by the authority: docs/key-import.md."""


class ApproveKeyImport(Message, frozen=True, kw_only=True):
    """One approval; the passkey tells whose. The owner's is good once, also if the PIN is wrong."""

    act_id: str
    assertion: Assertion
    sealed_secrets: bytes = b""
    """From the owner: as in `CompleteEnrolment`, info = b"natsuin/import/v1\0" || challenge, with the present PIN and a
    new recovery code."""
    by: str = ""
    """As in `ApproveKeyBackup`."""


class KeyImportStep(Message, frozen=True, kw_only=True):
    """Who must still approve; with the last approval the new key."""

    waiting_for: tuple[str, ...]
    key: KeyInformation | None = None


# --- Acts of several people, which wait for one of them ---------------------------------------------------------------


class ListWaitingActs(Message, frozen=True, kw_only=True):
    """Archivings, restorations and imports that are open: all as an officer sees them, or those that wait for one
    owner. One of the two is named."""

    officer_id: str = ""
    user_id: str = ""
    act_id: str = ""
    """Only this one."""


class WaitingAct(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    act_id: str
    kind: str
    """archive, restore or import."""
    key_id: str
    """Empty for every key that has no archive as it is now. For an import, the key that approves."""
    user_id: str
    """The owner who approves last; empty for an archiving."""
    officers: tuple[str, ...]
    """Who must approve before."""
    approved_by: tuple[str, ...]
    """Which of them did."""
    record: bytes
    challenge: bytes
    credential_ids: tuple[bytes, ...]
    """The passkeys of the one who asks that may approve it now; empty where it is somebody else's turn."""
    expires_at: int


class WaitingActs(Message, frozen=True, kw_only=True):
    """At most 200 of each kind, those first that end first."""

    acts: tuple[WaitingAct, ...]


# --- A new passkey for somebody who lost every other -----------------------------------------------------------------


class ReplacementInformation(msgspec.Struct, frozen=True, kw_only=True):
    """What may be told about one replacement, to its person and to officers."""

    act_id: str
    user_id: str
    state: str
    """proposed, waiting, completed, cancelled or expired; drafted before its officer approved it."""
    officers: tuple[str, ...]
    """Who proposed it, and then who approved it."""
    evidence: IdentityEvidence
    waiting: int
    """Milliseconds from the second approval to the end of the waiting period."""
    proposed_at: int
    ends_waiting_at: int
    """0 before the second approval."""
    expires_at: int
    """When the present step is too late."""
    changed_at: int
    waited: bool
    """Whether the waiting period is over and the person may complete it."""


class ProposeReplacement(Message, frozen=True, kw_only=True):
    """An officer identified somebody anew who lost every passkey. This officer must approve, then another one."""

    officer_id: str
    user_id: str
    evidence: IdentityEvidence


class ReviewReplacement(Message, frozen=True, kw_only=True):
    """The record again, for the officer who is to approve it next."""

    act_id: str
    officer_id: str


class ApproveReplacement(Message, frozen=True, kw_only=True):
    """One officer's approval; the passkey tells whose."""

    act_id: str
    assertion: Assertion


class ReplacementStep(Message, frozen=True, kw_only=True):
    """The replacement as it is now."""

    replacement: ReplacementInformation
    token: str = ""
    """Of the person's one-time link: only in the answer to the second approval, and kept nowhere."""


class OfferReplacementCancel(Message, frozen=True, kw_only=True):
    """The record by which a replacement is cancelled, for its person or for an officer."""

    act_id: str
    officer_id: str = ""
    """Empty for the person."""


class CancelReplacement(Message, frozen=True, kw_only=True):
    """End a replacement, by a passkey of the person's keys or of any registration officer."""

    act_id: str
    assertion: Assertion


class ListReplacements(Message, frozen=True, kw_only=True):
    """A page of replacements in the order of their ids: those that are open, and those that changed since a moment."""

    after: str = ""
    limit: int = 100
    """At most 500."""
    user_id: str = ""
    """Only this person's."""
    since: int = 0
    act_id: str = ""
    """Only this one."""


class ReplacementPage(Message, frozen=True, kw_only=True):
    """The page."""

    replacements: tuple[ReplacementInformation, ...]


class OpenReplacement(Message, frozen=True, kw_only=True):
    """Look behind the person's one-time link. It is not spent by that."""

    token: str


class ReplacementOpened(Message, frozen=True, kw_only=True):
    """What the person is shown."""

    replacement: ReplacementInformation
    subject: Subject
    keys: tuple[KeyInformation, ...]
    """Those that are not ended, each to be proved or given up."""
    challenge: bytes
    """For registering the new passkey; empty until the waiting period is over."""


class CompleteReplacement(Message, frozen=True, kw_only=True):
    """Register the new passkey and prove what can be proved. The link is spent."""

    token: str
    attestation: Attestation
    sealed_secrets: bytes
    """HPKE, info = b"natsuin/replace-passkey/v1\\0" || challenge, of {"proofs","given_up","recovery_code","new_pin"}:
    each proof is {"key","slot","secret"} with slot `pin` or `recovery`; each key is in one of the two, once."""


class ReplacementDone(Message, frozen=True, kw_only=True):
    """Only the new passkey approves for these keys."""

    replacement: ReplacementInformation
    passkey: Passkey
    keys: tuple[KeyInformation, ...]
    replayed: bool = False
    """True when the identical request was answered before."""


# --- The path of one signature ---------------------------------------------------------------------------------------


class Instruct(Message, frozen=True, kw_only=True):
    """署名指示: what is to be signed. Nothing can be signed before the owner has approved the record made of it."""

    key_id: str
    user_id: str
    scheme: str
    """A `natsuin.algorithms.SignatureScheme` that the key can do, or a `SchemeFamily`."""
    digests: tuple[bytes, ...]
    """Ordered. DTBS/R: the hash by the scheme's hash function; for Ed25519 SHA-512 of the message."""
    documents: tuple[DocumentLabel, ...] = ()
    """Either none (digests only) or one for each digest."""
    client: str = "portal"
    purpose: str = ""
    life_seconds: int = 300
    """At most 3600."""


class Instruction(Message, frozen=True, kw_only=True):
    """The canonical record of an instruction, waiting for approval."""

    instruction_id: str
    record: bytes
    challenge: bytes
    credential_ids: tuple[bytes, ...]
    expires_at: int


class Activate(Message, frozen=True, kw_only=True):
    """The signer's approval: a passkey assertion over the challenge, and the PIN that only sam can read."""

    instruction_id: str
    assertion: Assertion
    sealed_pin: bytes
    """HPKE to sam's key, info = b"natsuin/approve/v1\\0" || challenge, of the JSON {"pin"}."""


class Activated(Message, frozen=True, kw_only=True):
    """Signature activation data: an opaque secret, good only for the approved digests, each once."""

    sad: bytes
    """32 bytes."""
    expires_at: int


class Cancel(Message, frozen=True, kw_only=True):
    """No more signatures under this instruction, whatever was approved."""

    instruction_id: str
    user_id: str


class Cancelled(Message, frozen=True, kw_only=True):
    """`unused` digests can no longer be signed."""

    unused: int


class Sign(Message, frozen=True, kw_only=True):
    """Sign the next digests of the approved list, in its order. The identical request again gives the recorded
    answer."""

    sad: bytes
    dtbs: tuple[bytes, ...]
    """The approved digests; for Ed25519 the messages whose SHA-512 was approved."""
    scheme: str = ""
    """Where a family was approved, which of its schemes; else empty or the one approved."""
    salt_bytes: int | None = None
    """For RSASSA-PSS the length of the salt, None for that of the hash (RFC 8017, 9.1)."""


class Signed(Message, frozen=True, kw_only=True):
    """Signatures in the order of the request, released after the log held their outcome."""

    signatures: tuple[bytes, ...]
    """ECDSA as DER (RFC 3279), RSA and Ed25519 raw."""
    receipt: str
    """`.tlog-proof` (C2SP tlog-proof@v1) of the outcome entry; its `extra` line is the entry."""


class Recall(Message, frozen=True, kw_only=True):
    """Ask what came of an instruction, without its SAD: a web that died between release and receipt has it no more.
    Nothing is signed by it."""

    instruction_id: str
    user_id: str


class Recalled(Message, frozen=True, kw_only=True):
    """What was released under the instruction, in its order."""

    released: tuple[Signed, ...]
    under_way: bool
    """True while digests are taken and what comes of them is not known yet."""


class Evidence(Message, frozen=True, kw_only=True):
    """Everything that shows that and how the owner approved one instruction."""

    instruction_id: str
    user_id: str


class EvidenceBundle(Message, frozen=True, kw_only=True):
    """JSON text: record, assertion, passkey, log entries with proofs and openings, certificates."""

    document: bytes


class StateKey(Message, frozen=True, kw_only=True):
    """Close the statement of one of the owner's keys with an entry, and give it out. Refused beyond 14 MB."""

    user_id: str
    key_id: str


class KeyStatement(Message, frozen=True, kw_only=True):
    """JSON, as docs/statement.md has it: every entry about the key, each with its proof."""

    statement: bytes


# --- Certification and time, public services that web passes through ------------------------------------------------


class TimeStamp(Message, frozen=True, kw_only=True):
    """RFC 3161 TimeStampReq, DER."""

    request: bytes


class OCSP(Message, frozen=True, kw_only=True):
    """RFC 6960 OCSPRequest, DER."""

    request: bytes


class RevocationList(Message, frozen=True, kw_only=True):
    """The newest CRL of `root` or `issuing`."""

    authority: str


class Reply(Message, frozen=True, kw_only=True):
    """DER answer of a certification or time service."""

    der: bytes


# --- Errors ----------------------------------------------------------------------------------------------------------


class Failure(Message, frozen=True, kw_only=True):
    """An error of `natsuin.errors`, by its code. Message and hint are for people and hold no internals."""

    code: str
    message: str
    hint: str = ""
    kind: str = ""
    """The code of the nearest class of `natsuin.errors`, for an error that a function of sam refined."""


Request: TypeAlias = (
    Hello
    | Health
    | OpenOfficerInvitation
    | RegisterOfficer
    | ListOfficers
    | ListOutsideRevocations
    | ProposeOfficerAct
    | ReviewOfficerAct
    | ApproveOfficerAct
    | ProposePersonAct
    | ApprovePersonAct
    | ProposeEnrolment
    | ApproveEnrolment
    | OpenInvitation
    | CompleteEnrolment
    | ListKeys
    | ProposePINReset
    | ApprovePINReset
    | OfferPasskey
    | ProposeKeyAct
    | ApproveKeyAct
    | ListAllKeys
    | ListKeyArchives
    | ProposeKeyArchive
    | ProposeKeyRestore
    | ApproveKeyBackup
    | ProposeKeyImport
    | ApproveKeyImport
    | ListWaitingActs
    | ProposeReplacement
    | ReviewReplacement
    | ApproveReplacement
    | OfferReplacementCancel
    | CancelReplacement
    | ListReplacements
    | OpenReplacement
    | CompleteReplacement
    | Instruct
    | Activate
    | Cancel
    | Sign
    | Recall
    | Evidence
    | ListEvents
    | ListNews
    | StateKey
    | ProposeReading
    | BeginReading
    | EndReading
    | SearchLog
    | ReadActivity
    | OpenEntries
    | TimeStamp
    | OCSP
    | RevocationList
)
"""What web may send."""

Response: TypeAlias = (
    ServiceInformation
    | HealthReport
    | RegistrationOffer
    | OfficerRegistered
    | OfficerList
    | OutsideRevocations
    | OfficerActStep
    | PersonActDone
    | Act
    | Invitation
    | InvitationOpened
    | Enrolled
    | Keys
    | PINReset
    | PasskeyOffer
    | KeyActDone
    | KeyArchives
    | KeyBackupStep
    | KeyImportStep
    | WaitingActs
    | ReplacementStep
    | ReplacementPage
    | ReplacementOpened
    | ReplacementDone
    | Instruction
    | Activated
    | Cancelled
    | Signed
    | Recalled
    | EvidenceBundle
    | Events
    | NewsPage
    | KeyStatement
    | ReadingBegun
    | ReadingEnded
    | LogFound
    | Activity
    | EntriesOpened
    | Reply
    | Failure
)
"""What sam answers."""

HPKE_INFO_ENROL = b"natsuin/enrol/v1\0"
HPKE_INFO_PIN_RESET = b"natsuin/pin-reset/v1\0"
HPKE_INFO_RENEW = b"natsuin/renew/v1\0"
HPKE_INFO_CHANGE = b"natsuin/change/v1\0"
HPKE_INFO_RESTORE = b"natsuin/restore/v1\0"
HPKE_INFO_IMPORT = b"natsuin/import/v1\0"
HPKE_INFO_REPLACE = b"natsuin/replace-passkey/v1\0"
HPKE_INFO_APPROVE = b"natsuin/approve/v1\0"
MAX_DIGESTS = 1000
"""In one instruction; an outcome entry must fit into 65,535 bytes (C2SP tlog-tiles)."""
