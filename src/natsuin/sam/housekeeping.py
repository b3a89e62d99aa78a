"""What has to be done from time to time without anybody asking."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from natsuin.errors import Busy, NatsuinError
from natsuin.key_management import Erasing, Foundation, KeyMoves, ResidentKeys
from natsuin.signing import destroy_one_time_keys

_EVERY_SECONDS = 30.0


@dataclass(frozen=True)
class Housekeeping:
    """Destroys keys for one instruction whose time is over, ends uses that waited for witnesses until their approval
    was over, compares the token with the record and erases openings that are due, once when sam opens and then on a
    thread of its own."""

    foundation: Foundation
    moves: KeyMoves
    residents: ResidentKeys
    erasing: Erasing
    stop: Callable[[NatsuinError], None]
    """Ends the process."""
    close_overdue: Callable[[], None]
    """Ends such uses (`SigningLine.close_overdue`)."""
    every_seconds: float = _EVERY_SECONDS
    _closing: threading.Event = field(default_factory=threading.Event)

    def round(self, *, starting: bool = False) -> None:
        """Do it now. Durable on return. `starting`: before anything else goes on."""
        self.close_overdue()
        destroy_one_time_keys(self.foundation, self.moves)
        self.residents.look(starting=starting)
        self.erasing.round()

    def start(self) -> None:
        """Do it again and again until `close`."""
        threading.Thread(target=self._keep, name="housekeeping", daemon=True).start()

    def close(self) -> None:
        """No more rounds."""
        self._closing.set()
        # An entry that tells of an erasure is not left without it when the next start need not read that far back.
        self.erasing.close()

    def _keep(self) -> None:
        while not self._closing.wait(self.every_seconds):
            try:
                self.round()
            except Busy:
                continue
            except NatsuinError as error:
                if not self._closing.is_set():
                    self.stop(error)
                return
