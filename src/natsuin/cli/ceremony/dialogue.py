"""What custodians see and type. One after the other comes to the screen; each share is shown once."""

import secrets
from collections.abc import Sequence
from pathlib import Path

import click

from natsuin.cli.ceremony.plan import Plan
from natsuin.errors import Conflict

_CHECKS = 3
_COLUMNS = 4


def agree(plan: Plan, given: str | None) -> None:
    """Show the plan and have its hash typed from the reviewed paper, or compare the one given on the command line.

    Raises:
        Conflict: it is another plan.
    """
    click.echo(f"\n{plan.text}\nSHA-256 of this plan: {plan.sha256}\n")
    typed = given or click.prompt("Type the first 8 characters of the SHA-256 that was reviewed")
    if len(typed) < 8 or not plan.sha256.startswith(typed.strip().lower()):
        raise Conflict("this is not the plan that was reviewed", hint="Nothing was done.")


def hand_out(name: str, number: int, set_name: str, words: Sequence[str]) -> None:
    """Show one share to its custodian, have three of its words typed back, and take it off the screen."""
    click.echo(f"\nShare {number} of set {set_name} is for: {name}")
    click.prompt("Only this person looks at the screen now. Press Enter", default="", show_default=False)
    width = max(len(word) for word in words) + 6
    for start in range(0, len(words), _COLUMNS):
        row = enumerate(words[start : start + _COLUMNS], start + 1)
        click.echo("".join(f"{place:2} {word}".ljust(width) for place, word in row))
    click.prompt("Written down, with number and set? Press Enter", default="", show_default=False)
    click.clear()
    for place in sorted(secrets.SystemRandom().sample(range(len(words)), _CHECKS)):
        while click.prompt(f"Word {place + 1} from the paper").strip().lower() != words[place]:
            click.echo("That is not the word. Compare with the paper; what cannot be read back is worth nothing.")


def write_out(folder: Path, name: str, number: int, set_name: str, words: Sequence[str]) -> Path:
    """Write one share into a file of its own, mode 0600, to be carried away by its custodian."""
    file = folder / f"share-{set_name}-{number}.txt"
    file.touch(mode=0o600, exist_ok=False)
    lines = [f"{place:2} {word}" for place, word in enumerate(words, 1)]
    file.write_text(f"Natsuin master key, share {number} of set {set_name}, for {name}\n\n" + "\n".join(lines) + "\n")
    return file


def take_in(threshold: int) -> list[str]:
    """As many shares as are needed, each typed by its custodian and checked at once; what is typed is not shown."""
    from natsuin.key_backup import SharesRefused, check_share

    taken: list[str] = []
    while len(taken) < threshold:
        typed = click.prompt(f"Share {len(taken) + 1} of {threshold}, all its words in order", hide_input=True)
        try:
            share = check_share(typed)
        except SharesRefused as refusal:
            click.echo(f"{refusal.message}. {refusal.hint}")
            continue
        if share in taken:
            click.echo("That share was given already.")
            continue
        taken.append(share)
    return taken
