"""Ceremonies through the command, in a folder of an installation, with plans and shares as files."""

import hashlib
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from rigs.forked_commands import run_forked
from rigs.invariants import entries_of
from rigs.sam_process import SamProcess

NAMES = ("Takahashi", "Suzuki", "Sato")


@dataclass
class Room:
    """Where the custodians of one installation, whose sam is stopped, meet."""

    sam: SamProcess
    folder: Path
    plans: list[str] = field(default_factory=list)
    """SHA-256 of each, oldest first."""

    def hold(
        self, kind: str, *shares: str, fault: str = "", names: tuple[str, ...] = NAMES, threshold: int = 2
    ) -> "subprocess.CompletedProcess[str]":
        """One ceremony by a plan of its own, which is deleted afterwards, killed or not; shares are in `given`."""
        from natsuin.cli.ceremony.plan import template

        for old in self.folder.glob("share-*.txt"):
            old.unlink()
        plan = self.folder / "plan.toml"
        plan.write_text(template(kind, names, threshold).replace("Write why.", f"ceremony {len(self.plans)}"))
        self.plans.append(hashlib.sha256(plan.read_bytes()).hexdigest())
        words = ["--plan-sha256", self.plans[-1], "--shares-to", str(self.folder), "--transcript-to", str(self.folder)]
        config = str(self.sam.folder / "config.toml")
        typed = "".join(f"{share}\n" for share in shares)
        ended = run_forked(["ceremony", "run", "--config", config, str(plan), *words], typed=typed, fault=fault)
        plan.unlink()
        return ended

    def done(self, kind: str, *shares: str, names: tuple[str, ...] = NAMES, threshold: int = 2) -> list[str]:
        """The same, to its end; the shares that were handed out."""
        ended = self.hold(kind, *shares, names=names, threshold=threshold)
        assert ended.returncode == 0, ended.stderr
        return self.given()

    def given(self) -> list[str]:
        """The shares that the last ceremony handed out, by number."""
        texts = [file.read_text() for file in sorted(self.folder.glob("share-*.txt"))]
        return [" ".join(re.findall(r"^ ?\d+ ([a-z]+)$", text, re.MULTILINE)) for text in texts]

    def key_files(self) -> dict[str, bytes]:
        """The master key's file and whatever a rotation leaves beside it."""
        file = self.sam.config.sam.master_key_file
        return {path.name: path.read_bytes() for path in file.parent.glob("master.key*")}

    def told(self) -> list[tuple[str, str, str]]:
        """What the log tells of ceremonies: kind, plan, and the plan with which it began where that is another."""
        found = [entry for entry in entries_of(self.sam.config.sam.log_folder) if entry["type"] == "ceremony"]
        return [(entry["kind"], entry["plan_sha256"], entry.get("began_with", "")) for entry in found]
