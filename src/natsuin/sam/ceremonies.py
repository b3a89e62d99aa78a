"""What a ceremony does to the master key. Runs on sam's host while sam is stopped; the dialogue is
`natsuin.cli.ceremony`'s.

    split      shares of the present key for custodians
    rotate     a new key in place of the present one: everything stored is re-wrapped, then shares of the new one
    abandon    an interrupted rotation taken back: everything is under the present key again, the new one is gone
    recover    the key from custodians' shares, into the file where it belongs

What is done to the token's wrapping keys, on the word of the custodians, is in `natsuin.sam.wrapping_ceremonies`.

Each leaves an entry in the signing log. A rotation that was interrupted is known by the file of the next key, beside
which sam does not start, and goes on where it stopped.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from natsuin import faults
from natsuin.clock import SystemClock
from natsuin.config import Config
from natsuin.errors import Conflict
from natsuin.key_backup import combine
from natsuin.key_management import (
    VAULT,
    MasterKey,
    ProviderSecrets,
    Rotation,
    RotationProgress,
    create_master_key,
    keep_master_key,
    next_key_file,
    read_master_key,
)
from natsuin.sam.custodians import require_present, shares_were_made, shares_were_made_before
from natsuin.sam.hardening import harden
from natsuin.sam.permissions import check_permissions
from natsuin.sam.process import Sam, open_sam
from natsuin.sam.untold_rotation import Facts, mark_untold, sync_folder, tell_ceremony
from natsuin.signing_log import LogLocked
from natsuin.storage import open_database

_TOO_FEW_LEFT = (
    "Bring those of the key that is being replaced. If too few have them, a ceremony `abandon` takes the change back, "
    "and a `split` makes new ones; see docs/ceremonies.md."
)


@dataclass(frozen=True)
class Rotated:
    """A rotation's end. `rows` by table, of this run; `custodians` is whether their shares were asked for."""

    master: MasterKey = field(repr=False)
    rows: dict[str, int]
    custodians: bool


def present_master(config: Config) -> MasterKey:
    """The master key, if it belongs to the database. Raises `MasterKeyMissing`."""
    master = read_master_key(config.sam.master_key_file)
    _require_fits(config, master)
    return master


def rotate(config: Config, facts: Facts, take_in: Callable[[], list[str]], progress: RotationProgress) -> Rotated:
    """Make a new master key and re-wrap everything; or go on with a rotation that was interrupted.

    Where the log tells that custodians have shares, `take_in` gives as many as make the present key, before anything
    is changed. The log tells of the rotation, with these facts, when sam is opened next.

    Raises:
        Conflict: sam is running.
        SharesRefused: the shares do not give the key that is replaced; nothing was changed.
        Tampered: a row of DB-2 was changed outside the service.
    """
    harden()
    check_permissions(config)
    file = config.sam.master_key_file
    following = next_key_file(file)
    asked: bool | None = None
    if not following.exists():
        # Opening sam shows that none is running and that everything is whole. The next key's file, made while it is
        # open, keeps every other sam from starting until the end.
        with holding_sam(config) as held:
            asked = shares_were_made(held.sam.log.entries())
            if asked:
                held.require_custodians(take_in())
            create_master_key(following)
            mark_untold(file, facts, after=held.sam.log.size)
    with _alone_with(following):
        # Whoever held it until now may have come to the end; then there is no such file to be read any more.
        old, new = read_master_key(file), read_master_key(following)
        if asked is None:
            # Going on. The old key is in its place until the end, and no sam can be opened to read the log.
            asked = shares_were_made_before(config)
            if asked:
                require_present(take_in(), old, hint=_TOO_FEW_LEFT)
        mark_untold(file, facts, after=None)
        database = open_database(config.sam.database, name="sam")
        try:
            rows = Rotation(database, old, new).run(progress)
        finally:
            database.close()
        following.replace(file)
        sync_folder(file.parent)
        faults.point("rotation.after_replace")
    return Rotated(new, rows, asked)


def abandon(config: Config, facts: Facts, progress: RotationProgress) -> dict[str, int]:
    """Take an interrupted rotation back; answers how many rows of each table were put under the present key again.

    Nobody gets anything by it, so no shares are asked for: the present key stays, and of the new one there were no
    shares. Interrupted in its turn, it goes on when it is run again, and so may the rotation. The log tells of it, with
    these facts, when sam is opened next.

    Raises:
        Conflict: no rotation was interrupted.
        Tampered: a row of DB-2 was changed outside the service.
    """
    harden()
    check_permissions(config)
    file = config.sam.master_key_file
    following = next_key_file(file)
    if not following.exists():
        raise Conflict(
            "no change of the master key is under way, so there is nothing to take back",
            hint="Nothing was done. What this plan had taken back before, sam tells the log of when it starts.",
        )
    with _alone_with(following):
        present, given_up = read_master_key(file), read_master_key(following)
        mark_untold(file, facts, after=None)
        database = open_database(config.sam.database, name="sam")
        try:
            rows = Rotation(database, given_up, present).run(progress)
        finally:
            database.close()
        following.unlink()
        sync_folder(file.parent)
        faults.point("rotation.after_abandon")
    return rows


def recover(config: Config, shares: list[str]) -> MasterKey:
    """Put the master key that the shares give where it belongs; durable on return.

    Raises:
        SharesRefused, MasterKeyMissing: they give none, or another database's.
        Conflict: there is a master key already; it was not touched.
    """
    harden()
    master = combine(shares)
    _require_fits(config, master)
    keep_master_key(config.sam.master_key_file, master)
    return master


@dataclass(frozen=True)
class Held:
    """A sam that is open for a ceremony alone."""

    config: Config
    sam: Sam

    def tell(self, facts: Facts) -> int:
        """Write the entry of the ceremony, unless it was written when sam was opened; durable on return. Answers with
        its index."""
        if facts.kind in ("rotate", "abandon") and self.sam.rotation_entry is not None:
            return self.sam.rotation_entry
        return tell_ceremony(self.sam.handlers.keys.foundation, facts)

    def require_shares_made(self) -> None:
        """Raise `Conflict` where the log tells of no custodians: nobody could give what would be asked for."""
        if not shares_were_made(self.sam.log.entries()):
            raise Conflict(
                "nobody has shares of the master key yet",
                hint="Hold a ceremony `rotate` (or `split`) first; see docs/ceremonies.md.",
            )

    def require_custodians(self, shares: list[str]) -> None:
        """Raise `SharesRefused` unless the shares give the present master key."""
        require_present(shares, present_master(self.config))


@contextmanager
def holding_sam(config: Config, *, unfinished: str = "") -> Iterator[Held]:
    """Keep every sam from starting, and give what the ceremony works with.

    Shares are handed out inside, after the entry is written: none may leave without one. `unfinished` is the wrapping
    key with which an earlier ceremony may have been broken off. Raises `Conflict` if sam is running.
    """
    try:
        sam = open_sam(config, ceremony=unfinished)
    except LogLocked as error:
        raise Conflict("sam is running", hint="Stop the service for the time of the ceremony.") from error
    try:
        yield Held(config, sam)
    finally:
        sam.close()


@contextmanager
def _alone_with(following: Path) -> Iterator[None]:
    """Keep a second command from going on with the same rotation. Raises `Conflict`."""
    handle = os.open(following, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("this change of the master key is going on already", hint="Wait for its end.") from error
        yield
    finally:
        os.close(handle)


def _require_fits(config: Config, master: MasterKey) -> None:
    database = open_database(config.sam.database, name="sam")
    try:
        ProviderSecrets(database, master, SystemClock()).load(VAULT)
    finally:
        database.close()
