"""④ 署名生成ログ: the signing log. What is not in it never leaves the server as a signature.

The log is an append-only Merkle tree in plain files that anybody can check with tools nobody here wrote: tiles and
entry bundles (C2SP tlog-tiles), a signed checkpoint (C2SP tlog-checkpoint, Ed25519), receipts (C2SP tlog-proof).
Entries are canonical JSON without personal data.

What is promised:

- A `Receipt` is given only for an entry that is durable on the disk and covered by a signed checkpoint; the folder
  shows it within a tenth of a second, and is never ahead of the record.
- Entries are never changed or removed, and the log never signs two histories: one writer holds the folder, and the
  record of
  the last signed checkpoint is swapped, never overwritten.
- After a crash at any point the next `SigningLog.open` goes on from the last signed checkpoint, or refuses with a
  reason that
  has a class of its own.
- When the disk fails nothing is acknowledged any more and the process is told to end.

What is trusted: the record (`state`) decides what the newest checkpoint is; who can roll back both the record and the
folder can cut the tail, which only somebody who remembers a later checkpoint finds out. The folder itself is not
trusted.

Writers use `create_log` once and `SigningLog` afterwards; `SigningLog.add` and `.submit` are where everything begins.
`anchors` holds time-stamps of others over checkpoints.
Everybody else needs `verify_receipt`, `verify_log` and `PublicLog`. `natsuin.signing_log.commit` tells the order of
work.
"""

from natsuin.signing_log.anchors import (
    HASH_STRENGTHS,
    AnchorFolder,
    AnchorRefused,
    AnchorsDamaged,
    ArchiveTimeStamp,
    AuthorityUnreachable,
    BadRecord,
    EvidenceRecord,
    NotRenewable,
    ask_token,
    chain_subject,
    first_record,
    parse_record,
    reduced_trees,
    renew_hash,
    renew_time_stamp,
    renewal_subject,
    walk_hash_tree,
)
from natsuin.signing_log.audit import Known, LogReport, verify_log
from natsuin.signing_log.checkpoints import Checkpoint, open_checkpoint
from natsuin.signing_log.commit import FAULT_POINTS
from natsuin.signing_log.commitments import SALT_BYTES, commitment_to
from natsuin.signing_log.copies import adopt_log, copy_log, read_checkpoint
from natsuin.signing_log.entries import JSON, encode_entry
from natsuin.signing_log.key_chains import ChainReader
from natsuin.signing_log.log import SigningLog, create_log
from natsuin.signing_log.memory import LogMemory
from natsuin.signing_log.merkle import verify_consistency, verify_inclusion
from natsuin.signing_log.notes import LogKey, VerifierKey, make_verifier_key, parse_verifier_key
from natsuin.signing_log.public_log import Consistency, PublicLog
from natsuin.signing_log.receipts import Receipt, UnverifiedReceipt, VerifiedEntry, parse_receipt, verify_receipt
from natsuin.signing_log.refusals import (
    BadEntry,
    BadKey,
    BadReceipt,
    ChainBroken,
    CheckpointAhead,
    CheckpointDiverges,
    EntryTooLarge,
    LastBundleDamaged,
    LogClosed,
    LogDamaged,
    LogExists,
    LogLocked,
    LogMissing,
    LogUnreachable,
    LoosePermissions,
    ProofRefused,
    RightEdgeDamaged,
    StateBehind,
    StateDamaged,
    StateMissing,
    UntrustedNote,
)
from natsuin.signing_log.statements import STATEMENT_FORMAT, state_from_files, state_key
from natsuin.signing_log.tiles import TileName, parse_tile_name

__all__ = [
    "FAULT_POINTS",
    "HASH_STRENGTHS",
    "JSON",
    "SALT_BYTES",
    "STATEMENT_FORMAT",
    "AnchorFolder",
    "AnchorRefused",
    "AnchorsDamaged",
    "ArchiveTimeStamp",
    "AuthorityUnreachable",
    "BadEntry",
    "BadKey",
    "BadReceipt",
    "BadRecord",
    "ChainBroken",
    "ChainReader",
    "Checkpoint",
    "CheckpointAhead",
    "CheckpointDiverges",
    "Consistency",
    "EntryTooLarge",
    "EvidenceRecord",
    "Known",
    "LastBundleDamaged",
    "LogClosed",
    "LogDamaged",
    "LogExists",
    "LogKey",
    "LogLocked",
    "LogMemory",
    "LogMissing",
    "LogReport",
    "LogUnreachable",
    "LoosePermissions",
    "NotRenewable",
    "ProofRefused",
    "PublicLog",
    "Receipt",
    "RightEdgeDamaged",
    "SigningLog",
    "StateBehind",
    "StateDamaged",
    "StateMissing",
    "TileName",
    "UntrustedNote",
    "UnverifiedReceipt",
    "VerifiedEntry",
    "VerifierKey",
    "adopt_log",
    "ask_token",
    "chain_subject",
    "commitment_to",
    "copy_log",
    "create_log",
    "encode_entry",
    "first_record",
    "make_verifier_key",
    "open_checkpoint",
    "parse_receipt",
    "parse_record",
    "parse_tile_name",
    "parse_verifier_key",
    "read_checkpoint",
    "reduced_trees",
    "renew_hash",
    "renew_time_stamp",
    "renewal_subject",
    "state_from_files",
    "state_key",
    "verify_consistency",
    "verify_inclusion",
    "verify_log",
    "verify_receipt",
    "walk_hash_tree",
]
