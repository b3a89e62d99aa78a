"""`python -m bench.log`: writing the signing log beside the bare disk, and reading it beside bare hashing."""

import hashlib
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.bounds import durable_append
from bench.report import machine
from natsuin.clock import SystemClock
from natsuin.signing_log import LogKey, Shard, create_log, verify_log

_RESULTS = Path(__file__).parent / "results"
_TESTS = Path(__file__).parents[1] / "tests"
_ORIGIN = "bench.example.jp/log"
_TURNS = 3
_ENTRY = {"type": "intent", "v": 1, "tx": "0" * 32, "commitment": "A" * 43, "digests": ["A" * 43, "B" * 43]}


class WriteResult(msgspec.Struct, frozen=True):
    """`callers` threads that each add `batch` entries at a time and wait for each receipt. Latencies in milliseconds,
    of one call; `ratio` is of what the bare disk allows, one wait for it for each `callers * batch` entries."""

    callers: int
    batch: int
    entries_per_second: float
    fsyncs_per_second: float
    ratio: float
    p50: float
    p99: float


class ReadResult(msgspec.Struct, frozen=True):
    """A whole verification in a process of its own. `ratio` is of bare SHA-256 over the same files by one thread,
    `peak` the process's memory at its highest, in MB."""

    entries: int
    entries_per_second: float
    ratio: float
    peak: float


class GrowthResult(msgspec.Struct, frozen=True):
    """Opening a log of `entries` entries and writing to it, 256 at a time, in a process of its own. `opening` in
    milliseconds, `peak` the process's memory at its highest, in MB."""

    entries: int
    opening: float
    entries_per_second: float
    peak: float


class LogBenchReport(msgspec.Struct, frozen=True):
    """One run. `simulated` and `growth` are of logs in which each bundle is the same file: the work on them is that on
    any other, the disk is spared."""

    date: str
    machine: dict[str, str]
    writing: list[WriteResult]
    reading: list[ReadResult]
    simulated: list[ReadResult]
    growth: list[GrowthResult]


@click.command()
@click.option("--quick", is_flag=True, help="Seconds instead of minutes, with less to rely on.")
@click.option(
    "--large", is_flag=True, help="Verify a log of ten million entries as well: 6 GB of disk, some 15 minutes."
)
@click.option("--name", default="log-latest", show_default=True, help="Name of the result file.")
def main(*, quick: bool, large: bool, name: str) -> None:
    """Measure the signing log."""
    sys.setswitchinterval(0.0001)
    console = Console()
    told = machine()
    sizes = [10_000, 20_000] if quick else [100_000, 1_000_000, *([10_000_000] if large else [])]
    simulated = [20_000] if quick else [1_000_000, 10_000_000]
    shapes = [(1, 1), (1, 16), (1, 256), (64, 1)]
    writing, reading = [], []
    with Progress(console=console, transient=True) as bars:
        task = bars.add_task("", total=len(shapes) + len(sizes))
        for callers, batch in shapes:
            bars.update(task, description=f"{callers} callers, {batch} entries at a time")
            writing.append(_measure_writing(callers, batch, seconds=0.5 if quick else 4))
            bars.advance(task)
        for size in sizes:
            bars.update(task, description=f"verify {size:,} entries")
            reading.append(_measure_reading(size))
            bars.advance(task)
        same, growth = [], []
        for size in simulated:
            bars.update(task, description=f"{size:,} entries, simulated")
            read, grown = _measure_simulated(size)
            same.append(read)
            growth += grown
    found = LogBenchReport(SystemClock().now().date().isoformat(), told, writing, reading, same, growth)
    _show(found, console)
    file = _RESULTS / f"{name}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    console.print(f"\nKept in {file}")


@contextmanager
def _log() -> Iterator[Shard]:
    """A log in a folder of its own, on the disk that `durable_append` is measured on."""
    folder = Path(tempfile.mkdtemp(prefix="natsuin-bench-"))
    private = Ed25519PrivateKey.generate()
    key = LogKey(private.public_key().public_bytes_raw(), private.sign)
    try:
        create_log(folder / "log", folder / "state.sqlite", origin=_ORIGIN, key=key)
        log = Shard.open(folder / "log", folder / "state.sqlite", origin=_ORIGIN, key=key, clock=SystemClock())
        try:
            yield log
        finally:
            log.close()
    finally:
        shutil.rmtree(folder)


