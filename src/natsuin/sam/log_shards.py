"""Which keys the shards of the signing log have, and where they lie."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ed25519

from natsuin.clock import Clock
from natsuin.config import Config
from natsuin.errors import NatsuinError
from natsuin.key_management import ServiceKeys, log_key
from natsuin.signing_log import LogKey, LogPlace, SigningLog, Witnessing, make_verifier_key


@dataclass(frozen=True)
class LogKeys:
    """The log's keys in DB-2: that of the shard that is written, and one ahead. `keys` open keys in software."""

    keys: ServiceKeys

    def of(self, number: int) -> LogKey:
        """The key of shard `number`, from 1. Raises `Tampered` when DB-2 has none, which means that it is two
        rotations behind."""
        return _log_key(self.keys.load(log_key(number)).edwards)

    def make_ahead(self, number: int) -> LogKey:
        """The key of shard `number`, made if it is not there; durable on return."""
        if not self.keys.holds(log_key(number)):
            return _log_key(self.keys.create(log_key(number)).edwards)
        return self.of(number)

    def settle(self, number: int) -> None:
        """Shard `number` is written: there is a key for the next one, and none any more for those that are closed, also
        after a restored DB-2 brought one back. Durable on return."""
        self.make_ahead(number + 1)
        for closed in range(1, number):
            self.keys.erase(log_key(closed))

    def vkey_of(self, number: int, origin: str) -> str:
        """The verifier key of shard `number`, whose origin is `origin`; its key is made if it is not there."""
        return str(make_verifier_key(origin, self.make_ahead(number).public))


def log_place(config: Config) -> LogPlace:
    """Where the log lies."""
    return LogPlace(config.sam.log_folder, config.sam.log_state, config.sam.log_origin)


def open_log(
    config: Config,
    keys: LogKeys,
    clock: Clock,
    stop: Callable[[NatsuinError], None],
    *,
    witnessing: Witnessing | None = None,
) -> SigningLog:
    """The log, all its shards. Raises as `SigningLog.open` and `LogKeys.of`."""
    return SigningLog.open(log_place(config), keys=keys.of, clock=clock, on_fatal=stop, witnessing=witnessing)


def _log_key(key: ed25519.Ed25519PrivateKey) -> LogKey:
    return LogKey(key.public_key().public_bytes_raw(), key.sign)
