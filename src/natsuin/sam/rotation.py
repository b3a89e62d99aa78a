"""Closing the log's shard and going on in a new one, with a key of its own: once a year, or when a key is in doubt.

    1. stop        sam is opened and closed: no use of a key is open, and no approval is good any more
    2. close       the entry `rotated` names the next shard and its key; it is the last one of its shard for ever, and
                   witnesses are asked to cosign it
    3. begin       the next shard is empty, and the chains of keys go on in it
    4. genesis     its first entry names the closed one, its key, size and root
    5. forget      the key of the closed shard is destroyed, and the key of the shard after next is made

After a crash between 2 and 4 sam refuses to start, and the same command goes on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from natsuin import __version__, faults
from natsuin.config import Config
from natsuin.errors import Conflict, NatsuinError, Tampered
from natsuin.key_management import (
    VAULT,
    Journal,
    ProviderLayer,
    ProviderSecrets,
    RowSealer,
    ServiceKeys,
    SoftwareVault,
    Vaults,
    read_master_key,
    require_settled,
)
from natsuin.sam.hardening import harden
from natsuin.sam.log_shards import LogKeys, log_place
from natsuin.sam.permissions import check_permissions
from natsuin.sam.process import open_sam
from natsuin.sam.time_keeping import begin_after_newest
from natsuin.sam.watched_clock import WatchedClock
from natsuin.sam.witnesses import make_witnessing
from natsuin.signing import cancel_every_approval
from natsuin.signing_log import (
    LogLocked,
    NextShard,
    ShardPlace,
    SigningLog,
    WitnessPolicy,
    begin_shard,
    end_of,
    final_state,
    find_shards,
    make_verifier_key,
    open_alone,
)
from natsuin.storage import Database, check_schema, open_database

FAULT_POINTS: Final = ("shard.after_close", "shard.after_begin", "shard.after_genesis")


@dataclass(frozen=True)
class RotatedLog:
    """What a rotation made: the shard that is closed at `size` entries, and the one that is written now."""

    closed: str
    size: int
    newest: NextShard
    cosigned: tuple[str, ...] = ()
    """Names of the witnesses under the last checkpoint of the closed shard."""


@dataclass(frozen=True)
class _Room:
    """What a rotation works with while sam is stopped."""

    config: Config
    database: Database
    keys: LogKeys
    clock: WatchedClock

    def journal(self, log: SigningLog) -> Journal:
        return Journal(log, self.database, self.clock)


def announce(config: Config, name: str) -> NextShard:
    """Origin and verifier key that the next shard will have under this name, for those who must know them before:
    witnesses. Raises as `rotate_log`."""
    harden()
    check_permissions(config)
    with _room(config) as room:
        closed, current = find_shards(log_place(config))
        number = current.number if current is not None else len(closed)
        return _next(room, number + 1, name)


def rotate_log(config: Config, name: str) -> RotatedLog:
    """Close the shard that is written and begin the next, called `name`; or go on with a rotation that was interrupted,
    under the name that it was begun with. Durable on return.

    Raises:
        Conflict: sam is running, or an interrupted rotation has another name.
        BadShardName, ShardsDiverge: there cannot be such a shard, or there is one already.
        Tampered: DB-2 lacks a key of the log, which means that it is two rotations behind.
    """
    harden()
    check_permissions(config)
    place = log_place(config)
    try:
        _, current = find_shards(place)
        if current is not None:
            place.shard(current.number + 1, name)
            _stop_everything(config)
    except LogLocked as error:
        raise Conflict("sam is running", hint="Stop the service for the time of the rotation.") from error
    with _room(config) as room:
        if current is not None:
            _close(room, current, name)
        closed, _ = find_shards(place)
        older, named = closed[-1]
        if named.name != name:
            raise Conflict(
                f"a rotation to «{named.name}» was interrupted", hint=f"Finish it first, with --name {named.name}."
            )
        size = _begin(room, older, named)
    return RotatedLog(older.origin, size, named, _cosigned(config, older))


def _stop_everything(config: Config) -> None:
    """Step 1. Approvals end, because the entry of one that is used later would be in another shard than its uses."""
    sam = open_sam(config)
    try:
        cancel_every_approval(sam.handlers.keys.foundation)
    finally:
        sam.close()


def _close(room: _Room, current: ShardPlace, name: str) -> None:
    """Step 2."""
    named = _next(room, current.number + 1, name)
    if any(named.origin == shard.origin for shard in _all_places(room.config)):
        raise Conflict(f"there is a shard «{name}» already", hint="Choose another name.")
    log = open_alone(current, room.keys.of(current.number), room.clock, _refuse, make_witnessing(room.config))
    try:
        # Under the lock of the log, where a change of the master key begins, too.
        require_settled(room.config.sam.master_key_file)
        begin_after_newest(room.clock, log)
        said = {"shard": named.name, "origin": named.origin, "vkey": named.vkey}
        journal = room.journal(log)
        journal.record("rotated", public=said, private={})
        faults.point("shard.after_close")
    finally:
        log.close()


def _begin(room: _Room, older: ShardPlace, named: NextShard) -> int:
    """Steps 3 to 5. Answers with the number of entries of the closed shard."""
    place = log_place(room.config).shard(older.number + 1, named.name)
    key = room.keys.make_ahead(place.number)
    if named != NextShard(named.name, place.origin, str(make_verifier_key(place.origin, key.public))):
        raise Tampered(
            "the closed shard names another key than DB-2 has for the next one",
            hint="Restore a newer backup of DB-2.",
        )
    # Opened and closed once more, since a crash may have left its newest files unwritten, or its end not cosigned.
    open_alone(older, room.keys.of(older.number), room.clock, _refuse, make_witnessing(room.config)).close()
    begin_shard(place, key, after=older)
    faults.point("shard.after_begin")
    ended = final_state(older)
    vkey = str(make_verifier_key(older.origin, room.keys.of(older.number).public))
    log = open_alone(place, key, room.clock, _refuse)
    try:
        require_settled(room.config.sam.master_key_file)
        previous = end_of(older.name, origin=older.origin, vkey=vkey, size=ended.size, root=ended.root)
        genesis = {
            "origin": place.origin,
            "version": __version__,
            "backend": room.config.vault.kind,
            "previous": previous.fields(),
        }
        journal = room.journal(log)
        journal.record("genesis", public=genesis, private={})
        faults.point("shard.after_genesis")
    finally:
        log.close()
    room.keys.settle(place.number)
    return ended.size


def _cosigned(config: Config, older: ShardPlace) -> tuple[str, ...]:
    """Which witnesses stand under the end of the closed shard. Its folder was written a moment ago, by us."""
    note = (older.folder / "checkpoint").read_text("utf-8")
    policy = WitnessPolicy.of([witness.vkey for witness in config.log.witnesses], 0)
    return tuple(each.witness.name for each in policy.require(note))


def _next(room: _Room, number: int, name: str) -> NextShard:
    place = log_place(room.config).shard(number, name)
    return NextShard(place.name, place.origin, room.keys.vkey_of(number, place.origin))


def _all_places(config: Config) -> list[ShardPlace]:
    closed, current = find_shards(log_place(config))
    return [place for place, _ in closed] + ([current] if current is not None else [])


@contextmanager
def _room(config: Config) -> Iterator[_Room]:
    require_settled(config.sam.master_key_file)
    master = read_master_key(config.sam.master_key_file)
    database = open_database(config.sam.database, name="sam")
    try:
        check_schema(database, "sam")
        clock = WatchedClock()
        vault = Vaults(SoftwareVault(ProviderSecrets(database, master, clock).load(VAULT)))
        keys = ServiceKeys(database, vault, RowSealer.from_master(master), ProviderLayer.from_master(master), clock)
        yield _Room(config, database, LogKeys(keys), clock)
    finally:
        database.close()


def _refuse(error: NatsuinError) -> None:
    """What cannot be written is raised to the one who writes it."""
