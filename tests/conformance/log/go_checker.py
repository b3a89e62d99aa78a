"""A checker of signing logs that shares nothing with Natsuin: Go's own library, from Debian's packages.

Other tests use it: `from conformance.log.go_checker import check_log_with_go`.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("main.go")


class GoRefused(Exception):
    """The Go checker found the log, the receipt or the older checkpoint wrong; the text is what it said."""


@dataclass(frozen=True)
class GoReport:
    """What the Go checker verified: `size` entries under `tiles` tiles give `root` (base64)."""

    size: int
    tiles: int
    root: str


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


def check_log_with_go(folder: Path, vkey: str, *, receipt: str | None = None, old: str | None = None) -> GoReport:
    """Check every entry and tile of the log in `folder`, and with it a receipt or an older checkpoint. Raises
    `GoRefused`.

    The receipt's and the older checkpoint's trees must be what the log began with.
    """
    with tempfile.TemporaryDirectory() as files:
        arguments = [go_checker(), "-log", folder, "-vkey", vkey]
        for name, text in (("receipt", receipt), ("old", old)):
            if text is not None:
                path = Path(files) / name
                path.write_text(text, "utf-8")
                arguments += [f"-{name}", path]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise GoRefused(done.stderr.strip())
    size, tiles, root = done.stdout.split()
    return GoReport(int(size), int(tiles), root)
