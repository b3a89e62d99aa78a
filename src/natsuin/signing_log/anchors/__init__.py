"""Time anchors: evidence records (RFC 4998) over checkpoints, whose proof of time outlives keys and algorithms.

`EvidenceRecord` and what makes and renews it are pure, bytes in and bytes out; `ask_token` asks a time-stamp authority;
`AnchorFolder` keeps the files. Whether the tokens in a record are to be believed is told by `natsuin.validation`.
"""

from natsuin.signing_log.anchors.authorities import ask_token, token_from
from natsuin.signing_log.anchors.evidence_records import (
    HASH_STRENGTHS,
    ArchiveTimeStamp,
    EvidenceRecord,
    chain_subject,
    first_record,
    parse_record,
    renew_hash,
    renew_time_stamp,
    renewal_subject,
)
from natsuin.signing_log.anchors.folder import AnchorFolder
from natsuin.signing_log.anchors.hash_trees import reduced_trees, walk_hash_tree
from natsuin.signing_log.anchors.refusals import (
    AnchorRefused,
    AnchorsDamaged,
    AuthorityUnreachable,
    BadRecord,
    NotRenewable,
)

__all__ = [
    "HASH_STRENGTHS",
    "AnchorFolder",
    "AnchorRefused",
    "AnchorsDamaged",
    "ArchiveTimeStamp",
    "AuthorityUnreachable",
    "BadRecord",
    "EvidenceRecord",
    "NotRenewable",
    "ask_token",
    "chain_subject",
    "first_record",
    "parse_record",
    "reduced_trees",
    "renew_hash",
    "renew_time_stamp",
    "renewal_subject",
    "token_from",
    "walk_hash_tree",
]
