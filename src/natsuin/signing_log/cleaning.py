"""Partial tiles and bundles are removed some time after their full one is there (C2SP tlog-tiles, "Partial tiles").

Readers that still follow an older checkpoint find the full tile instead. Without this a busy log keeps some thirty
copies of every bundle.
"""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from natsuin.clock import Clock
from natsuin.signing_log.folder import LogFolder
from natsuin.signing_log.tiles import TILE_BITS, TileName

KEPT_FOR: Final = timedelta(minutes=10)
_BATCH: Final = 8
"""Folders removed after one commit, so that none takes long."""


class Cleaner:
    """Removes what is no longer needed. Owned by the writer thread; failing to remove is no failure."""

    def __init__(self, folder: LogFolder, clock: Clock, *, size: int) -> None:
        """`size` entries are signed. What an earlier process left partial beside full tiles is found here."""
        self._folder, self._clock = folder, clock
        self._size = size
        self._due: deque[tuple[datetime, str]] = deque()
        for level in range((size.bit_length() + TILE_BITS - 1) // TILE_BITS):
            index = (size >> (level + 1) * TILE_BITS) - 1
            while index >= 0 and self._note(level, index):
                index -= 1

    def _note(self, level: int, index: int) -> bool:
        names = [f"{TileName(level, index)}.p"]
        if level == 0:
            names.append(f"{TileName(None, index)}.p")
        found = [name for name in names if self._folder.exists(name)]
        self._due.extend((self._clock.now() + KEPT_FOR, name) for name in found)
        return bool(found)

    def clean(self, size: int) -> None:
        """The log has grown to `size` signed entries: remember what became full, remove what is due."""
        level = 0
        while (end := size >> (level + 1) * TILE_BITS) > (begin := self._size >> (level + 1) * TILE_BITS):
            for index in range(begin, end):
                self._note(level, index)
            level += 1
        self._size = size
        for _ in range(_BATCH):
            if not self._due or self._due[0][0] > self._clock.now():
                return
            self._folder.remove_folder(self._due.popleft()[1])
