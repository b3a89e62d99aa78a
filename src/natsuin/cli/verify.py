"""`natsuin verify`: the verdict on a signed PDF, line by line. Offline; nothing is fetched."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natsuin.cli.arguments import verifier_key

if TYPE_CHECKING:
    from rich.console import Console

    from natsuin.validation import Line, Report, SignatureVerdict

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_EXIT = {"valid": 0, "not_valid": 1, "cannot_tell": 2}
_MARKS = {"good": ("✓", "green"), "bad": ("✗", "bold red"), "unknown": ("?", "yellow")}
_LARGEST_RECEIPT = 1024 * 1024


@click.command()
@click.argument("file", type=_FILE)
@click.option("--trust", type=_FILE, multiple=True, help="Trusted root certificates, PEM or DER; may be repeated.")
@click.option("--receipt", type=_FILE, help="The receipt of the signing log (.tlog-proof).")
@click.option("--log-vkey", help="The signing log's verifier key, or a file that holds it.")
@click.option(
    "--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d"]), help="Judge as at this time (UTC); now otherwise."
)
@click.option(
    "--lang", type=click.Choice(["en", "ja"]), default="en", show_default=True, help="Language of the verdict."
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.pass_context
def verify(context: click.Context, /, file: Path, **options: object) -> None:
    """Check the signatures of a PDF: integrity, coverage, trust, time and log, each by itself.

    Exit status: 0 validly signed, 1 not, 2 that cannot be told.
    """
    from rich.console import Console

    from natsuin.errors import NatsuinError

    output, messages = Console(highlight=False), Console(stderr=True, highlight=False)
    try:
        report = _report(file, options)
    except (NatsuinError, OSError, ValueError) as error:
        told = error.message if isinstance(error, NatsuinError) else "a file given cannot be read as what it should be"
        messages.print(f"cannot tell: {told}", markup=False, soft_wrap=True)
        if isinstance(error, NatsuinError) and error.hint:
            messages.print(error.hint, markup=False, soft_wrap=True)
        context.exit(2)
    if options["as_json"]:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode("utf-8"))
    else:
        _print(output, report, japanese=options["lang"] == "ja")
    context.exit(_EXIT[report.overall])


def _report(file: Path, options: dict[str, object]) -> "Report":
    from datetime import UTC

    from natsuin.validation import validate_pdf

    at = options["at"]
    if isinstance(at, datetime) and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    trust = options["trust"]
    receipt, vkey = options["receipt"], options["log_vkey"]
    return validate_pdf(
        file.read_bytes(),
        trust=[der for path in (trust if isinstance(trust, tuple) else ()) for der in _certificates(path)],
        at=at if isinstance(at, datetime) else None,
        receipt=_receipt(receipt) if isinstance(receipt, Path) else None,
        log_vkey=verifier_key(vkey) if isinstance(vkey, str) else None,
    )


def _certificates(path: Path) -> list[bytes]:
    """The certificates in a file, DER. Raises `ValueError` when there are none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    content = path.read_bytes()
    if b"-----BEGIN" in content:
        return [found.public_bytes(Encoding.DER) for found in x509.load_pem_x509_certificates(content)]
    return [x509.load_der_x509_certificate(content).public_bytes(Encoding.DER)]


def _receipt(path: Path) -> str:
    if path.stat().st_size > _LARGEST_RECEIPT:
        raise ValueError("no receipt is that large")
    return path.read_text("utf-8")


def _print(output: "Console", report: "Report", *, japanese: bool) -> None:
    from rich.text import Text

    for verdict in report.signatures:
        output.print(Text(_title(verdict), style="bold"), soft_wrap=True)
        for name, entry in verdict.lines:
            _print_line(output, f"  {name:<10}", entry, japanese=japanese)
    _print_line(output, "", report.summary, japanese=japanese)


def _title(verdict: "SignatureVerdict") -> str:
    who = f"{verdict.signer} (issued by {verdict.issuer})" if verdict.signer else "unknown signer"
    return f"{verdict.field}: {verdict.level}, {who}"


def _print_line(output: "Console", label: str, entry: "Line", *, japanese: bool) -> None:
    from rich.text import Text

    mark, style = _MARKS[entry.status]
    text, step = (entry.text_ja, entry.next_ja) if japanese else (entry.text_en, entry.next_en)
    output.print(Text.assemble(label, (f"{mark} ", style), text), soft_wrap=True)
    if step:
        output.print(Text(f"{' ' * len(label)}  → {step}", style="dim"), soft_wrap=True)
