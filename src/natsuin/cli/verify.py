"""`natsuin verify`: the verdict on a signed PDF, line by line. Offline; nothing is fetched."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.verify_words import ENGLISH, JAPANESE, Words

if TYPE_CHECKING:
    from rich.console import Console

    from natsuin.validation import Line, Report

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_EXIT = {"valid": 0, "not_valid": 1, "cannot_tell": 2}
_MARKS = {"good": ("✓", "green"), "bad": ("✗", "bold red"), "unknown": ("?", "yellow")}
_LABEL_COLUMNS = 11
_LARGEST_RECEIPT = 1024 * 1024


@click.command()
@click.argument("file", type=_FILE)
@click.option("--trust", type=_FILE, multiple=True, help="Trusted root certificates, PEM or DER; may be repeated.")
@click.option("--crl", type=_FILE, multiple=True, help="Revocation lists, PEM or DER; may be repeated.")
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
    """Check the signatures of a PDF: integrity, coverage, trust, revocation, time and log, each by itself.

    Exit status: 0 validly signed, 1 not, 2 that cannot be told.
    """
    from rich.console import Console

    from natsuin.errors import NatsuinError

    words = JAPANESE if options["lang"] == "ja" else ENGLISH
    output, messages = Console(highlight=False), Console(stderr=True, highlight=False)
    try:
        report = _report(file, options)
    except (NatsuinError, OSError, ValueError) as error:
        cause, step = words.told(error)
        messages.print(f"{words.cannot_tell}: {cause}", markup=False, soft_wrap=True)
        if step:
            messages.print(step, markup=False, soft_wrap=True)
        context.exit(2)
    if options["as_json"]:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode("utf-8"))
    else:
        _print(output, report, words)
    context.exit(_EXIT[report.overall])


def _report(file: Path, options: dict[str, object]) -> "Report":
    from datetime import UTC

    from natsuin.validation import validate_pdf

    at = options["at"]
    if isinstance(at, datetime) and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    trust, lists = options["trust"], options["crl"]
    receipt, vkey = options["receipt"], options["log_vkey"]
    return validate_pdf(
        file.read_bytes(),
        trust=[der for path in (trust if isinstance(trust, tuple) else ()) for der in _certificates(path)],
        revocation_lists=[_revocation_list(path) for path in (lists if isinstance(lists, tuple) else ())],
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


def _revocation_list(path: Path) -> bytes:
    """The list in a file, DER. Raises `ValueError` when there is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    content = path.read_bytes()
    found = x509.load_pem_x509_crl(content) if b"-----BEGIN" in content else x509.load_der_x509_crl(content)
    return found.public_bytes(Encoding.DER)


def _receipt(path: Path) -> str:
    if path.stat().st_size > _LARGEST_RECEIPT:
        raise ValueError("no receipt is that large")
    return path.read_text("utf-8")


def _print(output: "Console", report: "Report", words: Words) -> None:
    from rich.cells import set_cell_size
    from rich.text import Text

    for verdict in report.signatures:
        title = words.title(verdict.field, verdict.level, verdict.signer, verdict.issuer)
        output.print(Text(title, style="bold"), soft_wrap=True)
        for name, entry in verdict.lines:
            # Japanese characters are two columns wide.
            label = set_cell_size(words.aspects.get(name, name), _LABEL_COLUMNS)
            _print_line(output, f"  {label}", entry, japanese=words is JAPANESE)
    _print_line(output, "", report.summary, japanese=words is JAPANESE)


def _print_line(output: "Console", label: str, entry: "Line", *, japanese: bool) -> None:
    from rich.text import Text

    mark, style = _MARKS[entry.status]
    text, step = (entry.text_ja, entry.next_ja) if japanese else (entry.text_en, entry.next_en)
    output.print(Text.assemble(label, (f"{mark} ", style), text), soft_wrap=True)
    if step:
        indent = " " * (_LABEL_COLUMNS + 2 if label else 0)
        output.print(Text(f"{indent}  → {step}", style="dim"), soft_wrap=True)
