"""⑤ 署名鍵管理: the only door to keys.

A person's key is generated inside a vault, closed by two layers (the provider's secret and the signer's own) and stored
in DB-2; it is opened for one request and closed again. Here are also the records that say who may open what: officers
and their passkeys, enrolments, the passkey and the secrets of each key, and the service's own keys. What gives
somebody a power is an entry in the signing log before it is a row in the database; what takes one away is a row first.

    Foundation      what every act stands on: database, row seals, journal, clock, relying party
    Officers        the first comes by a token from `natsuin init`; approvals are verified against sam's own record
    Enrolments      proposal, officer's approval, invitation, key
    Keys            reading a key with its seal checked; opening the signer's layer, tries counted first
    PINResets       a new PIN by passkey and recovery code
    KeyActs         suspend, resume, revoke, destroy, renew, install a certificate
    KeyMoves        the state machine of a key, each move with its entry
    ServiceKeys     keys for the log, the CA and the time-stamps
    Vault           the contract of every backend; `SoftwareVault` is the embedded one

What the seals do not cover: putting a whole genuine row back to an earlier genuine state (see docs/trust.md).
"""

from natsuin.key_management.enrolment import Enrolments
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.journal import Journal, Opening, commit, new_opening
from natsuin.key_management.key_acts import KeyActs
from natsuin.key_management.key_creation import Certified, KeyMaker
from natsuin.key_management.key_moves import MOVE_OF, KeyMoves, Wish
from natsuin.key_management.key_states import ENDED, IllegalMove, KeyState, Move, Mover, after
from natsuin.key_management.keys import MAX_TRIES, PIN_SLOT, RECOVERY_SLOT, Keys, StoredKey
from natsuin.key_management.master_key import MasterKey, MasterKeyMissing, create_master_key, read_master_key
from natsuin.key_management.officers import REGISTRATION_OFFICER, Officers
from natsuin.key_management.outside_certificates import Accept, OutsideCertificates
from natsuin.key_management.pin_reset import PINResets
from natsuin.key_management.records import Record, challenge_of, make_record
from natsuin.key_management.renewal import Renewals
from natsuin.key_management.seals import RowSealer
from natsuin.key_management.service_keys import (
    ISSUING,
    LOG,
    OCSP,
    ROOT,
    SEALED_SECRETS,
    TSA,
    ServiceKey,
    ServiceKeys,
)
from natsuin.key_management.signer_secrets import PINSecret, SecretOpener, WeakPIN, normal_pin
from natsuin.key_management.tables import certificate, log_opening, signing_key
from natsuin.key_management.vaults import OpenKey, PrivateKey, Vault, WrongSignature, verify_signature
from natsuin.key_management.vaults.software import SoftwareVault
from natsuin.key_management.wrapping import decrypt, encrypt, unwrap_for_signer

__all__ = [
    "ENDED",
    "ISSUING",
    "LOG",
    "MAX_TRIES",
    "MOVE_OF",
    "OCSP",
    "PIN_SLOT",
    "RECOVERY_SLOT",
    "REGISTRATION_OFFICER",
    "ROOT",
    "SEALED_SECRETS",
    "TSA",
    "Accept",
    "Certified",
    "Enrolments",
    "Foundation",
    "IllegalMove",
    "Journal",
    "KeyActs",
    "KeyMaker",
    "KeyMoves",
    "KeyState",
    "Keys",
    "MasterKey",
    "MasterKeyMissing",
    "Move",
    "Mover",
    "Officers",
    "OpenKey",
    "Opening",
    "OutsideCertificates",
    "PINResets",
    "PINSecret",
    "PrivateKey",
    "Record",
    "Renewals",
    "RowSealer",
    "SecretOpener",
    "ServiceKey",
    "ServiceKeys",
    "SoftwareVault",
    "StoredKey",
    "Vault",
    "WeakPIN",
    "Wish",
    "WrongSignature",
    "after",
    "certificate",
    "challenge_of",
    "commit",
    "create_master_key",
    "decrypt",
    "encrypt",
    "log_opening",
    "make_record",
    "new_opening",
    "normal_pin",
    "read_master_key",
    "signing_key",
    "unwrap_for_signer",
    "verify_signature",
]
