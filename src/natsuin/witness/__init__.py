"""A witness of other people's signing logs: a small server of its own, which needs nothing else of an installation.

It remembers the newest checkpoint of each log that it was told to witness, and cosigns a newer one only when a proof
shows that it contains the older (C2SP tlog-witness v1.0.0). So nobody can show one history to some and another to
others, or take back what was logged, without this witness: that is why it belongs to somebody else than the log.

What is promised: the size and root that a cosignature states are durable before the cosignature leaves, and no two
cosignatures of one witness disagree, whatever crashes. What is trusted: its own state file, which must never be put
back from a backup, and its key.

`judging.py` decides, `state.py` remembers, `server.py` speaks HTTP, `settings.py` is its configuration.
"""

from natsuin.witness.judging import WITNESS_FAULT_POINTS, Answer, Witness
from natsuin.witness.server import WitnessServer
from natsuin.witness.settings import WitnessSettings, load_settings, make_witness, read_key
from natsuin.witness.state import WitnessState, WitnessStateDamaged, WitnessStateMissing

__all__ = [
    "WITNESS_FAULT_POINTS",
    "Answer",
    "Witness",
    "WitnessServer",
    "WitnessSettings",
    "WitnessState",
    "WitnessStateDamaged",
    "WitnessStateMissing",
    "load_settings",
    "make_witness",
    "read_key",
]
