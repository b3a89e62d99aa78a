"""Keeps every temporary file that a group of processes makes, and everything that they were told at their start."""

import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rigs.canaries import descendants, words_of


@dataclass
class FileKeeper:
    """Watches `folder`, which is the temporary folder of the processes, from a thread of its own.

    A file gets a second name in `kept` as soon as it is seen, so its last content stays when it is deleted. Files
    without a name are copied from the descriptors of the processes.
    """

    folder: Path
    kept: Path
    process: int = 0
    words: bytes = b""
    _names: set[int] = field(default_factory=set)
    _seen: set[tuple[int, str]] = field(default_factory=set)
    _known: set[int] = field(default_factory=set)
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def watch(self, process: int) -> None:
        """Begin, or go on with another process."""
        self.process = process
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Look a last time and end."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(30)
        self.look()

    def look(self) -> None:
        """Keep what is there now."""
        for path in self.folder.rglob("*"):
            with suppress(OSError):
                number = path.stat().st_ino
                if path.is_file() and number not in self._names:
                    os.link(path, self.kept / f"{number}-{path.name}")
                    self._names.add(number)

    def _run(self) -> None:
        turn = 0
        while not self._end.wait(0.01):
            self.look()
            turn += 1
            if turn % 40 == 0:
                self._look_at_processes()

    def _look_at_processes(self) -> None:
        family = descendants(self.process)
        self.words += words_of(family - self._known)
        self._known |= family
        for process in family:
            with suppress(OSError):
                for descriptor in Path(f"/proc/{process}/fd").iterdir():
                    self._copy_nameless(process, descriptor)

    def _copy_nameless(self, process: int, descriptor: Path) -> None:
        with suppress(OSError):
            target = str(descriptor.readlink())
            if "(deleted)" in target and (process, target) not in self._seen:
                self._seen.add((process, target))
                shutil.copyfile(descriptor, self.kept / f"nameless-{len(self._seen)}")
