"""The witnesses that the configuration names, made ready to be asked by the signing log."""

from natsuin.clock import SystemClock
from natsuin.config import Config, ConfigurationRefused
from natsuin.errors import NatsuinError
from natsuin.signing_log import AskedWitness, VerifierKey, WitnessAddress, Witnessing, WitnessPolicy


def make_witnessing(config: Config) -> Witnessing | None:
    """Whom the log asks; None where nobody is named. Nothing is connected yet. Raises `ConfigurationRefused`."""
    log = config.log
    if not log.witnesses:
        return None
    try:
        policy = WitnessPolicy.of([witness.vkey for witness in log.witnesses], log.quorum)
    except NatsuinError as error:
        raise ConfigurationRefused(f"log.witnesses: {error.message}.") from error
    asked = [_asked(config, place, key) for place, key in enumerate(policy.witnesses)]
    return Witnessing(asked, log.quorum, closed=log.mode == "closed", seconds=log.seconds)


def _asked(config: Config, place: int, key: VerifierKey) -> AskedWitness:
    witness = config.log.witnesses[place]
    try:
        address = WitnessAddress(witness.url, seconds=config.log.seconds, authority=witness.authority)
    except NatsuinError as error:
        raise ConfigurationRefused(f"log.witnesses: {key.name}: {error.message}.", hint=error.hint) from error
    # The time of a cosignature is compared with the host's own clock, which sam's does not always follow.
    return AskedWitness(key, address, SystemClock())
