"""`natsuin log evidence`: the evidence of one signature as a court gets it, under one checkpoint of the public log."""

import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_reading import FILE, of_a_log, read_checkpoint_file, read_text, verdicts

if TYPE_CHECKING:
    from natsuin.signing_log import PublicLog


@click.command()
@of_a_log
@click.option("--evidence", "file", type=FILE, required=True, help="evidence.json, as the signer downloads it.")
@click.option("--document", type=FILE, help="The signed PDF, whose time-stamp is taken over.")
@click.option("--checkpoint", type=FILE, help="Prove under this checkpoint, such as one with cosignatures.")
@click.option(
    "--close",
    type=click.Choice(["approval", "uses"]),
    multiple=True,
    help="Leave out the opening of these entries; may be repeated.",
)
@click.option("--withhold", multiple=True, help="Close this field, such as client, in every opening; may be repeated.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
@click.pass_context
def evidence(context: click.Context, /, location: str, vkey: str, **options: Any) -> None:
    """Bring evidence up to date from the public log: every entry is looked up and proved under one checkpoint, with all
    signatures that the checkpoint carries; the time-stamp of the document is added.

    Exit status: 0 made, 1 the log does not hold what the evidence says, 2 that cannot be told.
    """
    from natsuin.signing_log import PublicLog

    with verdicts(context):
        vkey = verifier_key(vkey)
        content = read_text(options["file"])
        told = _parse(content)
        document, checkpoint = options["document"], options["checkpoint"]
        if document is not None:
            told["time_stamps"] = _time_stamps(content, vkey, document)
        note = None if checkpoint is None else read_checkpoint_file(checkpoint, vkey)
        with PublicLog(location, vkey, checkpoint=note) as log:
            _prove_again(told, log)
        told["log_vkey"] = vkey
        _close(told, options["close"])
        _withhold(told, options["withhold"])
        text = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
        if options["out"] is None:
            click.echo(text, nl=False)
        else:
            options["out"].write_text(text, "utf-8")


def _parse(content: str) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except RecursionError as error:
        raise ValueError("the evidence is nested too deeply") from error
    uses = told.get("uses") if isinstance(told, dict) else None
    if not isinstance(uses, list) or not all(isinstance(each, dict) for each in uses):
        raise ValueError("this is no evidence")
    return dict(told)


def _time_stamps(content: str, vkey: str, document: Path) -> list[str]:
    from natsuin.validation import read_evidence, time_stamps_of

    case = read_evidence(content.encode(), vkey, [], document=document.read_bytes())
    return [b64encode(each).decode() for each in time_stamps_of(case)]


def _prove_again(told: dict[str, Any], log: "PublicLog") -> None:
    """Replace every receipt by one under the log's checkpoint."""
    approved = told.get("approved_entry")
    holders = [(use, name) for use in told["uses"] for name in ("intent", "outcome") if name in use]
    if isinstance(approved, dict):
        holders.append((approved, "receipt"))
    for holder, name in holders:
        holder[name] = _again(str(holder[name]), log)


def _again(receipt: str, log: "PublicLog") -> str:
    from natsuin.signing_log import LogDamaged, parse_receipt

    earlier = parse_receipt(receipt)
    found = log.receipt(earlier.index)
    if found.leaf != earlier.extra:
        raise LogDamaged(f"the log holds another entry at {earlier.index} than the evidence")
    return found.tlog_proof()


def _close(told: dict[str, Any], what: tuple[str, ...]) -> None:
    if "approval" in what and isinstance(told.get("approved_entry"), dict):
        told["approved_entry"]["opening"] = None
    if "uses" in what:
        for use in told["uses"]:
            use.pop("opening", None)


def _withhold(told: dict[str, Any], names: tuple[str, ...]) -> None:
    from natsuin.signing_log import withhold

    for holder in (told.get("approved_entry"), *told["uses"]):
        if names and isinstance(holder, dict) and holder.get("opening") is not None:
            holder["opening"] = withhold(holder["opening"], names)
