"""`natsuin evidence`: what an expert does with the evidence of one signature. Offline; nothing is fetched.

The judgement is `natsuin.validation.check_evidence`, a program of its own that can be carried to a machine without
Natsuin; what this command adds is the report as a PDF.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_reading import FILE, with_witnesses
from natsuin.cli.progress import progress_bars

if TYPE_CHECKING:
    from natsuin.validation import EvidenceReport, StatementReport

_TITLE_POINTS, _INDENT_POINTS = 16, 18
_MOST_READ = 512 * 1024 * 1024 + 1
"""Bytes: more than any check takes."""


@click.group()
def evidence() -> None:
    """Look at the evidence of a signature (署名の証拠)."""


@evidence.command()
@click.argument("file", type=FILE)
@click.option("--vkey", required=True, help="The log's verifier key, or a file that holds it.")
@click.option("--trust", type=FILE, multiple=True, help="Trusted root certificates, PEM; may be repeated.")
@with_witnesses
@click.option("--document", type=FILE, help="The signed PDF.")
@click.option(
    "--log",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="For the statement of a key: a folder with the log's public files, which is then read whole. "
    "`natsuin log copy` makes one.",
)
@click.option(
    "--lang", type=click.Choice(["en", "ja"]), default="en", show_default=True, help="Language of the report."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--pdf", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as a PDF, too.")
@click.pass_context
def check(context: click.Context, /, file: Path, **options: Any) -> None:
    """Check who approved what, whether the log knew, and whether it was signed: each by itself. Or, for the statement
    of a key: whether it shows everything that the key did.

    Exit status: 0 every claim holds, 1 one does not, 2 that cannot be told.
    """
    from natsuin.errors import NatsuinError
    from natsuin.validation import is_statement, judge_evidence, judge_statement, read_evidence

    document, language = options["document"], options["lang"]
    try:
        content = _read(file)
        report: EvidenceReport | StatementReport
        if is_statement(content):
            with progress_bars() as show:
                report = judge_statement(
                    content,
                    verifier_key(options["vkey"]),
                    log=options["log"],
                    witnesses=[verifier_key(each) for each in options["witness"]],
                    quorum=options["quorum"],
                    progress=lambda done, total: show("Reading the log", done, total),
                )
        else:
            case = read_evidence(
                content,
                verifier_key(options["vkey"]),
                [path.read_bytes() for path in options["trust"]],
                witnesses=[verifier_key(each) for each in options["witness"]],
                quorum=options["quorum"],
                document=None if document is None else _read(document),
            )
            report = judge_evidence(case)
        if options["pdf"] is not None:
            options["pdf"].write_bytes(_pdf(report, language))
    except (NatsuinError, OSError, ValueError) as error:
        told = ascii(str(error))[1:-1]
        click.echo(f"{'判定できません' if language == 'ja' else 'cannot tell'}: {told}", err=True)
        context.exit(2)
    click.echo(report.as_json() if options["as_json"] else report.as_text(language).rstrip("\n"))
    context.exit(report.exit_status)


def _read(path: Path) -> bytes:
    """The file, or as much of it as shows that it is too large for any check."""
    with path.open("rb") as file:
        return file.read(_MOST_READ)


def _pdf(report: "EvidenceReport | StatementReport", language: str) -> bytes:
    from natsuin.documents import TextLine, text_pdf

    title, *rows = report.as_text(language).rstrip("\n").split("\n")
    lines = [TextLine(title, size=_TITLE_POINTS)]
    for row in rows:
        inner = row.startswith("    ")
        lines.append(TextLine(row, indent=_INDENT_POINTS if inner else 0, apart=not inner and not row.startswith("  ")))
    return text_pdf(lines)
