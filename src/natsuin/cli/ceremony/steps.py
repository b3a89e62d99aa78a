"""The kinds of ceremony, step by step."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn as Bar
from rich.progress import Progress, TextColumn, TimeRemainingColumn

from natsuin.cli.ceremony.dialogue import hand_out, take_in, take_in_a_set, write_out
from natsuin.cli.ceremony.plan import ON_WRAPPING_KEYS, Plan
from natsuin.cli.ceremony.transcript import Transcript
from natsuin.clock import SystemClock
from natsuin.config import Config
from natsuin.errors import NatsuinError
from natsuin.key_backup import split
from natsuin.key_management import MasterKey, RotationProgress
from natsuin.sam.ceremonies import Held, abandon, holding_sam, present_master, recover, rotate
from natsuin.sam.untold_rotation import Facts
from natsuin.sam.wrapping_ceremonies import make_wrapping_key, retire_wrapping_key, unfinished_wrapping_key


def carry_out(config: Config, plan: Plan, transcript: Transcript, shares_to: Path | None) -> None:
    """Do what the plan says and note it. Raises what the steps refuse; what was interrupted may then be run again."""
    facts = Facts(
        kind=plan.kind,
        plan_sha256=plan.sha256,
        threshold=plan.threshold,
        custodians=tuple(plan.custodians),
        witnesses=tuple(plan.witnesses),
    )
    if plan.kind == "recover":
        recover(config, take_in(plan.threshold))
        transcript.note(f"{plan.threshold} shares gave this database's master key; it is in its file")
    elif plan.kind == "rotate":
        _rotate(config, facts, transcript)
    elif plan.kind == "abandon":
        _abandon(config, facts, transcript)
    with _owing_shares(plan), holding_sam(config, unfinished=_unfinished(config, plan)) as held:

        def tell() -> None:
            transcript.note(f"the signing log has it as entry {held.tell(facts)}")

        if plan.kind in ON_WRAPPING_KEYS:
            held.require_shares_made()
            held.require_custodians(take_in(plan.threshold))
            transcript.note(f"{plan.threshold} shares gave this database's present master key")
            (_wrapping if plan.kind == "wrapping" else _retire_wrapping)(held, plan, transcript, tell)
            return
        tell()
        if plan.kind in ("split", "rotate"):
            # After the entry: whoever breaks off when a share is on the screen has it, and the log says so.
            _share(present_master(config), plan, transcript, shares_to)


def _unfinished(config: Config, plan: Plan) -> str:
    """The wrapping key that the plan goes on with; or, where its custodians need shares or the master key first, the
    one whose ceremony waits for that."""
    if plan.kind in ("split", "recover"):
        return unfinished_wrapping_key(config, SystemClock())
    return plan.wrapping_key


@contextmanager
def _owing_shares(plan: Plan) -> Iterator[None]:
    """After a rotation: tell what it has come to, when sam cannot be opened to hand out shares."""
    try:
        yield
    except NatsuinError as error:
        if plan.kind == "rotate":
            error.hint = f"{error.hint} {_OWED}".strip()
        raise


_OWED = (
    "The master key is changed already, and its shares are not handed out: when this is mended, hold a ceremony "
    "`split` with the same custodians."
)


@contextmanager
def _shown_progress() -> Iterator[RotationProgress]:
    columns = (TextColumn("{task.description:22}"), Bar(), TextColumn("{task.completed}/{task.total}"))
    bars, tasks = Progress(*columns, TimeRemainingColumn()), {}

    def progress(table: str, done: int, total: int) -> None:
        # Not before there is something to show: shares are typed until then.
        bars.start()
        if table not in tasks:
            tasks[table] = bars.add_task(table, total=total)
        bars.update(tasks[table], completed=done)

    try:
        yield progress
    finally:
        bars.stop()


def _rotate(config: Config, facts: Facts, transcript: Transcript) -> None:
    with _shown_progress() as progress:
        rotated = rotate(config, facts, take_in_a_set, progress)
    if rotated.custodians:
        transcript.note("shares gave the master key that is replaced")
    else:
        transcript.note("no custodians of the key that is replaced are on record; no share was asked for")
    transcript.note(f"there is a new master key; rows put under it in this run: {_counts(rotated.rows)}")
    transcript.note("the file of the old master key is replaced; destroy every other copy, and the shares, of the old")


def _abandon(config: Config, facts: Facts, transcript: Transcript) -> None:
    with _shown_progress() as progress:
        rows = abandon(config, facts, progress)
    transcript.note(f"the change was taken back; rows put under the present master key again: {_counts(rows)}")
    transcript.note("the present master key stays, with its shares; there were no shares of the one that was to follow")


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{table} {count}" for table, count in sorted(rows.items()) if count) or "none were left"


def _wrapping(held: Held, plan: Plan, transcript: Transcript, tell: Callable[[], None]) -> None:
    replaced = make_wrapping_key(held, plan.wrapping_key, plan_sha256=plan.sha256, tell=tell)
    if not replaced:
        transcript.note(f"the wrapping key {plan.wrapping_key} was made before, by a run of this plan or of another")
        return
    transcript.note(f"the token made the wrapping key {plan.wrapping_key}, and a key under it came back and signed")
    transcript.note(f"it is the present one; what lies under {replaced} still opens")
    transcript.note("have the token's backup hold it before sam is started")


def _retire_wrapping(held: Held, plan: Plan, transcript: Transcript, tell: Callable[[], None]) -> None:
    if not retire_wrapping_key(held, plan.wrapping_key, plan_sha256=plan.sha256, tell=tell):
        transcript.note(f"the wrapping key {plan.wrapping_key} was destroyed before")
        return
    transcript.note(f"nothing lay under the wrapping key {plan.wrapping_key}; the token destroyed it")
    transcript.note("destroy it in every backup of the token as well")


def _share(master: MasterKey, plan: Plan, transcript: Transcript, shares_to: Path | None) -> None:
    shares = split(master, threshold=plan.threshold, shares=len(plan.custodians))
    for name, share in zip(plan.custodians, shares, strict=True):
        if shares_to is None:
            hand_out(name, share.number, share.set_name, share.words)
            transcript.note(f"{name} wrote down share {share.number} of set {share.set_name} and read words back")
        else:
            file = write_out(shares_to, name, share.number, share.set_name, share.words)
            click.echo(f"Share {share.number} for {name}: {file}")
            transcript.note(f"share {share.number} of set {share.set_name}, for {name}, is in the file {file.name}")
