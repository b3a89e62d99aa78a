"""⑤ 署名鍵管理: the only door to keys.

A person's key is generated inside a vault, closed by two layers (the provider's secret and the signer's own) and stored
in DB-2; it is opened for one request and closed again. Here are also the records that say who may open what: officers
and their passkeys, enrolments, the passkey and the secrets of each key, and the service's own keys. What gives
somebody a power is an entry in the signing log before it is a row in the database; what takes one away is a row first.

    Foundation      what every act stands on: database, row seals, journal, clock, relying party
    Officers        the first comes by a token from `natsuin init`; approvals are verified against sam's own record
    OfficerActs     officers named and removed, signing stopped and resumed, openings disclosed, by security officers
    PersonActs      an invitation withdrawn, a person's account ended with all keys
    Enrolments      proposal, officer's approval, invitation, key
    Keys            reading a key with its seal checked; opening the signer's layer, tries counted first
    PINResets       a new PIN by passkey and recovery code
    KeyImports      a key that an authority made, by an officer's approval and its owner's
    KeyActs         suspend, resume, revoke, destroy, renew, install a certificate
    KeyMoves        the state machine of a key, each move with its entry
    Replacements    a new passkey for who lost every other: two officers, a waiting period, cancelled by who has one
    Completions     the person's own step of it, with PIN or recovery code
    Erasing         erases what log entries commit to, when its time is over; the log says so first
    ServiceKeys     keys for the log, the CA and the time-stamps
    WrappingKeys    the record of the token's wrapping keys: one is present, keys may lie under former ones
    Vault           the contract of every backend: `SoftwareVault`, the embedded one, and `PKCS11Vault`

What the seals do not cover: putting a whole genuine row back to an earlier genuine state (see docs/trust.md).
"""

from natsuin.key_management.enrolment import Enrolments
from natsuin.key_management.erasing import Erasing, StillKept, forget_openings
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.hsm.line import TokenSettings
from natsuin.key_management.hsm.pin import PINSource
from natsuin.key_management.hsm.process import WorkerCommand
from natsuin.key_management.hsm.refusals import (
    AlgorithmNotOffered,
    PINNotTried,
    PINRefused,
    VaultInterrupted,
    VaultRefused,
    VaultUnavailable,
    WrappingKeyMissing,
)
from natsuin.key_management.journal import Journal, Opening, new_opening
from natsuin.key_management.key_acts import KeyActs
from natsuin.key_management.key_creation import Certified, KeyMaker, Origin
from natsuin.key_management.key_import import ImportOff, KeyImports
from natsuin.key_management.key_moves import MOVE_OF, KeyMoves, Wish
from natsuin.key_management.key_states import ENDED, IllegalMove, KeyState, Move, Mover, after
from natsuin.key_management.keys import MAX_TRIES, PIN_SLOT, RECOVERY_SLOT, Keys, StoredKey
from natsuin.key_management.lost_passkey import Completions, Replacements, completed_since, postpone_waiting
from natsuin.key_management.lost_passkey import make_good as make_cancellation_good
from natsuin.key_management.master_key import (
    MasterKey,
    MasterKeyMissing,
    create_master_key,
    keep_master_key,
    next_key_file,
    read_master_key,
    require_settled,
)
from natsuin.key_management.officer_acts import OfficerActs
from natsuin.key_management.officer_roles import (
    AUDITOR,
    FIRST_ROLES,
    REGISTRATION_OFFICER,
    ROLES,
    SECURITY_OFFICER,
    SYSTEM_ADMINISTRATOR,
    Duty,
    OfficerRole,
)
from natsuin.key_management.officers import Officers
from natsuin.key_management.opening_decisions import disclosure, open_fields
from natsuin.key_management.openings import opened_fields
from natsuin.key_management.outside_certificates import Accept, OutsideCertificates
from natsuin.key_management.outside_revocations import OutsideRevocations
from natsuin.key_management.person_acts import PersonActs
from natsuin.key_management.pin_reset import PINResets
from natsuin.key_management.pkcs12_key import BadPKCS12, read_pkcs12
from natsuin.key_management.provider_layer import ProviderLayer
from natsuin.key_management.provider_secrets import VAULT, ProviderSecrets
from natsuin.key_management.rebinding import slots_of
from natsuin.key_management.records import Record, challenge_of, make_record, new_identifier
from natsuin.key_management.renewal import Renewals
from natsuin.key_management.resident_keys import ResidentKeys
from natsuin.key_management.retention import Retention
from natsuin.key_management.rotation import Rotation, RotationProgress
from natsuin.key_management.sealed_envelope import (
    EnvelopeContent,
    EnvelopeHeader,
    EnvelopeMalformed,
    EnvelopeOpener,
    EnvelopeRefused,
    seal_content,
)
from natsuin.key_management.seals import RowSealer
from natsuin.key_management.secret_changes import SecretChanges
from natsuin.key_management.service_keys import (
    ALGORITHMS,
    IMPORT,
    ISSUING,
    LOG,
    OCSP,
    ROOT,
    SEALED_SECRETS,
    TSA,
    ServiceKey,
    ServiceKeys,
    is_log_key,
    log_key,
)
from natsuin.key_management.signer_secrets import PINSecret, SecretOpener, WeakPIN, normal_pin
from natsuin.key_management.stops import SigningStopped, Stops
from natsuin.key_management.tables import (
    certificate,
    ended_key,
    key_slot,
    log_opening,
    officer,
    service_key,
    signing_key,
)
from natsuin.key_management.vaults import ImportNotOffered, OpenKey, PrivateKey, Vault, WrongSignature, verify_signature
from natsuin.key_management.vaults.choice import Vaults
from natsuin.key_management.vaults.pkcs11 import (
    RESIDENT_BACKEND,
    PKCS11Vault,
    make_wrapping_key,
)
from natsuin.key_management.vaults.software import SoftwareVault
from natsuin.key_management.weak_keys import KeyKnown, SoundKey, WeakKey, check_strength, stored_public_keys
from natsuin.key_management.wrapping import Slot, decrypt, encrypt, open_slot, unwrap_for_signer
from natsuin.key_management.wrapping_keys import (
    CHANGES,
    KeyRing,
    WrappingKey,
    WrappingKeys,
    WrappingKeyState,
)

