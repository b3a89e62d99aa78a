"""How much an alarm matters."""

from enum import IntEnum


class Severity(IntEnum):
    """`NOTICE`: somebody may want to know. `WARNING`: somebody should look soon. `CRITICAL`: somebody must look now."""

    NOTICE = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """The word that settings, messages and metrics use."""
        return self.name.lower()
