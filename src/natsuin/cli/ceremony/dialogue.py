"""What custodians see and type. One after the other comes to the screen; each share is shown once."""

import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from natsuin.cli.ceremony.plan import Plan
from natsuin.errors import Conflict, StorageFailed

_CHECKS = 3
_COLUMNS = 4
_ERASE_SCROLLED = "\033[3J"
"""Erase Saved Lines, as xterm has it and most terminals after it."""


def agree(plan: Plan, given: str | None) -> None:
    """Show the plan and have its hash typed from the reviewed paper, or compare the one given on the command line.

    All of it: whoever writes a plan easily finds two that begin alike. It is on the screen only afterwards, so that it
    comes from the paper. Blanks do not count.

    Raises:
        Conflict: it is another plan.
    """
    click.echo(f"\n{plan.text}")
    typed = given or click.prompt("Type the SHA-256 that was reviewed, all 64 characters")
    agreed = "".join(typed.split()).lower() == plan.sha256
    click.echo(f"SHA-256 of this plan: {plan.sha256}\n")
    if not agreed:
        raise Conflict(
            "this is not the plan that was reviewed",
            hint="Nothing was done. Compare the plan above with the paper. One that was changed is reviewed anew.",
        )


def hand_out(name: str, number: int, set_name: str, words: Sequence[str]) -> None:
    """Show one share to its custodian, have three of its words typed back, and take it off the screen."""
    click.echo(f"\nShare {number} of set {set_name} is for: {name}")
    click.prompt("Only this person looks at the screen now. Press Enter", default="", show_default=False)
    width = max(len(word) for word in words) + 6
    for start in range(0, len(words), _COLUMNS):
        row = enumerate(words[start : start + _COLUMNS], start + 1)
        click.echo("".join(f"{place:2} {word}".ljust(width) for place, word in row))
    click.prompt("Written down, with number and set? Press Enter", default="", show_default=False)
    _wipe()
    for place in sorted(secrets.SystemRandom().sample(range(len(words)), _CHECKS)):
        while click.prompt(f"Word {place + 1} from the paper").strip().lower() != words[place]:
            click.echo("That is not the word. Compare with the paper; what cannot be read back is worth nothing.")
    _wipe()


def _wipe() -> None:
    """Nothing is left for the next person: not on the screen, and not above it, where a terminal can be scrolled to."""
    click.clear()
    if sys.stdout.isatty():
        click.echo(_ERASE_SCROLLED, nl=False)


def require_place(folder: Path) -> None:
    """Raise `StorageFailed` if no file can be made in `folder`: known before anything is done, that costs nothing."""
    try:
        with tempfile.TemporaryFile(dir=folder) as tried:
            tried.write(bytes(4096))
            tried.flush()
    except OSError as error:
        raise StorageFailed(
            f"nothing can be written into {folder}: {error.strerror}", hint="Nothing was done. Name another folder."
        ) from error


def write_out(folder: Path, name: str, number: int, set_name: str, words: Sequence[str]) -> Path:
    """Write one share into a file of its own, mode 0600, to be carried away by its custodian. Durable on
    return. Raises `StorageFailed`."""
    file = folder / f"share-{set_name}-{number}.txt"
    lines = [f"{place:2} {word}" for place, word in enumerate(words, 1)]
    text = f"Natsuin master key, share {number} of set {set_name}, for {name}\n\n" + "\n".join(lines) + "\n"
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise StorageFailed(
            f"the share for {name} cannot be written: {error.strerror}",
            hint="Destroy those that were, and hold a ceremony `split`: without it nobody has shares of this key.",
        ) from error
    return file


def take_in(threshold: int) -> list[str]:
    """As many shares as are needed, each typed by its custodian and checked at once; what is typed is not shown."""
    taken: list[str] = []
    while len(taken) < threshold:
        _take_one(taken, f"Share {len(taken) + 1} of {threshold}")
    return taken


def take_in_a_set() -> list[str]:
    """Shares of the present key, as many as the first says that its set needs: a rotation's plan has the number for
    the new set, which may be another. One that lies about it gives no key."""
    from natsuin.key_backup import threshold_of

    click.echo("\nThe present master key has custodians. It is changed when their shares give it.")
    click.echo("If too few of them are left, break off here (Ctrl-C), and see docs/ceremonies.md.")
    taken: list[str] = []
    while not taken:
        _take_one(taken, "Share 1 of the present key")
    needed = threshold_of(taken[0])
    while len(taken) < needed:
        _take_one(taken, f"Share {len(taken) + 1} of {needed} of the present key")
    return taken


def _take_one(taken: list[str], which: str) -> None:
    """Ask once, and add what was typed if it is a share and another one."""
    from natsuin.key_backup import SharesRefused, check_share

    typed = click.prompt(f"{which}, all its words in order", hide_input=True)
    try:
        share = check_share(typed)
    except SharesRefused as refusal:
        click.echo(f"{refusal.message[:1].upper()}{refusal.message[1:]}. {refusal.hint}")
        return
    if share in taken:
        click.echo("That share was given already.")
        return
    taken.append(share)
