"""⑥ 署名鍵バックアップ: copies of keys that open only with the provider's key and the signer's secret together.

    ArchiveSeal     closes one key into one file, and opens it again
    Archives        makes copies, few of each key, lists them, and lets go of those that must not be used any more
    Restorer        puts one key back: to the same person and id, only where it was lost, never one that ended
    BackupActs      both as acts that two officers approve, and for a restoration the signer, with passkey and PIN
    Shelf           the folder with the files
    split, combine  the master key as shares of custodians

A whole installation (both databases, log, configuration) is copied by `natsuin backup`, which carries these files
along; what the log says of keys outlives every such copy (`natsuin.signing.recovery`).
"""

from natsuin.key_backup.archive import LARGEST, Archive, ArchiveSeal, ArchiveTampered, BadArchive
from natsuin.key_backup.archiving import Archives, archived_keys, kept_under
from natsuin.key_backup.backup_acts import BackupActs
from natsuin.key_backup.custodians import CustodianShare, SharesRefused, check_share, combine, split, threshold_of
from natsuin.key_backup.history import KeyHistory, read_history
from natsuin.key_backup.restoring import KeyIsDead, NotLost, Outdated, Restorer
from natsuin.key_backup.shelf import Shelf, read_plain
from natsuin.key_backup.tables import backup_act, key_archive

__all__ = [
    "LARGEST",
    "Archive",
    "ArchiveSeal",
    "ArchiveTampered",
    "Archives",
    "BackupActs",
    "BadArchive",
    "CustodianShare",
    "KeyHistory",
    "KeyIsDead",
    "NotLost",
    "Outdated",
    "Restorer",
    "SharesRefused",
    "Shelf",
    "archived_keys",
    "backup_act",
    "check_share",
    "combine",
    "kept_under",
    "key_archive",
    "read_history",
    "read_plain",
    "split",
    "threshold_of",
]