def _measure_writing(callers: int, batch: int, *, seconds: float) -> WriteResult:
    """The median of a few turns, each beside the bare disk just before it."""
    turns = [_write_for(callers, batch, seconds=seconds / _TURNS) for _ in range(_TURNS)]
    return sorted(turns, key=lambda turn: turn.ratio)[len(turns) // 2]


def _write_for(callers: int, batch: int, *, seconds: float) -> WriteResult:
    fsyncs = 1 / durable_append(seconds / 2).wall
    entries = [dict(_ENTRY) for _ in range(batch)]
    with _log() as log, ThreadPoolExecutor(callers) as pool:
        log.add_all(entries)
        end = perf_counter() + seconds

        def caller(_: int) -> list[float]:
            taken = []
            while (begun := perf_counter()) < end:
                log.add_all(entries)
                taken.append((perf_counter() - begun) * 1e3)
            return taken

        begun = perf_counter()
        taken = [one for some in pool.map(caller, range(callers)) for one in some]
        rate = len(taken) * batch / (perf_counter() - begun)
    return WriteResult(
        callers,
        batch,
        rate,
        fsyncs,
        rate / (fsyncs * callers * batch),
        median(taken),
        quantiles(taken, n=100, method="inclusive")[98],
    )


def _measure_reading(size: int) -> ReadResult:
    folder = Path(tempfile.mkdtemp(prefix="natsuin-bench-"))
    try:
        made = _run("rigs.synthetic_log", str(size), str(folder / "log"))
        took, peak, entries = _run("bench.log", "verify", str(folder / "log"), made.strip()).split()
        bare = _bare_hashing(folder / "log")
        if int(entries) != size:
            raise AssertionError(f"{entries} entries verified of {size}")
        return ReadResult(size, size / float(took), bare / float(took), float(peak))
    finally:
        shutil.rmtree(folder)


def _measure_simulated(size: int) -> tuple[ReadResult, list[GrowthResult]]:
    """Verify a log of `size` entries that takes no disk, then write to it, and to a small one."""
    folder = Path(tempfile.mkdtemp(prefix="natsuin-bench-"))
    try:
        (folder / "small").mkdir()
        made = _run("rigs.uniform_log", str(size), str(folder)).strip()
        _run("rigs.uniform_log", "256", str(folder / "small"))
        took, peak, entries = _run("bench.log", "verify", str(folder / "log"), made).split()
        bare = _bare_hashing(folder / "log")
        growth = []
        for base, count in ((folder / "small", 256), (folder, int(entries))):
            opening, rate, most = map(float, _run("bench.log", "grow", str(base)).split())
            growth.append(GrowthResult(count, opening, rate, most))
        return ReadResult(size, size / float(took), bare / float(took), float(peak)), growth
    finally:
        shutil.rmtree(folder)


def _run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    environment = {"PYTHONPATH": f"{_TESTS}:{_TESTS.parent}:{_TESTS.parent / 'src'}"}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def _bare_hashing(folder: Path) -> float:
    """Seconds that one thread needs to read every file and hash it."""
    begun = perf_counter()
    for file in folder.rglob("*"):
        if file.is_file():
            hashlib.sha256(file.read_bytes()).digest()
    return perf_counter() - begun


def _verify(location: str, vkey: str) -> None:
    begun = perf_counter()
    report = verify_log(location, vkey)
    took = perf_counter() - begun
    print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, report.entries)


def _grow(base: str) -> None:
    """Open the log of `rigs.uniform_log` and write to it for two seconds."""
    from rigs.uniform_log import ORIGIN, uniform_key

    folder, clock, begun = Path(base), SystemClock(), perf_counter()
    log = Shard.open(folder / "log", folder / "state.sqlite", origin=ORIGIN, key=uniform_key(), clock=clock)
    opening, entries, count = (perf_counter() - begun) * 1e3, [dict(_ENTRY) for _ in range(256)], 0
    end = perf_counter() + 2
    while perf_counter() < end:
        log.add_all(entries)
        count += len(entries)
    log.close()
    print(opening, count / 2, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _show(found: LogBenchReport, console: Console) -> None:
    table = Table("callers", "entries at a time", "entries/s", "fsyncs/s", "of the bound", "p50", "p99")
    for one in found.writing:
        table.add_row(
            str(one.callers),
            str(one.batch),
            f"{one.entries_per_second:,.0f}",
            f"{one.fsyncs_per_second:,.0f}",
            f"{one.ratio:.0%}",
            f"{one.p50:.2f} ms",
            f"{one.p99:.2f} ms",
        )
    console.print(table)
    table = Table("entries", "verified/s", "of bare hashing", "memory at most")
    for read in (*found.reading, *found.simulated):
        table.add_row(
            f"{read.entries:,}", f"{read.entries_per_second:,.0f}", f"{read.ratio:.1%}", f"{read.peak:.0f} MB"
        )
    console.print(table)
    table = Table("a log of", "opened in", "entries/s, 256 at a time", "memory at most")
    for grown in found.growth:
        table.add_row(
            f"{grown.entries:,}", f"{grown.opening:.0f} ms", f"{grown.entries_per_second:,.0f}", f"{grown.peak:.0f} MB"
        )
    console.print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["verify"]:
        _verify(*sys.argv[2:4])
    elif sys.argv[1:2] == ["grow"]:
        _grow(sys.argv[2])
    else:
        main()
