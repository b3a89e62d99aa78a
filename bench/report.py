"""What is told: a table in the terminal, a JSON file, and the verdict on the target."""

import platform
from datetime import date
from pathlib import Path

import cryptography
import msgspec
from cryptography.hazmat.backends.openssl import backend
from rich.console import Console
from rich.table import Table

from bench.bounds import KeyBound, busy_cores
from bench.cpu import Cost
from bench.documents import DocumentResult
from bench.signing import SigningResult

TARGET = "web and sam together, without the private-key operation itself, cost less CPU than one RSA-3072 operation"


class HTTPBound(msgspec.Struct, frozen=True):
    """The smallest answer over HTTP. CPU in milliseconds of each request."""

    connections: int
    requests_per_second: float
    cpu: float


class Verdict(msgspec.Struct, frozen=True):
    """The target, held against one scenario."""

    connections: int
    machinery_cpu: float
    allowed_cpu: float
    met: bool

    @property
    def ratio(self) -> float:
        """1 or less is within the target."""
        return self.machinery_cpu / self.allowed_cpu


class Report(msgspec.Struct, frozen=True):
    """One run."""

    date: date
    mode: str
    machine: dict[str, str]
    keys: dict[str, list[KeyBound]]
    http: list[HTTPBound]
    durable_append: Cost
    signing: list[SigningResult]
    documents: list[DocumentResult]
    target: str
    verdicts: list[Verdict]


def machine() -> dict[str, str]:
    """What it ran on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = Path("/proc/loadavg").read_text().split()[0]
    return {
        "processor": f"{model}, {busy_cores()} cores",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, {platform.machine()}",
        "python": platform.python_version(),
        "cryptography": f"{cryptography.__version__} ({backend.openssl_version_text()})",
        "load before": f"{load} processes wanted a core before the run began",
    }


def verdicts(results: list[SigningResult]) -> list[Verdict]:
    """The target is about one hash in a request with an RSA-3072 key."""
    return [
        Verdict(one.connections, one.machinery_cpu, one.warm_key_cpu, one.machinery_cpu <= one.warm_key_cpu)
        for one in results
        if one.algorithm == "rsa-3072" and one.hashes == 1 and one.approved < 1000
    ]


def show(report: Report, console: Console) -> None:
    """Print everything for people."""
    console.print(f"\n[bold]Bounds[/bold] ({', '.join(report.machine.values())})")
    _show_bounds(report, console)
    console.print("\n[bold]Signing digests approved beforehand[/bold], POST /api/signatures")
    _show_signing(report, console)
    console.print("\n[bold]Signing a PDF through the portal[/bold], milliseconds by the clock")
    _show_documents(report, console)
    console.print(f"\n[bold]Target[/bold]: {report.target}.")
    for verdict in report.verdicts:
        word = "[green]met[/green]" if verdict.met else "[red]missed[/red]"
        console.print(
            f"  {verdict.connections:>2} connections: {word}: {verdict.machinery_cpu:.2f} ms against "
            f"{verdict.allowed_cpu:.2f} ms, {verdict.ratio:.2f} of what is allowed"
        )


def _show_bounds(report: Report, console: Console) -> None:
    table = Table("operation", "threads", "CPU, ms", "with opening the key, ms", "operations/s")
    for algorithm, bounds in report.keys.items():
        for bound in bounds:
            table.add_row(
                algorithm,
                str(bound.threads),
                f"{bound.warm * 1e3:.3f}",
                f"{bound.opened * 1e3:.3f}",
                f"{bound.rate:,.0f}",
            )
    for http in report.http:
        table.add_row(
            "bare HTTP", f"{http.connections} conn.", f"{http.cpu:.3f}", "", f"{http.requests_per_second:,.0f}"
        )
    append = report.durable_append
    table.add_row("append and fdatasync", "1", f"{append.cpu * 1e3:.3f}", "", f"{1 / append.wall:,.0f}")
    console.print(table)


def _show_signing(report: Report, console: Console) -> None:
    table = Table(
        *("key", "hashes", "conn.", "approved", "requests/s", "signatures/s", "p50 ms", "p99 ms"),
        *("CPU web", "CPU sam", "of it key", "machinery", "in RSA ops", "of raw rate"),
    )
    for one in report.signing:
        table.add_row(
            one.algorithm,
            str(one.hashes),
            str(one.connections),
            str(one.approved),
            f"{one.requests_per_second:,.0f}",
            f"{one.signatures_per_second:,.0f}",
            f"{one.p50:.1f}",
            f"{one.p99:.1f}",
            f"{one.web_cpu:.2f}",
            f"{one.sam_cpu:.2f}",
            f"{one.key_cpu:.2f}",
            f"{one.machinery_cpu:.2f}",
            f"{one.machinery_cpu / _rsa_operation(report, one):.2f}",
            f"{one.signatures_per_second / one.raw_rate:.0%}",
        )
    console.print(table)


def _rsa_operation(report: Report, one: SigningResult) -> float:
    """One RSA-3072 operation in milliseconds, taken beside the scenario where that was about RSA."""
    if one.algorithm == "rsa-3072":
        return one.warm_key_cpu
    return report.keys["rsa-3072"][min(one.connections, len(report.keys["rsa-3072"])) - 1].warm * 1e3


def _show_documents(report: Report, console: Console) -> None:
    table = Table("step", *(f"{one.pages} pages, {one.bytes / 1e3:,.0f} kB" for one in report.documents))
    for step in ("upload", "instruct", "approve", "total"):
        table.add_row(step, *(f"{getattr(one, step):.0f}" for one in report.documents))
    for part in report.documents[0].alone if report.documents else ():
        table.add_row(f"[dim]alone: {part}[/dim]", *(f"[dim]{one.alone[part]:.1f}[/dim]" for one in report.documents))
    console.print(table)
