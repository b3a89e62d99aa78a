"""Every error of the signing log, below the roots of `natsuin.errors`.

Three groups: input that is not what it claims to be, proofs and logs that do not hold, and reasons not to start. Each
reason not to start has a class and a code of its own, so that an operator's tools can tell a second writer from a
damaged disk.
"""

from natsuin.errors import Conflict, Malformed, NotFound, Refused, Tampered, TooLarge, Unavailable

# --- Input that is not what it claims to be --------------------------------------------------------------------------


class BadEncoding(Malformed):
    """Text that is not canonical base64 or not a canonical decimal number."""

    code = "log_bad_encoding"


class BadNote(Malformed):
    """Not a signed note (C2SP signed-note v1.0.0)."""

    code = "log_bad_note"


class BadKey(Malformed):
    """Not a verifier key, or its key id does not belong to it."""

    code = "log_bad_key"


class BadCheckpoint(Malformed):
    """A note whose text is not a checkpoint (C2SP tlog-checkpoint v1.0.0)."""

    code = "log_bad_checkpoint"


class BadEmptyRoot(BadCheckpoint):
    """A checkpoint of an empty log whose root is not the hash of nothing."""

    code = "log_bad_empty_root"


class BadName(Malformed):
    """Not the canonical name of a tile or entry bundle."""

    code = "log_bad_name"


class BadTile(Malformed):
    """A tile or entry bundle of the wrong shape (C2SP tlog-tiles v0.1.0)."""

    code = "log_bad_tile"


class BadReceipt(Malformed):
    """Not a `.tlog-proof` file (C2SP tlog-proof, draft)."""

    code = "log_bad_receipt"


class BadEntry(Malformed):
    """An entry that has no canonical JSON form (RFC 8785)."""

    code = "log_bad_entry"


class EntryTooLarge(TooLarge):
    """An entry above 65,535 bytes, the most that an entry bundle can hold."""

    code = "log_entry_too_large"


# --- Proofs and logs that do not hold --------------------------------------------------------------------------------


class UntrustedNote(Refused):
    """No signature of a trusted key, or a trusted key's signature that does not verify."""

    code = "log_untrusted_note"


class ProofRefused(Refused):
    """An inclusion or consistency proof that does not lead to the root it should."""

    code = "log_proof_refused"


class ChainBroken(Tampered):
    """An entry about a key does not follow the one before it in that key's chain."""

    code = "log_chain_broken"


class LogDamaged(Tampered):
    """Files of a log do not agree with its signed checkpoint."""

    code = "log_damaged"


class LogRewritten(LogDamaged):
    """A log does not contain an older checkpoint that its key signed: two histories."""

    code = "log_rewritten"


class FileMissing(NotFound):
    """A file of the log is not there."""

    code = "log_file_missing"


class LogUnreachable(Unavailable):
    """The log could not be read, so nothing can be said about it."""

    code = "log_unreachable"


class LogClosed(Unavailable):
    """The log was closed and takes no more entries."""

    code = "log_closed"


# --- Witnesses -------------------------------------------------------------------------------------------------------


class BadWitnessRequest(Malformed):
    """Not a request to add a checkpoint (C2SP tlog-witness v1.0.0)."""

    code = "log_bad_witness_request"


class BadPolicy(Malformed):
    """Not a policy of witnesses that can be met (C2SP tlog-policy, draft)."""

    code = "log_bad_policy"


class Unwitnessed(Refused):
    """A checkpoint that fewer witnesses cosigned than were asked for. Another checkpoint of the log may have more."""

    code = "log_unwitnessed"


class NotWitnessed(Unavailable):
    """Too few witnesses have cosigned what was written, so nothing that needs it is released. The entries stand."""

    code = "log_not_witnessed"


class WitnessFailed(Unavailable):
    """A witness gave no cosignature: it is away, does not know the log, or answered what cannot be used."""

    code = "log_witness_failed"


class WitnessRefused(Tampered):
    """A witness has seen a later or another state of this log: it was rolled back, rewritten or damaged."""

    code = "log_witness_refused"


# --- Reasons not to start --------------------------------------------------------------------------------------------


class LogExists(Conflict):
    """A log or its state is already there; creating one again would fork it."""

    code = "log_exists"


class LogLocked(Conflict):
    """Another writer holds this log."""

    code = "log_locked"


class LoosePermissions(Conflict):
    """Somebody else could write a file of the log, or read its state."""

    code = "log_loose_permissions"


class LogMissing(NotFound):
    """There is no log in the folder."""

    code = "log_missing"


class StateMissing(NotFound):
    """The record of the last signed checkpoint is missing, so nobody can tell whether the folder is the newest."""

    code = "log_state_missing"


class StateDamaged(Tampered):
    """The record of the last signed checkpoint does not carry this log's signature."""

    code = "log_state_damaged"


class StateBehind(Tampered):
    """The folder holds far more entries than were ever signed: the record was rolled back."""

    code = "log_state_behind"


class CheckpointAhead(Tampered):
    """The published checkpoint is newer than the record: the record was rolled back."""

    code = "log_checkpoint_ahead"


class CheckpointDiverges(Tampered):
    """The published checkpoint and the record show two histories."""

    code = "log_checkpoint_diverges"


class RightEdgeDamaged(Tampered):
    """The newest tiles are missing or do not give the signed root: the folder was truncated, rolled back or damaged."""

    code = "log_right_edge_damaged"


class LastBundleDamaged(Tampered):
    """The newest entries are missing or do not match their tile."""

    code = "log_last_bundle_damaged"


class ShardsDiverge(Tampered):
    """A shard and the one before it do not name each other: the log does not go on where it ended."""

    code = "log_shards_diverge"


class RotationUnfinished(Conflict):
    """The newest shard is closed and the next one was not begun: a rotation was interrupted."""

    code = "log_rotation_unfinished"


class BadShardName(Malformed):
    """A name that no shard may have."""

    code = "log_bad_shard_name"
