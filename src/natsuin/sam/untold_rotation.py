"""The mark of a change of the master key, or of one that was taken back, that the signing log does not tell of yet.

The log can be written only by a sam that is opened with the new key, so the entry comes after the end. The mark lies
beside the key's file from the beginning on; whoever opens sam next, the ceremony itself or, where that was killed, an
ordinary start, writes the entry once and takes the mark away.
"""

import os
from pathlib import Path

import msgspec

from natsuin import faults
from natsuin.errors import Tampered
from natsuin.key_management import Foundation


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the entry of a ceremony says: public are kind, hash of the plan (hexadecimal), threshold, number of shares,
    and `began_with`; names are committed to."""

    kind: str
    plan_sha256: str
    threshold: int
    custodians: tuple[str, ...]
    witnesses: tuple[str, ...]
    began_with: str = ""
    """Hash of the plan with which the change began, where it is another one; empty otherwise."""


class _Mark(msgspec.Struct, frozen=True, kw_only=True):
    facts: Facts
    after: int
    """Size of the log when the change began: an entry of it is not among those before."""


def mark_file(master_key_file: Path) -> Path:
    """Where the mark lies."""
    return master_key_file.with_name(f"{master_key_file.name}.untold")


def mark_untold(master_key_file: Path, facts: Facts, *, after: int | None) -> None:
    """Leave the mark, or, with None for `after`, the facts of another run of the same change; durable on return, whole
    or not there."""
    file = mark_file(master_key_file)
    if after is None:
        earlier = _read(file)
        after = earlier.after if earlier is not None else 0
        if earlier is not None:
            first = earlier.facts.began_with or earlier.facts.plan_sha256
            facts = msgspec.structs.replace(facts, began_with="" if first == facts.plan_sha256 else first)
    aside = file.with_name(f"{file.name}.unfinished")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as opened:
        opened.write(msgspec.json.encode(_Mark(facts=facts, after=after)))
        opened.flush()
        os.fsync(opened.fileno())
    aside.rename(file)
    sync_folder(file.parent)


def tell_ceremony(foundation: Foundation, facts: Facts) -> int:
    """Write the entry of a ceremony; durable on return. Answers with its index."""
    public = {
        "kind": facts.kind,
        "plan_sha256": facts.plan_sha256,
        "threshold": facts.threshold,
        "shares": len(facts.custodians),
        "began_with": facts.began_with,
    }
    private = {"custodians": list(facts.custodians), "witnesses": list(facts.witnesses)}
    return foundation.journal.record("ceremony", public=public, private=private).index


def tell_untold(foundation: Foundation, master_key_file: Path) -> int | None:
    """Write the entry of a change that is marked, unless it is there, and take the mark away.

    Answers with its index, or None without a mark. Raises `Tampered` if the mark is not one.
    """
    file = mark_file(master_key_file)
    mark = _read(file)
    if mark is None:
        return None
    index = _found(foundation, mark)
    if index is None:
        index = tell_ceremony(foundation, mark.facts)
    faults.point("rotation.told")
    file.unlink()
    sync_folder(file.parent)
    return index


def sync_folder(folder: Path) -> None:
    """Make what was renamed or removed in it durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(file: Path) -> _Mark | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Mark)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise Tampered(
            f"{file} is not the mark of a change of the master key",
            hint="It was changed outside the service. Restore it from a backup, or remove it and write down why.",
        ) from error


def _found(foundation: Foundation, mark: _Mark) -> int | None:
    wanted = mark.facts.plan_sha256.encode()
    for index, leaf in foundation.journal.log.entries(mark.after):
        if wanted in leaf:
            entry = msgspec.json.decode(leaf)
            if (entry["type"], entry.get("kind")) == ("ceremony", mark.facts.kind):
                return index
    return None
