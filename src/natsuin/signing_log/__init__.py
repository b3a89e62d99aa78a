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
    token_from,
    walk_hash_tree,
)
from natsuin.signing_log.audit import Known, LogReport, verify_log
from natsuin.signing_log.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from natsuin.signing_log.commit import FAULT_POINTS
from natsuin.signing_log.commitments import SALT_BYTES, Disclosed, commitment_to, disclose, withhold
from natsuin.signing_log.copies import adopt_shards, copy_shards
from natsuin.signing_log.entries import JSON, encode_entry
from natsuin.signing_log.hand_over import NextShard, end_of, next_shard, require_name
from natsuin.signing_log.key_chains import ChainReader
from natsuin.signing_log.log import Shard, create_log
from natsuin.signing_log.memory import LogMemory
from natsuin.signing_log.merkle import EMPTY_ROOT, verify_consistency, verify_inclusion
from natsuin.signing_log.notes import (
    KeyKind,
    LogKey,
    VerifierKey,
    make_verifier_key,
    open_note,
    parse_note,
    parse_verifier_key,
)
from natsuin.signing_log.public_log import Consistency, PublicLog
from natsuin.signing_log.receipts import Receipt, UnverifiedReceipt, VerifiedEntry, parse_receipt, verify_receipt
from natsuin.signing_log.refusals import (
    BadCheckpoint,
    BadEmptyRoot,
    BadEntry,
    BadKey,
    BadNote,
    BadPolicy,
    BadReceipt,
    BadWitnessRequest,
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
    LogRewritten,
    LogUnreachable,
    LoosePermissions,
    NotWitnessed,
    ProofRefused,
    RightEdgeDamaged,
    RotationUnfinished,
    ShardsDiverge,
    StateBehind,
    StateDamaged,
    StateMissing,
    UntrustedNote,
    Unwitnessed,
    WitnessFailed,
    WitnessRefused,
)
from natsuin.signing_log.shards import (
    LogPlace,
    ShardPlace,
    SigningLog,
    begin_shard,
    final_state,
    find_shards,
    open_alone,
)
from natsuin.signing_log.statements import STATEMENT_FORMAT, state_from_files, state_key
from natsuin.signing_log.tiles import TileName, parse_tile_name
from natsuin.signing_log.timed_http import TimedStream
from natsuin.signing_log.whole_audit import WholeReport, find_vkey, place_in, size_of, verify_shards
from natsuin.signing_log.whole_log import OpenShard, WholeLog, location_of
from natsuin.signing_log.witnesses.asking import AskedWitness
from natsuin.signing_log.witnesses.client import WitnessAddress
from natsuin.signing_log.witnesses.cosignatures import Cosignature, cosign, with_cosignatures
from natsuin.signing_log.witnesses.policy import WitnessPolicy, parse_policy
from natsuin.signing_log.witnesses.requests import MAX_REQUEST, SIZE_TYPE, AddCheckpoint, parse_request
from natsuin.signing_log.witnesses.rounds import Standing, Witnessing

__all__ = [
    "EMPTY_ROOT",
    "FAULT_POINTS",
    "HASH_STRENGTHS",
    "JSON",
    "MAX_REQUEST",
    "SALT_BYTES",
    "SIZE_TYPE",
    "STATEMENT_FORMAT",
    "AddCheckpoint",
    "AnchorFolder",
    "AnchorRefused",
    "AnchorsDamaged",
    "ArchiveTimeStamp",
    "AskedWitness",
    "AuthorityUnreachable",
    "BadCheckpoint",
    "BadEmptyRoot",
    "BadEntry",
    "BadKey",
    "BadNote",
    "BadPolicy",
    "BadReceipt",
    "BadRecord",
    "BadWitnessRequest",
    "ChainBroken",
    "ChainReader",
    "Checkpoint",
    "CheckpointAhead",
    "CheckpointDiverges",
    "Consistency",
    "Cosignature",
    "Disclosed",
    "EntryTooLarge",
    "EvidenceRecord",
    "KeyKind",
    "Known",
    "LastBundleDamaged",
    "LogClosed",
    "LogDamaged",
    "LogExists",
    "LogKey",
    "LogLocked",
    "LogMemory",
    "LogMissing",
    "LogPlace",
    "LogReport",
    "LogRewritten",
    "LogUnreachable",
    "LoosePermissions",
    "NextShard",
    "NotRenewable",
    "NotWitnessed",
    "OpenShard",
    "ProofRefused",
    "PublicLog",
    "Receipt",
    "RightEdgeDamaged",
    "RotationUnfinished",
    "Shard",
    "ShardPlace",
    "ShardsDiverge",
    "SigningLog",
    "Standing",
    "StateBehind",
    "StateDamaged",
    "StateMissing",
    "TileName",
    "TimedStream",
    "UntrustedNote",
    "UnverifiedReceipt",
    "Unwitnessed",
    "VerifiedEntry",
    "VerifierKey",
    "WholeLog",
    "WholeReport",
    "WitnessAddress",
    "WitnessFailed",
    "WitnessPolicy",
    "WitnessRefused",
    "Witnessing",
    "adopt_shards",
    "ask_token",
    "begin_shard",
    "chain_subject",
    "commitment_to",
    "copy_shards",
    "cosign",
    "create_log",
    "disclose",
    "encode_entry",
    "end_of",
    "final_state",
    "find_shards",
    "find_vkey",
    "first_record",
    "location_of",
    "make_verifier_key",
    "next_shard",
    "open_alone",
    "open_checkpoint",
    "open_note",
    "parse_checkpoint",
    "parse_note",
    "parse_policy",
    "parse_receipt",
    "parse_record",
    "parse_request",
    "parse_tile_name",
    "parse_verifier_key",
    "place_in",
    "reduced_trees",
    "renew_hash",
    "renew_time_stamp",
    "renewal_subject",
    "require_name",
    "size_of",
    "state_from_files",
    "state_key",
    "token_from",
    "verify_consistency",
    "verify_inclusion",
    "verify_log",
    "verify_receipt",
    "verify_shards",
    "walk_hash_tree",
    "with_cosignatures",
    "withhold",
]
