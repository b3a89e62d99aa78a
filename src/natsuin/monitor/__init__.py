"""The monitor: a program of its own that follows signing logs, checks that they stay what they were, and raises alarms.

It needs the public files of a log and its verifier key, and nothing of the server: whoever does not want to trust the
provider runs it on a host of their own.

What is promised:

- Nothing of a log is judged before it was led back to a checkpoint that the log's key signed, and that contains the
  checkpoint remembered from the visit before.
- What was read, what was found and whom to tell of it become durable together (memory.py). An alarm survives a crash
  at any point; a receiver may get one twice, under the same id.
- Nothing that a hostile log says ends the monitor, fills its memory or disk, or reaches a terminal, a mail's header
  or a label of a metric (entries.py).

Begin with following.py: one visit. The rules are in rules.py, the kinds of alarms with their words in kinds.py.
"""

from natsuin.monitor.catalogue import CATALOGUE
from natsuin.monitor.example import write_example
from natsuin.monitor.following import Verdict
from natsuin.monitor.kinds import KINDS
from natsuin.monitor.memory import Memory
from natsuin.monitor.running import Monitor
from natsuin.monitor.settings import MonitorSettings, load_settings
from natsuin.monitor.severity import Severity
from natsuin.monitor.standing import standing_of

__all__ = [
    "CATALOGUE",
    "KINDS",
    "Memory",
    "Monitor",
    "MonitorSettings",
    "Severity",
    "Verdict",
    "load_settings",
    "standing_of",
    "write_example",
]
