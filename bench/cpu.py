"""CPU time of processes, as the kernel counted it."""

import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, thread_time

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of everything it started and that still lives (proc(5), stat)."""
    return sum(_own_seconds(number) for number in (pid, *descendants(pid)))


def descendants(pid: int) -> Iterator[int]:
    """Every living process that descends from `pid`."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def children(pid: int) -> list[int]:
    """Living processes whose parent is `pid`."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            fields = _stat(int(folder.name))
            if fields and int(fields[1]) == pid:
                found.append(int(folder.name))
    return found


def named(pid: int, word: str) -> int:
    """The child of `pid` with `word` among its arguments."""
    for child in children(pid):
        if word.encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return child
    raise LookupError(f"process {pid} has no child called {word}")


def _own_seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK_SECONDS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold blanks and brackets; none for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


@dataclass(frozen=True)
class Cost:
    """Of one call, in seconds: processor time of the calling thread, and time by the clock."""

    cpu: float
    wall: float


def cost_of(work: Callable[[], object], *, seconds: float, rounds: int = 7) -> Cost:
    """The median over `rounds` of the mean cost of a call, after one call to warm up."""
    work()
    begun = perf_counter()
    work()
    count = max(1, int(seconds / rounds / max(perf_counter() - begun, 1e-7)))
    cpu, wall = [], []
    for _ in range(rounds):
        wall_begun, cpu_begun = perf_counter(), thread_time()
        for _ in range(count):
            work()
        cpu.append((thread_time() - cpu_begun) / count)
        wall.append((perf_counter() - wall_begun) / count)
    return Cost(statistics.median(cpu), statistics.median(wall))
