"""Make `.venv`, with the command `natsuin` in it, from nothing but Python, and install what is missing.

    python3 scripts/setup.py run     what `make run` and `make demo` need: Python packages and web assets
    python3 scripts/setup.py test    also what `make test` and `make check` need: development packages, Debian's tools

Every package comes from the index that this machine is set to, and only with the hash written in `requirements/`. Run
again it does nothing, unless one of the inputs changed. This file needs Python 3.11 and the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin/python"
UV = ENVIRONMENT / "bin/uv"

DEBIAN_PACKAGES = {
    "chromium": "chromium",
    "poppler-utils": "pdfsig",
    "qpdf": "qpdf",
    "xmlsec1": "xmlsec1",
    "openssl": "openssl",
    "strace": "strace",
    "golang-go": "go",
    "golang-golang-x-mod-dev": "/usr/share/gocode/src/golang.org/x/mod/sumdb",
    "gcc": "gcc",
    "libc6-dev": "/usr/include/dlfcn.h",
    "softhsm2": "softhsm2-util",
    "libnss3-tools": "certutil",
    "postgresql": "pg_ctlcluster",
    "fonts-noto-cjk": "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
}
"""Debian package -> a command or file by which its presence shows. Only the tests use them."""


class SetupFailed(Exception):
    """Setting up cannot go on; the message says what to do."""


def run(*command: str | Path, **variables: str) -> None:
    """Run a command and stop setting up when it fails."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables}
    environment.pop("VIRTUAL_ENV", None)
    try:
        subprocess.run([str(part) for part in command], cwd=ROOT, env=environment, check=True)  # noqa: S603
    except subprocess.CalledProcessError as failure:
        raise SetupFailed(f"this command failed: {' '.join(str(part) for part in command)}") from failure


def fingerprint(*names: str) -> str:
    """One value for the contents of the files `names`, for this Python and for this place."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}\0{ROOT}\0".encode())
    for name in names:
        content = (ROOT / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def once(stage: str, *inputs: str) -> bool:
    """Whether `stage` must be done, because it was never finished with these inputs."""
    stamp = ENVIRONMENT / f".setup-{stage}"
    return not (stamp.is_file() and stamp.read_text() == fingerprint(*inputs))


def finished(stage: str, *inputs: str) -> None:
    """Remember that `stage` was finished with these inputs."""
    (ENVIRONMENT / f".setup-{stage}").write_text(fingerprint(*inputs))


def is_usable() -> bool:
    """Whether `.venv` was made at this very place: the commands in it name their place."""
    pip = ENVIRONMENT / "bin/pip"
    return PYTHON.exists() and pip.exists() and str(ENVIRONMENT) in pip.read_text(errors="replace")


def make_environment() -> None:
    """Make `.venv` with the pinned uv in it."""
    if not once("uv", "requirements/uv.txt"):
        return
    print("Making .venv ...", flush=True)
    if not is_usable():
        try:
            venv.create(ENVIRONMENT, clear=True, with_pip=True, symlinks=True)
        except (subprocess.CalledProcessError, ImportError):
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            install_debian(["python3-venv"])
            run(sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    run(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", "requirements/uv.txt")
    finished("uv", "requirements/uv.txt")


def install_packages(stage: str, *locks: str) -> None:
    """Install the packages that the lock files name."""
    if not once(stage, *locks):
        return
    print(f"Installing the packages of {', '.join(locks)} ...", flush=True)
    arguments = [argument for lock in locks for argument in ("-r", lock)]
    run(UV, "pip", "install", "--quiet", "--python", PYTHON, "--require-hashes", *arguments)
    finished(stage, *locks)


def install_project() -> None:
    """Put the command `natsuin` into `.venv`, running from this folder's sources."""
    inputs = ("pyproject.toml", "requirements/build.txt")
    if not once("project", *inputs) and (ENVIRONMENT / "bin/natsuin").exists():
        return
    print("Installing natsuin ...", flush=True)
    run(UV, "pip", "install", "--quiet", "--python", PYTHON, "--no-deps", "--no-build-isolation", "--editable", ".")
    finished("project", *inputs)


def missing_from_debian() -> list[str]:
    """Debian packages whose command or file is not there."""
    return [
        package
        for package, proof in DEBIAN_PACKAGES.items()
        if not (Path(proof).exists() if proof.startswith("/") else shutil.which(proof))
    ]


def install_debian(packages: list[str]) -> None:
    """Install Debian packages, as root; otherwise say what to install."""
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise SetupFailed(
            f"these tools are missing: {', '.join(packages)} (Debian's names).\n"
            f"Install them, for example with: sudo {' '.join(command)}\nThen run make again."
        )
    print(f"Installing from Debian: {' '.join(packages)} ...", flush=True)
    run("apt-get", "update", "--quiet=2")
    run(*command, "--quiet=2", DEBIAN_FRONTEND="noninteractive")


def set_up(goal: str) -> None:
    """Do whatever `goal` still lacks."""
    make_environment()
    install_packages("run", "requirements/run.txt", "requirements/build.txt")
    install_project()
    run(PYTHON, "scripts/build_assets.py")
    if goal == "test":
        install_packages("dev", "requirements/dev.txt")
        if missing := missing_from_debian():
            install_debian(missing)


def main() -> int:
    """Set up for the goal named on the command line; exit status 1 when something must be done by hand first."""
    goals = ("run", "test")
    if len(sys.argv) != 2 or sys.argv[1] not in goals:
        print(f"usage: python3 scripts/setup.py {{{'|'.join(goals)}}}", file=sys.stderr)
        return 2
    try:
        set_up(sys.argv[1])
    except SetupFailed as failure:
        print(f"setup: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036  (an old Python must get this message, not a syntax error later)
        sys.exit("setup: Natsuin needs Python 3.11 or later; name one with: make PYTHON=python3.11 ...")
    sys.exit(main())
