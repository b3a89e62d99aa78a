"""A hook for tests: where a process may be made to die, as by a power cut.

`point(name)` marks a place between two durable steps. When the environment variable NATSUIN_FAULT_AT holds that name,
the process kills itself there with SIGKILL, so that no handler, flush or clean-up runs; `name:3` dies the third time it
gets there. The variable is read once, at import. Without it a point costs one comparison and nothing can be triggered
later, so it gives nobody a power that a plain `kill -9` by the same operating system user would not.
"""

import os
import signal
from typing import Final

VARIABLE: Final = "NATSUIN_FAULT_AT"


class _Fault:
    """The chosen place and how often it may still be passed. Reached from several threads; one winner is enough."""

    def __init__(self, setting: str) -> None:
        name, _, count = setting.partition(":")
        self.name = name
        self.left = int(count) if count else 1

    def reach(self) -> None:
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


_FAULT: Final[_Fault | None] = _Fault(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def point(name: str) -> None:
    """Pass the place called `name`, or die here when a test has chosen it.

    Thread safe; durable work is the caller's.
    """
    if _FAULT is not None and _FAULT.name == name:
        _FAULT.reach()
