"""`python -m bench`: measure, tell, keep."""

import shutil
import sys
import tempfile
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import documents, plot, report
from bench.bounds import KeyOperations, bare_http, durable_append
from bench.installation import running
from bench.signing import SigningBench, scenarios
from natsuin.clock import SystemClock

_RESULTS = Path(__file__).parent / "results"
_BODY = b'{"sad":"%s","digests":["%s"]}' % (b"A" * 43, b"A" * 43)


@click.command()
@click.option("--quick", is_flag=True, help="Less than a minute on an idle machine, with less to rely on.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=_RESULTS, help="Folder for the results."
)
@click.option("--name", default="latest", show_default=True, help="Name of the result files.")
def main(*, quick: bool, out: Path, name: str) -> None:
    """Measure signing against its bounds, and say whether the target is met."""
    # The same as in sam, so that the raw operations are not held up by Python's 5 ms.
    sys.setswitchinterval(0.0001)
    console = Console()
    found = measure(console, quick=quick)
    report.show(found, console)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    (out / f"{name}.svg").write_text(plot.svg(found))
    console.print(f"\nKept in {out / name}.json and .svg")


def measure(console: Console, *, quick: bool) -> report.Report:
    """The whole run."""
    machine = report.machine()
    keys = KeyOperations()
    wanted = scenarios(quick=quick)
    folder = Path(tempfile.mkdtemp(prefix="natsuin-bench-"))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("bounds", total=len(wanted) + 5)
            http = []
            for connections in (1, 8, 32):
                bare = bare_http(_BODY, connections=connections, requests=2000 if quick else 8000)
                rate, cpu = bare.requests / bare.seconds, bare.cpu[0] / bare.requests * 1e3
                http.append(report.HTTPBound(connections, rate, cpu))
            append = durable_append(0.5 if quick else 2)
            progress.update(task, advance=1, description="a real installation")
            with running(folder / "installation") as installation:
                bench = SigningBench(installation, keys)
                signing = []
                for scenario in wanted:
                    progress.update(task, advance=1, description=scenario.name)
                    signing.append(bench.run(scenario))
                progress.update(task, advance=1, description="documents")
                signed = list(documents.measure(installation, quick=quick))
    except Exception:
        console.print((folder / "installation" / "serve.log").read_text()[-4000:], markup=False)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report.Report(
        date=SystemClock().now().date(),
        mode="quick" if quick else "full",
        machine=machine,
        keys={algorithm: [keys.bound(algorithm, threads) for threads in (1, 2)] for algorithm in ("rsa-3072", "p-256")},
        http=http,
        durable_append=append,
        signing=signing,
        documents=signed,
        target=report.TARGET,
        verdicts=report.verdicts(signing),
    )


if __name__ == "__main__":
    main()
