"""The transcript of a ceremony: what was done, when and by whom, without any secret; to be printed and signed."""

import platform
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

from natsuin import __version__
from natsuin.cli.ceremony.plan import Plan
from natsuin.clock import Clock


@dataclass
class Transcript:
    """Lines with their times, in order. One ceremony, one thread."""

    plan: Plan
    clock: Clock
    steps: list[tuple[datetime, str]] = field(default_factory=list)

    def note(self, words: str) -> None:
        """Something was done just now."""
        self.steps.append((self.clock.now(), words))

    def write(self, folder: Path) -> Path:
        """Write it into a new file in `folder`, mode 0644, beside another of the same second. Raises `OSError`."""
        name = f"ceremony-{self.plan.kind}-{self.clock.now():%Y%m%dT%H%M%SZ}"
        for number in count(1):
            file = folder / f"{name}{f'-{number}' if number > 1 else ''}.txt"
            with suppress(FileExistsError), file.open("x", encoding="utf-8") as opened:
                opened.write(self.text())
                return file
        raise AssertionError("numbers do not end")

    def text(self) -> str:
        """All of it."""
        head = [
            f"Ceremony of the {'wrapping' if self.plan.wrapping_key else 'master'} key: {self.plan.kind}",
            f"Natsuin {__version__} on {platform.node()}, Python {platform.python_version()}, {platform.platform()}",
            f"SHA-256 of the plan: {self.plan.sha256}",
            "",
            "The plan:",
            *(f"    {line}" for line in self.plan.text.splitlines()),
            "",
            "What was done (UTC):",
            *(f"    {at:%Y-%m-%d %H:%M:%S}  {words}" for at, words in self.steps),
            "",
            "We took part, and it was done as written above.",
            "",
        ]
        roles = [("Custodian", name) for name in self.plan.custodians]
        roles += [("Witness", name) for name in self.plan.witnesses]
        lines = [f"    {role:10} {name:40} ______________________  date __________" for role, name in roles]
        return "\n".join([*head, *lines, ""])
