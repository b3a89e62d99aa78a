"""`natsuin log`: what anybody can do with a signing log's public files, without asking the server that wrote them; and
what its custodian does with what the entries commit to."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_anchor import anchor, anchors
from natsuin.cli.log_copy import copy
from natsuin.cli.log_evidence import evidence
from natsuin.cli.log_find import find
from natsuin.cli.log_openings import disclose, erase
from natsuin.cli.log_prove import prove
from natsuin.cli.log_reading import FILE, of_a_log, plain, read_text, verdicts, with_witnesses
from natsuin.cli.log_rotate import rotate
from natsuin.cli.log_statement import statement
from natsuin.cli.log_uses import uses
from natsuin.cli.progress import progress_bars

if TYPE_CHECKING:
    from natsuin.signing_log import ChainReader, Cosignature, Known, LogMemory, LogReport

_KEPT_EACH_SECONDS = 2.0


@click.group()
def log() -> None:
    """Look at a signing log (署名生成ログ)."""


for _command in (prove, find, copy, evidence, statement, anchor, anchors, disclose, erase, rotate, uses):
    log.add_command(_command)


@log.command()
@of_a_log
@click.option("--since", type=FILE, help="An older checkpoint that the log must still contain.")
@click.option(
    "--remember",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep in this file what was verified, and next time read only what is new, or go on after an interruption.",
)
@click.option("--full", is_flag=True, help="With --remember: read everything once more all the same.")
@with_witnesses
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def verify(context: click.Context, /, location: str, vkey: str, **options: Any) -> None:
    """Check every entry and every hash of a log against its signed checkpoint.

    Exit status: 0 the log is valid, 1 it is not, 2 that cannot be told, or too few witnesses cosigned its checkpoint.
    """
    from natsuin.signing_log import WitnessPolicy

    since, remember = options["since"], options["remember"]
    if since is not None and remember is not None:
        raise click.UsageError("--since and --remember do not go together: the remembered checkpoint is the older one")
    older = _Older(
        context,
        since if isinstance(since, Path) else None,
        remember if isinstance(remember, Path) else None,
        full=bool(options["full"]),
    )
    with verdicts(context):
        policy = WitnessPolicy.of(list(map(verifier_key, options["witness"])), options["quorum"])
        reports = _verify_all(location, verifier_key(vkey), older)
        # The newest names the end of each before it, so that witnesses of the newest stand for all.
        cosigned = policy.require(reports[-1].checkpoint)
    if options["as_json"]:
        _print_json(reports, cosigned)
    else:
        for report in reports:
            _print(report)
        for each in cosigned:
            click.echo(f"cosigned by {plain(each.witness.name)} at {_time(each.time)}")


@dataclass(frozen=True)
class _Older:
    """What was verified before, in files that the user named: `since` is a checkpoint, `remember` what we kept."""

    context: click.Context
    since: Path | None
    remember: Path | None
    full: bool

    def memory(self, shard: str) -> "LogMemory | None":
        """Where what is known of a shard is kept: in the file itself of the first, beside it of the others."""
        from natsuin.signing_log import LogMemory

        if self.remember is None:
            return None
        return LogMemory(self.remember.with_name(f"{self.remember.name}.shard-{shard}") if shard else self.remember)

    def require_usable(self, vkeys: Sequence[str]) -> None:
        """End with 2 unless the older checkpoint is of one of these keys: what cannot be used is no verdict."""
        if self.since is not None and not any(self._opens(read_text(self.since), vkey) for vkey in vkeys):
            self._cannot_tell("no shard of this log signed it")

    def known(self, shard: str, vkey: str) -> "Known | None":
        """What is known of a shard. What cannot be used ends the command with 2."""
        from natsuin.errors import NatsuinError
        from natsuin.signing_log import Known, parse_verifier_key

        if self.since is not None:
            older = read_text(self.since)
            return Known(older) if self._opens(older, vkey) else None
        memory = self.memory(shard)
        try:
            known = None if memory is None else memory.recall(parse_verifier_key(vkey))
        except NatsuinError as error:
            self._cannot_tell(error.message)
        return replace(known, entries=0, heads=None) if known is not None and self.full else known

    def _opens(self, checkpoint: str, vkey: str) -> bool:
        from natsuin.errors import Refused
        from natsuin.signing_log import open_checkpoint, parse_verifier_key

        key = parse_verifier_key(vkey)
        try:
            open_checkpoint(checkpoint, key)
        except Refused:
            return False
        return True

    def _cannot_tell(self, reason: str) -> NoReturn:
        click.echo(f"cannot tell: the older checkpoint is unusable: {reason}", err=True)
        self.context.exit(2)


def _verify_all(location: str, vkey: str, older: _Older) -> "list[LogReport]":
    """Every shard, oldest first, and that each goes on where the one before it was closed."""
    from natsuin.signing_log import ShardsDiverge, WholeLog

    with WholeLog.open(location, vkey) as log:
        shards = log.shards
    older.require_usable([shard.vkey for shard in shards])
    reports: list[LogReport] = []
    chains: ChainReader | None = None
    for shard in shards:
        known, memory = older.known(shard.name, shard.vkey), older.memory(shard.name)
        report, chains = _verify(str(shard.location), shard.vkey, known, memory, chains)
        if shard is not shards[-1] and (report.entries, report.root) != (shard.log.size, shard.log.root):
            raise ShardsDiverge("a closed shard of the log has grown")
        reports.append(report)
    return reports


def _verify(
    location: str, vkey: str, known: "Known | None", memory: "LogMemory | None", after: "ChainReader | None"
) -> "tuple[LogReport, ChainReader | None]":
    from natsuin.errors import Refused
    from natsuin.signing_log import verify_log

    following: tuple[str, ChainReader] | None = None
    due = time.monotonic() + _KEPT_EACH_SECONDS
    with progress_bars() as show:
        show("Checking entries", known.entries if known else 0, None)

        def begun(note: str, chains: "ChainReader") -> None:
            nonlocal following
            following = note, chains

        def progress(verified: int, total: int) -> None:
            nonlocal due
            show("Checking entries", verified, total)
            began = time.monotonic()
            if memory is not None and following is not None and began > due:
                memory.keep_part(*following)
                # The more keys there are, the longer it takes to keep their places, and the less often it is done.
                due = time.monotonic() + max(_KEPT_EACH_SECONDS, 20 * (time.monotonic() - began))

        try:
            report = verify_log(location, vkey, since=known, after=after, progress=progress, begun=begun)
        except Refused:
            # Going on behind what does not hold would call the same log valid.
            if memory is not None:
                memory.forget_part()
            raise
        except BaseException:
            # What was verified stays verified, whether the network broke off or the user.
            if memory is not None and following is not None:
                memory.keep_part(*following)
            raise
    if memory is not None and following is not None:
        memory.keep(*following)
    return report, following and following[1]


def _print(report: "LogReport") -> None:
    known = f" ({report.known} known before and not read again)" if report.known else ""
    click.echo(
        f"valid: {plain(report.origin)}\n{_counted(report.entries, 'entry', 'entries')}{known} in "
        f"{_counted(report.bundles, 'bundle', 'bundles')}, {_counted(report.tiles, 'tile', 'tiles')}\n"
        f"root {report.root.hex()}"
    )
    if report.chains_from:
        # A chain that was broken across the place where reading began would not show.
        click.echo(
            f"the chains of keys were followed from entry {report.chains_from} on only; "
            "--full follows them from the first"
        )


def _time(seconds: int) -> str:
    """A time that a witness told, which may be any number."""
    from datetime import UTC, datetime, timedelta

    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%SZ}"
    except OverflowError:
        return f"{seconds} s"


def _print_json(reports: "list[LogReport]", cosigned: "Sequence[Cosignature]") -> None:
    import json

    shards = [
        {
            "origin": report.origin,
            "entries": report.entries,
            "known": report.known,
            "chains_from": report.chains_from,
            "root": report.root.hex(),
            "checkpoint": report.checkpoint,
        }
        for report in reports
    ]
    told = {"valid": True, **shards[-1], **({"earlier": shards[:-1]} if shards[:-1] else {})}
    told["cosigned"] = [{"name": each.witness.name, "time": each.time} for each in cosigned]
    click.echo(json.dumps(told, indent=1))


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
