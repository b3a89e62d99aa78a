"""`natsuin ceremony`: what several people do together with the master key, by a plan that they all have read."""

import logging
import re
from pathlib import Path

import click

from natsuin.cli.supervised import config_option

KINDS = ("split", "rotate", "recover", "abandon", "wrapping", "retire-wrapping")
_folder = click.Path(file_okay=False, exists=True, path_type=Path)


@click.group()
def ceremony() -> None:
    """Split, change or recover the master key with its custodians; make or retire a token's wrapping key.

    What a ceremony prints is for the people in the room. Lines of sam's own log are shown of failures only;
    `run --show-log` shows all, on standard error.
    """
    from natsuin.logs import configure_logs

    configure_logs(least=logging.ERROR)


@ceremony.command()
@click.option("--kind", type=click.Choice(KINDS), required=True)
@click.option("--custodian", "custodians", multiple=True, required=True, help="A custodian's name; once for each.")
@click.option("--threshold", default=2, show_default=True, help="How many of them must meet.")
@click.option(
    "--wrapping-key",
    metavar="ID",
    default="",
    help="With retire-wrapping: which one, in hexadecimal. With wrapping: the one that an unfinished ceremony makes, "
    "whose plan is lost.",
)
def plan(kind: str, custodians: tuple[str, ...], threshold: int, wrapping_key: str) -> None:
    """Print a plan to be completed, read by everybody, and run."""
    from natsuin.cli.ceremony.plan import template

    if (kind == "retire-wrapping" and not wrapping_key) or (wrapping_key and not kind.endswith("wrapping")):
        raise click.UsageError("--wrapping-key goes with --kind retire-wrapping, which needs it, and --kind wrapping")
    if wrapping_key and not re.fullmatch(r"[0-9a-f]{32}", wrapping_key):
        raise click.UsageError("--wrapping-key takes a CKA_ID as `natsuin ceremony wrapping-keys` lists it")
    click.echo(template(kind, custodians, threshold, wrapping_key), nl=False)


@ceremony.command("wrapping-keys")
@config_option
def wrapping_keys(file: Path) -> None:
    """List the wrapping keys of the token, with their state and how many living keys lie under each.

    It reads the database, whether sam runs or not.
    """
    from natsuin.clock import SystemClock, from_milliseconds
    from natsuin.config import load
    from natsuin.sam.wrapping_ceremonies import wrapping_keys_on_record

    found = wrapping_keys_on_record(load(file), SystemClock())
    if not found:
        click.echo("None is on record. The first one of a token is, from sam's first start with it on.")
        return
    click.echo(f"{'CKA_ID':32}  {'state':9}  {'made':10}  signers' living keys")
    for key, count in found:
        made = from_milliseconds(key.created_at).date()
        click.echo(f"{key.identifier:32}  {key.state.value:9}  {made}  {count}")


@ceremony.command("first-wrapping-key")
@config_option
def first_wrapping_key(file: Path) -> None:
    """Make the wrapping key that section [vault] names, where keys were kept in software until now.

    sam must be stopped. `natsuin init --vault pkcs11` does this for a new installation.
    """
    from natsuin.config import load
    from natsuin.sam.wrapping_ceremonies import make_first_wrapping_key

    made = make_first_wrapping_key(load(file))
    click.echo(f"The token holds the wrapping key {made}. Have its own backup hold it before you start sam.")


@ceremony.command()
@config_option
@click.argument("plan_file", type=click.Path(path_type=Path), metavar="PLAN")
@click.option("--plan-sha256", help="The reviewed plan's SHA-256. Asked for if it is left out.")
@click.option("--shares-to", type=_folder, help="Write shares as files into this folder, instead of on the screen.")
@click.option("--transcript-to", type=_folder, default=".", help="Folder for the transcript.  [default: here]")
@click.option("--show-log", is_flag=True, help="Show all lines of sam's own log, on standard error.")
def run(
    file: Path, plan_file: Path, plan_sha256: str | None, shares_to: Path | None, transcript_to: Path, *, show_log: bool
) -> None:
    """Do what a plan says. One that was interrupted goes on when this is run again."""
    from natsuin.cli.ceremony.dialogue import agree, require_place
    from natsuin.cli.ceremony.plan import read_plan
    from natsuin.cli.ceremony.steps import carry_out
    from natsuin.cli.ceremony.transcript import Transcript
    from natsuin.clock import SystemClock
    from natsuin.config import load
    from natsuin.logs import configure_logs

    if show_log:
        configure_logs()
    config, agreed = load(file), read_plan(plan_file)
    for folder in filter(None, (shares_to, transcript_to)):
        require_place(folder)
    agree(agreed, plan_sha256)
    transcript = Transcript(agreed, SystemClock())
    transcript.note("everybody agreed to the plan by its hash")
    carry_out(config, agreed, transcript, shares_to)
    click.echo(f"\nDone. Print and sign: {transcript.write(transcript_to)}")
