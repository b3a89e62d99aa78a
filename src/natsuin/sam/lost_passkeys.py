"""Puts the replacement of lost passkeys together for one sam."""

from datetime import timedelta

from natsuin.config import Config, ConfigurationRefused
from natsuin.key_backup import archived_keys
from natsuin.key_management import Completions, KeyMaker, KeyMoves, Keys, Officers, Replacements, SecretOpener, Vault
from natsuin.signing import cancel_approvals

SHORTEST_WAIT = timedelta(hours=1)
"""Anything less gives nobody the time to notice, and is for demonstrations only."""


def waiting_of(config: Config) -> timedelta:
    """The waiting period. Raises `ConfigurationRefused` for one that is too short for real use."""
    waiting = timedelta(seconds=config.keys.replacement_wait_seconds)
    if waiting < SHORTEST_WAIT and not config.service.demo:
        raise ConfigurationRefused(
            "keys.replacement_wait_seconds is less than an hour.",
            hint="Write at least 3600; three days are the default.",
        )
    return waiting


def make_completions(
    config: Config,
    *,
    keys: Keys,
    officers: Officers,
    moves: KeyMoves,
    maker: KeyMaker,
    opener: SecretOpener,
    vault: Vault,
) -> Completions:
    """Replacements with the configured waiting period, and their last step."""
    foundation = keys.foundation
    replacements = Replacements(foundation, officers, keys, waiting_of(config))
    return Completions(
        replacements,
        keys,
        moves,
        maker,
        opener,
        vault,
        forget_approvals=cancel_approvals(foundation),
        archived=archived_keys(foundation),
    )
