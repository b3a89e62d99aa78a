"""A hardened process against another process of the same user: no tracing, no reading of memory, no core dump."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = 65534
CANARY = "canary-pin-184467"
_HOLD = """
import sys
{protect}
secret = "".join(["canary", "-pin-", "184467"])
print("ready", flush=True)
sys.stdin.read()
"""
_PROTECT = "from natsuin.sam.hardening import harden; harden()"
_ATTACK = """
import ctypes, os, sys
pid, canary = int(sys.argv[1]), "".join(["canary", "-pin-", "184467"]).encode()
found = []
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
library = ctypes.CDLL(None, use_errno=True)
if library.ptrace(PTRACE_ATTACH, pid, None, None) == 0:
    library.waitpid(pid, None, 0)
    library.ptrace(PTRACE_DETACH, pid, None, None)
    found.append("ptrace")
try:
    maps = open(f"/proc/{pid}/maps").read().splitlines()
    memory = open(f"/proc/{pid}/mem", "rb", 0)
    for line in maps:
        span, rights = line.split()[:2]
        if not rights.startswith("rw"):
            continue
        start, end = (int(part, 16) for part in span.split("-"))
        memory.seek(start)
        if canary in memory.read(end - start):
            found.append("mem")
            break
except OSError:
    pass
for name in ("environ", "fd", "auxv"):
    try:
        open(f"/proc/{pid}/{name}", "rb").read() if name != "fd" else os.listdir(f"/proc/{pid}/fd")
        found.append(name)
    except OSError:
        pass
print(" ".join(found))
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can start the two processes as another user.")


def as_nobody(*command: str) -> list[str]:
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]


@pytest.fixture(scope="module")
def python() -> str:
    """A Python that another user may run, with the standard library alone."""
    found = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    assert found, "A Python in /usr/bin is needed to play the other user's part."
    return found


@pytest.fixture
def hold(python: str) -> Iterator[object]:
    """`hold(protect)` starts a process of user nobody that has the canary in its memory."""
    started: list[subprocess.Popen[str]] = []
    source = Path(__file__).parents[2] / "src/natsuin"
    # pytest's own folders are closed to other users, so this one lies beside them.
    library = Path(tempfile.mkdtemp(prefix="natsuin-hardening-"))
    (library / "natsuin/sam").mkdir(parents=True)
    # Only what hardening needs, where user nobody can read it, with a log that writes nothing.
    for name in ("__init__.py", "errors.py", "sam/__init__.py", "sam/hardening.py"):
        shutil.copy(source / name, library / "natsuin" / name)
    (library / "structlog.py").write_text(
        "class L:\n    def warning(self, *a, **k): pass\ndef get_logger(*a): return L()\n"
    )
    for path in library.rglob("*"):
        path.chmod(0o755)
    library.chmod(0o755)

    def start(protect: bool) -> int:
        script = _HOLD.format(protect=_PROTECT if protect else "")
        process = subprocess.Popen(
            as_nobody(python, "-c", script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=library,
            env={"PYTHONPATH": str(library), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait()
    shutil.rmtree(library)


def attack(python: str, victim: int) -> set[str]:
    result = subprocess.run(
        as_nobody(python, "-c", _ATTACK, str(victim)), capture_output=True, text=True, timeout=60, check=True
    )
    return set(result.stdout.split())


def test_same_user_cannot_look_inside(hold: object, python: str) -> None:
    assert attack(python, hold(True)) == set()  # type: ignore[operator]


def test_the_attack_works_on_a_process_that_is_not_hardened(hold: object, python: str) -> None:
    # Otherwise the test above would show nothing. Some kernels forbid tracing to everybody (Yama).
    assert attack(python, hold(False)) >= {"environ", "fd"}  # type: ignore[operator]


def test_what_is_set(hold: object) -> None:
    process = Path(f"/proc/{hold(True)}")  # type: ignore[operator]
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Umask"].strip() == "0077"
    limits = (process / "limits").read_text().splitlines()
    (core,) = [line for line in limits if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


def test_abort_leaves_no_core_dump(tmp_path: Path) -> None:
    script = "import os; from natsuin.sam.hardening import harden; harden(); os.abort()"
    before = resource.getrlimit(resource.RLIMIT_CORE)
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1])),
    )
    assert result.returncode == -6, result.stderr
    assert list(tmp_path.iterdir()) == []
