"""A checker of signing logs that shares nothing with Natsuin: Go's own library, from Debian's packages.

Other tests use it: `from conformance.log.go_checker import check_log_with_go`.
"""

import atexit
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("main.go")


class GoRefused(Exception):
    """The Go checker found the log, the receipt or the older checkpoint wrong; the text is what it said."""


@dataclass(frozen=True)
class GoReport:
    """What the Go checker verified: `size` entries under `tiles` tiles in `shards` shards; `root` (base64) is that of
    the newest."""

    size: int
    tiles: int
    root: str
    shards: int = 1


@cache
def go_checker() -> Path:
    """The program, built once for each state of its source; several test processes may ask for it at once."""
    # Debian's compiler comes with a compiled standard library, so it is preferred to another one that is found first.
    compiler = next((path for path in ("/usr/lib/go/bin/go", shutil.which("go")) if path and Path(path).exists()), None)
    if compiler is None or not Path("/usr/share/gocode/src/golang.org/x/mod/sumdb").is_dir():
        raise RuntimeError(
            "The Debian packages golang-go and golang-golang-x-mod-dev are needed; make test installs them."
        )
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"natsuin-log-checker-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise RuntimeError("The folder for the Go checker belongs to somebody else.")
    program = folder / f"check-{digest}"
    if not program.exists():
        settings = {
            "GO111MODULE": "off",
            "GOPATH": "/usr/share/gocode",
            "GOCACHE": str(folder / "cache"),
            "GOFLAGS": "",
        }
        building = folder / f"check-{digest}.{os.getpid()}"
        built = subprocess.run(
            [compiler, "build", "-o", building, SOURCE],
            env={**os.environ, **settings, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
            capture_output=True,
            text=True,
        )
        if built.returncode != 0:
            raise RuntimeError(f"The Go checker does not build: {built.stderr}")
        building.rename(program)
    return program


class GoChecker:
    """One process of the program that answers many questions, some milliseconds each. For one thread at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [go_checker(), "-each"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def check(self, folder: Path, vkey: str, **more: Any) -> GoReport:
        """As `check_log_with_go`; `more` are further fields of the question. Raises `GoRefused`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"log": str(folder), "vkey": vkey, **more}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().rstrip("\n")
        if not answer.startswith("+"):
            raise GoRefused(answer[1:])
        size, tiles, root, shards = answer[1:].split()
        return GoReport(int(size), int(tiles), root, int(shards))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@cache
def _running() -> GoChecker:
    """The one of this test process."""
    checker = GoChecker()
    atexit.register(checker.close)
    return checker


def check_log_with_go(
    folder: Path,
    vkey: str,
    *,
    receipt: str | None = None,
    old: str | None = None,
    witnesses: Sequence[str] = (),
    quorum: int | None = None,
) -> GoReport:
    """Check every entry and tile of the log in `folder` and of the shards that follow, and with it a receipt or an
    older checkpoint, and that `quorum` (all, unless given) of `witnesses` cosigned the newest. Raises `GoRefused`.

    The receipt's and the older checkpoint's trees must be what the log (its shard `folder`) began with.
    """
    with tempfile.TemporaryDirectory() as files:
        question: dict[str, Any] = {
            "witnesses": list(witnesses),
            "quorum": len(witnesses) if quorum is None else quorum,
        }
        for name, text in (("receipt", receipt), ("old", old)):
            if text is not None:
                path = Path(files) / name
                path.write_text(text, "utf-8")
                question[name] = str(path)
        return _running().check(folder, vkey, **question)