__all__ = [
    "ALGORITHMS",
    "AUDITOR",
    "CHANGES",
    "ENDED",
    "FIRST_ROLES",
    "IMPORT",
    "ISSUING",
    "LOG",
    "MAX_TRIES",
    "MOVE_OF",
    "OCSP",
    "PIN_SLOT",
    "RECOVERY_SLOT",
    "REGISTRATION_OFFICER",
    "RESIDENT_BACKEND",
    "ROLES",
    "ROOT",
    "SEALED_SECRETS",
    "SECURITY_OFFICER",
    "SYSTEM_ADMINISTRATOR",
    "TSA",
    "VAULT",
    "Accept",
    "AlgorithmNotOffered",
    "BadPKCS12",
    "Certified",
    "Completions",
    "Duty",
    "Enrolments",
    "EnvelopeContent",
    "EnvelopeHeader",
    "EnvelopeMalformed",
    "EnvelopeOpener",
    "EnvelopeRefused",
    "Erasing",
    "Foundation",
    "IllegalMove",
    "ImportNotOffered",
    "ImportOff",
    "Journal",
    "KeyActs",
    "KeyImports",
    "KeyKnown",
    "KeyMaker",
    "KeyMoves",
    "KeyRing",
    "KeyState",
    "Keys",
    "MasterKey",
    "MasterKeyMissing",
    "Move",
    "Mover",
    "OfficerActs",
    "OfficerRole",
    "Officers",
    "OpenKey",
    "Opening",
    "Origin",
    "OutsideCertificates",
    "OutsideRevocations",
    "PINNotTried",
    "PINRefused",
    "PINResets",
    "PINSecret",
    "PINSource",
    "PKCS11Vault",
    "PersonActs",
    "PrivateKey",
    "ProviderLayer",
    "ProviderSecrets",
    "Record",
    "Renewals",
    "Replacements",
    "ResidentKeys",
    "Retention",
    "Rotation",
    "RotationProgress",
    "RowSealer",
    "SecretChanges",
    "SecretOpener",
    "ServiceKey",
    "ServiceKeys",
    "SigningStopped",
    "Slot",
    "SoftwareVault",
    "SoundKey",
    "StillKept",
    "Stops",
    "StoredKey",
    "TokenSettings",
    "Vault",
    "VaultInterrupted",
    "VaultRefused",
    "VaultUnavailable",
    "Vaults",
    "WeakKey",
    "WeakPIN",
    "Wish",
    "WorkerCommand",
    "WrappingKey",
    "WrappingKeyMissing",
    "WrappingKeyState",
    "WrappingKeys",
    "WrongSignature",
    "after",
    "certificate",
    "challenge_of",
    "check_strength",
    "completed_since",
    "create_master_key",
    "decrypt",
    "disclosure",
    "encrypt",
    "ended_key",
    "forget_openings",
    "is_log_key",
    "keep_master_key",
    "key_slot",
    "log_key",
    "log_opening",
    "make_cancellation_good",
    "make_record",
    "make_wrapping_key",
    "new_identifier",
    "new_opening",
    "next_key_file",
    "normal_pin",
    "officer",
    "open_fields",
    "open_slot",
    "opened_fields",
    "postpone_waiting",
    "read_master_key",
    "read_pkcs12",
    "require_settled",
    "seal_content",
    "service_key",
    "signing_key",
    "slots_of",
    "stored_public_keys",
    "unwrap_for_signer",
    "verify_signature",
]
