"""`natsuin log anchor` and `natsuin log anchors`: time-stamps of others over a log's checkpoints, kept and renewed."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_reading import FILE, Command, of_a_log, verdicts
from natsuin.cli.progress import progress_bars

if TYPE_CHECKING:
    from cryptography import x509

    from natsuin.signing_log import AnchorFolder, PublicLog
    from natsuin.validation import RecordVerdict

Ask = Callable[[bytes, str], bytes]
"""Asks a time-stamp authority for a token (DER) over these bytes by this hash."""
_HASHES = ("sha256", "sha384", "sha512")
_FOLDER = click.Path(file_okay=False, path_type=Path)


def _of_anchors(command: Command) -> Command:
    """Give `command` the options that say where anchors are and whom to trust."""
    trust = click.option("--trust", type=FILE, multiple=True, required=True, help="Roots of authorities, PEM or DER.")
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    return of_a_log(trust(as_json(command)))


@click.command()
@_of_anchors
@click.option("--tsa", required=True, help="The address of a time-stamp authority (RFC 3161, over HTTP).")
@click.option("--authority", type=FILE, help="PEM: whose certificate counts where the address begins with https.")
@click.option("--out", type=_FOLDER, required=True, help="The folder of anchors.")
@click.option("--renew", is_flag=True, help="Renew the anchors that need it, instead of making one.")
@click.option("--within", type=click.IntRange(1), default=180, show_default=True, help="Days: renew what ends sooner.")
@click.option("--new-hash", type=click.Choice(_HASHES[1:]), help="With --renew: go over to this stronger hash.")
@click.pass_context
def anchor(context: click.Context, /, location: str, vkey: str, **options: Any) -> None:
    """Have a time-stamp authority say that the newest checkpoint exists, and keep that as an evidence record.

    What exists already is kept: a checkpoint is anchored once, and an older anchor proves more. With --renew all
    anchors that end soon are put under one new time-stamp (RFC 4998).

    Exit status: 0 it is there, 1 the log, an anchor or a time-stamp does not hold, 2 that cannot be told.
    """
    from natsuin.signing_log import AnchorFolder, PublicLog, ask_token

    if options["new_hash"] and not options["renew"]:
        raise click.UsageError("--new-hash goes with --renew")
    with verdicts(context):
        trust, folder = _certificates(options["trust"]), AnchorFolder(options["out"])
        ask = partial(ask_token, options["tsa"], authority=options["authority"])
        with PublicLog(location, verifier_key(vkey)) as log, folder.held():
            if options["renew"]:
                within = timedelta(days=options["within"])
                told = _renew(log, folder, trust, ask=ask, within=within, new_hash=options["new_hash"])
                if not told and not options["as_json"]:
                    click.echo("no anchor needs it")
            else:
                told = [_make(log, folder, trust, ask)]
        _print(told, as_json=options["as_json"])


@click.command()
@_of_anchors
@click.option("--folder", type=_FOLDER, required=True, help="The folder of anchors.")
@click.pass_context
def anchors(context: click.Context, /, location: str, vkey: str, **options: Any) -> None:
    """Check every anchor: its time-stamps, and that the log of today contains the checkpoint that they are over.

    Exit status: 0 all hold, 1 one does not, or the log does not contain what was anchored, 2 that cannot be told.
    """
    from natsuin.signing_log import AnchorFolder, PublicLog

    with verdicts(context):
        trust, folder = _certificates(options["trust"]), AnchorFolder(options["folder"])
        with PublicLog(location, verifier_key(vkey)) as log:
            told = [_judged(log, folder, size, trust) for size in _each(folder.sizes())]
        _print(told, as_json=options["as_json"])
        if not told:
            raise ValueError("there are no anchors")
    if any(each["anchor"] != "holds" for each in told):
        context.exit(1)


def _judged(log: "PublicLog", folder: "AnchorFolder", size: int, trust: "list[x509.Certificate]") -> dict[str, object]:
    """What is to be said of one anchor, so that one that does not hold hides no other."""
    from natsuin.errors import Refused

    try:
        return _told("holds", size, _check(log, folder, size, trust))
    except Refused as error:
        return {"anchor": "NOT VALID", "size": size, "reason": error.message}


def _make(log: "PublicLog", folder: "AnchorFolder", trust: "list[x509.Certificate]", ask: Ask) -> dict[str, object]:
    from natsuin.signing_log import first_record
    from natsuin.validation import verify_record

    sizes = folder.sizes()
    if log.size in sizes:
        return _told("was there", log.size, _check(log, folder, log.size, trust))
    if sizes:
        # An anchor over a log that was cut off or rewritten would make its second history look old.
        _contained(log, folder, sizes[-1])
    note = log.note.encode()
    record = first_record(ask(note, "sha256"), "sha256").encoded()
    verdict = verify_record(record, note, trust, now=_now())
    folder.keep(log.size, note, record)
    return _told("made", log.size, verdict)


def _renew(
    log: "PublicLog",
    folder: "AnchorFolder",
    trust: "list[x509.Certificate]",
    *,
    ask: Ask,
    within: timedelta,
    new_hash: str | None,
) -> list[dict[str, object]]:
    """Put what needs it under one new token for each hash algorithm. All is verified before anything is replaced."""
    from natsuin.signing_log import HASH_STRENGTHS

    due: dict[str, list[int]] = {}
    for size in _each(folder.sizes()):
        verdict = _check(log, folder, size, trust)
        if new_hash is not None:
            if HASH_STRENGTHS[verdict.algorithm] < HASH_STRENGTHS[new_hash]:
                due.setdefault(new_hash, []).append(size)
        elif verdict.renew_before < _now() + within:
            due.setdefault(verdict.algorithm, []).append(size)
    told = []
    for algorithm, sizes in due.items():
        told += _renew_together(folder, sizes, algorithm, trust, ask=ask, hash_renewal=new_hash is not None)
    return told


def _renew_together(
    folder: "AnchorFolder",
    sizes: list[int],
    algorithm: str,
    trust: "list[x509.Certificate]",
    *,
    ask: Ask,
    hash_renewal: bool,
) -> list[dict[str, object]]:
    import hashlib

    from natsuin.signing_log import (
        AnchorRefused,
        parse_record,
        reduced_trees,
        renew_hash,
        renew_time_stamp,
        renewal_subject,
    )
    from natsuin.validation import verify_record

    olds = [parse_record(folder.record(size)) for size in sizes]
    notes = [folder.checkpoint(size) for size in sizes]
    wanted = algorithm if hash_renewal else None
    covered = [renewal_subject(old, note, hash_renewal=wanted) for old, note in zip(olds, notes, strict=True)]
    trees: Sequence[Any] = [None]
    together = covered[0]
    if len(sizes) > 1:
        together, trees = reduced_trees([hashlib.new(algorithm, each).digest() for each in covered], algorithm)
    token = ask(together, algorithm)
    made = []
    for size, old, note, tree in zip(sizes, olds, notes, trees, strict=True):
        new = renew_hash(old, token, algorithm, tree) if hash_renewal else renew_time_stamp(old, token, tree)
        before = verify_record(old.encoded(), note, trust, now=_now())
        verdict = verify_record(new.encoded(), note, trust, now=_now())
        if not hash_renewal and verdict.renew_before <= before.renew_before:
            raise AnchorRefused("this time-stamp authority's certificate ends no later than the one before")
        made.append((size, new.encoded(), verdict))
    for size, encoded, _ in made:
        folder.renew(size, encoded)
    return [_told("renewed", size, verdict) for size, _, verdict in made]


def _check(log: "PublicLog", folder: "AnchorFolder", size: int, trust: "list[x509.Certificate]") -> "RecordVerdict":
    from natsuin.signing_log import AnchorsDamaged, BadRecord
    from natsuin.validation import verify_record

    try:
        return verify_record(folder.record(size), _contained(log, folder, size), trust, now=_now())
    except BadRecord as error:
        raise AnchorsDamaged(f"{size}.ers in the folder of anchors is no evidence record") from error


def _contained(log: "PublicLog", folder: "AnchorFolder", size: int) -> bytes:
    """The anchored note of `size` entries, which `log` contains."""
    from natsuin.errors import Malformed
    from natsuin.signing_log import AnchorsDamaged

    note = folder.checkpoint(size)
    try:
        old = log.consistency(note.decode("utf-8", "replace")).old
    except Malformed as error:
        raise AnchorsDamaged(f"{size}.checkpoint in the folder of anchors is no checkpoint") from error
    if old != size:
        raise AnchorsDamaged(f"{size}.checkpoint in the folder of anchors is of another size")
    return note


def _certificates(files: Sequence[Path]) -> "list[x509.Certificate]":
    from cryptography import x509

    found: list[x509.Certificate] = []
    for file in files:
        content = file.read_bytes()
        pem = content.lstrip().startswith(b"-----")
        found += x509.load_pem_x509_certificates(content) if pem else [x509.load_der_x509_certificate(content)]
    return found


def _each(sizes: list[int]) -> Iterator[int]:
    """The sizes, with a bar while the work on them goes on."""
    with progress_bars() as show:
        for done, size in enumerate(sizes):
            show("Checking anchors", done, len(sizes))
            yield size


def _now() -> datetime:
    from natsuin.clock import SystemClock

    return SystemClock().now()


def _told(what: str, size: int, verdict: "RecordVerdict") -> dict[str, object]:
    return {
        "anchor": what,
        "size": size,
        "existed_at": _text(verdict.existed_at),
        "renewed_at": _text(verdict.renewed_at),
        "renew_before": _text(verdict.renew_before),
        "time_stamps": verdict.time_stamps,
        "hash": verdict.algorithm,
    }


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _print(told: list[dict[str, object]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"anchors": told}, indent=1))
        return
    for each in told:
        if "reason" in each:
            click.echo(f"NOT VALID: {each['size']} entries: {each['reason']}")
            continue
        click.echo(
            f"{each['anchor']}: {each['size']} entries existed at {each['existed_at']} "
            f"({each['hash']}, time-stamps: {each['time_stamps']}, renew before {each['renew_before']})"
        )
