"""Puts the parts of key backup together for one sam."""

from natsuin.config import Config
from natsuin.key_backup import Archives, ArchiveSeal, BackupActs, Restorer, Shelf
from natsuin.key_management import Keys, Officers, SecretOpener, Vault
from natsuin.signing_log import SigningLog


def make_backup_acts(
    config: Config,
    seal: ArchiveSeal,
    *,
    keys: Keys,
    officers: Officers,
    opener: SecretOpener,
    vault: Vault,
    log: SigningLog,
) -> BackupActs:
    """Archives in the configured folder, with what a crash left there made good."""
    foundation = keys.foundation
    shelf = Shelf(config.sam.archive_folder)
    archives = Archives(foundation, seal, shelf, log, config.sam.archive_copies)
    archives.recover()
    return BackupActs(foundation, officers, keys, archives, Restorer(foundation, seal, keys, vault, log), opener)
