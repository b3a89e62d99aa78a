"""What the commands about a log have in common: their arguments, and how they end."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
LARGEST_FILE: Final = 16 * 1024 * 1024
"""Bytes that a checkpoint, receipt or evidence file may have at most."""


def of_a_log(command: Command) -> Command:
    """Give `command` the argument LOCATION and the option `--vkey`."""
    vkey = click.option("--vkey", required=True, help="The log's verifier key, or a file that holds it.")
    return click.argument("location", metavar="PATH-OR-URL")(vkey(command))


def with_witnesses(command: Command) -> Command:
    """Give `command` the options `--witness` and `--quorum`."""
    witness = click.option(
        "--witness",
        multiple=True,
        help="The verifier key of a witness that should have cosigned, or a file with it; may be repeated.",
    )
    quorum = click.option(
        "--quorum", type=click.IntRange(min=1), help="How many of them must have cosigned.  [default: all]"
    )
    return witness(quorum(command))


def plain(text: str) -> str:
    """`text` of a log, whose operator may be hostile, as one line that a terminal shows and does not obey."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def read_text(path: Path) -> str:
    """The text in a file that a user named. Raises `OSError`, `ValueError`."""
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"{path.name} is too large")
    return content.decode("utf-8")


def read_checkpoint_file(path: Path, vkey: str) -> str:
    """The checkpoint in a file that a user named. What is none of this log's says nothing about the log.

    Raises `OSError`, `ValueError`, and `BadKey` for an unusable `vkey`.
    """
    from natsuin.errors import Refused
    from natsuin.signing_log import open_checkpoint, parse_verifier_key

    key, text = parse_verifier_key(vkey), read_text(path)
    try:
        open_checkpoint(text, key)
    except Refused as error:
        raise ValueError(f"{path.name} is no checkpoint of this log") from error
    return text


@contextmanager
def verdicts(context: click.Context) -> Iterator[None]:
    """End with 1 when a log or a proof does not hold, with 2 when that cannot be told, and say why."""
    from natsuin.errors import NatsuinError, NotFound, Refused
    from natsuin.signing_log import BadKey, BadPolicy, Unwitnessed

    # What was asked cannot be answered, or not yet: another checkpoint of the log may have more cosignatures.
    untold = (BadKey, BadPolicy, NotFound, Unwitnessed)
    try:
        yield
    except NatsuinError as error:
        refused = isinstance(error, Refused) and not isinstance(error, untold)
        click.echo(f"{'NOT VALID' if refused else 'cannot tell'}: {error.message}", err=True)
        if error.hint:
            click.echo(error.hint, err=True)
        context.exit(1 if refused else 2)
    except BrokenPipeError:
        # Whoever reads our output has seen enough, as `head` has. What is still buffered goes nowhere, quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())
        context.exit(2)
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        click.echo(f"cannot tell: a file given cannot be used: {told}", err=True)
        context.exit(2)
    except ValueError as error:
        click.echo(f"cannot tell: a file given cannot be used: {error}", err=True)
        context.exit(2)
    except KeyboardInterrupt:
        click.echo("cannot tell: interrupted", err=True)
        context.exit(2)
