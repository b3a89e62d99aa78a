"""Real operating system users of the test's own, by number, and a place where they can run the program under test.

Root is needed to become somebody else. Where the program lies in a folder that only root may enter, such as root's
home, the processes get a view of the file system (mount_namespaces(7)) in which that folder can be passed; nothing
outside changes.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import natsuin

WEB, SAM, STRANGER = 61_234, 61_235, 61_236
"""Numbers that no user of this host has; each is its own group."""


def _closed_folders() -> dict[Path, set[Path]]:
    """Folders that others cannot enter, above what the program needs, and what is needed below each."""
    needed = {Path(sys.prefix), Path(sys.base_prefix), Path(natsuin.__file__).parents[1], Path(__file__).parents[2]}
    closed: dict[Path, set[Path]] = {}
    for path in needed | {path.resolve() for path in needed}:
        for folder in (*reversed(path.parents), path):
            if folder.is_dir() and not folder.stat().st_mode & 0o001:
                closed.setdefault(folder, set()).add(path)
                break
    return closed


def reachable() -> list[str]:
    """What to put before a command so that any user can run the program in it."""
    steps = ["set -e"]
    for number, (folder, needed) in enumerate(sorted(_closed_folders().items())):
        kept = {10 + 10 * number + place: shlex.quote(str(path)) for place, path in enumerate(sorted(needed))}
        steps += [f"exec {held}< {path}" for held, path in kept.items()]
        steps.append(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(folder))}")
        for held, path in kept.items():
            steps.append(f"mkdir -p {path} && mount --no-canonicalize --bind /proc/self/fd/{held} {path}")
            steps.append(f"exec {held}<&-")
    if len(steps) == 1:
        return []
    return ["unshare", "--mount", "bash", "-c", "\n".join([*steps, 'exec "$@"']), "bash"]


def run_as(user: int, script: str, *arguments: object, groups: str = "") -> Any:
    """What a Python script prints as JSON when it runs as `user`, in the user's own group, with nothing of root's."""
    command = [
        *reachable(),
        "setpriv",
        f"--reuid={user}",
        f"--regid={user}",
        *([f"--groups={groups}"] if groups else ["--clear-groups"]),
        "--no-new-privs",
        "--inh-caps=-all",
        sys.executable,
        "-c",
        script,
        *map(str, arguments),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike those that pytest makes. Fails where there are no other users."""
    if os.geteuid() != 0:
        pytest.fail("This test needs root, to run web and sam as two other users: run it with sudo or in a container.")
    folder = Path(tempfile.mkdtemp(prefix="natsuin-users-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
