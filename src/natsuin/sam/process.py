"""The sam process: made once by `initialise`, run by `run`. `wiring.py` puts the parts of the sam side
together."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from natsuin import __version__
from natsuin.clock import Clock, SystemClock
from natsuin.config import Config
from natsuin.errors import NatsuinError
from natsuin.key_backup import ArchiveSeal
from natsuin.key_management import (
    FIRST_ROLES,
    ROOT,
    SEALED_SECRETS,
    VAULT,
    Erasing,
    Foundation,
    Journal,
    KeyRing,
    MasterKey,
    Officers,
    ProviderLayer,
    ProviderSecrets,
    Retention,
    RowSealer,
    ServiceKeys,
    SoftwareVault,
    VaultRefused,
    Vaults,
    WrappingKeys,
    create_master_key,
    read_master_key,
    require_settled,
)
from natsuin.passkeys import RelyingParty
from natsuin.plain_text import plain_text
from natsuin.sam.accounts import allowed_users
from natsuin.sam.algorithm_ends import warn_of_ends
from natsuin.sam.built_in_authority import establish
from natsuin.sam.connection import Capacity, Listening
from natsuin.sam.handlers import Handlers
from natsuin.sam.hardening import harden
from natsuin.sam.housekeeping import Housekeeping
from natsuin.sam.log_shards import LogKeys, open_log
from natsuin.sam.permissions import check_permissions
from natsuin.sam.protocol import Hello, Sign
from natsuin.sam.server import serve
from natsuin.sam.time_keeping import TimeKeeping, begin_after_newest
from natsuin.sam.transport import TLSFiles
from natsuin.sam.untold_rotation import tell_untold
from natsuin.sam.vaults import make_proofs, make_vaults, open_vaults
from natsuin.sam.watched_clock import WatchedClock
from natsuin.sam.wiring import put_together
from natsuin.sam.witnesses import make_witnessing
from natsuin.signing import (
    Closed,
    cancel_every_approval,
    close_unfinished,
    note_all_closed,
)
from natsuin.signing_log import SigningLog, WitnessRefused, create_log
from natsuin.storage import Database, check_schema, open_database

STORAGE_FAILED_EXIT = 74
"""EX_IOERR of sysexits.h: a durable write failed."""
TOKEN_REFUSED_EXIT = 79
"""The token refused its PIN while running: `natsuin.cli.exit_codes`."""
WITNESS_REFUSED_EXIT = 80
"""A witness has seen a later or another state of the log: `natsuin.cli.exit_codes`."""
_EXITS: tuple[tuple[type[NatsuinError], int], ...] = (
    (VaultRefused, TOKEN_REFUSED_EXIT),
    (WitnessRefused, WITNESS_REFUSED_EXIT),
)

_log = structlog.get_logger("natsuin.sam")


@dataclass(frozen=True)
class Sam:
    """An open sam: what answers messages, and what must be closed in the end."""

    handlers: Handlers
    journal: Journal
    log: SigningLog
    database: Database
    vaults: Vaults
    time_keeping: TimeKeeping
    housekeeping: Housekeeping
    rotation_entry: int | None
    """Where the log tells of a change of the master key, if that was written when this sam was opened."""

    def close(self) -> None:
        """Finish what waits, write the entry `shutdown`, let go of log, database and token."""
        self.time_keeping.close()
        self.housekeeping.close()
        for thread in (self.handlers.anchors, self.handlers.telling):
            if thread is not None:
                thread.close()
        self.handlers.line.close()
        self.handlers.auditing.close()
        note_all_closed(self.handlers.keys.foundation, self.log)
        self.journal.record("shutdown", public={"version": __version__}, private={})
        self.log.close()
        self.database.close()
        self.vaults.close()


@dataclass(frozen=True)
class Initialised:
    """What `initialise` leaves to be handed out. The token is secret and kept nowhere; the rest is public."""

    officer_token: str = field(repr=False)
    log_vkey: str
    root_certificate: bytes
    """DER."""


def initialise(config: Config, *, officer_name: str = "First registration officer") -> Initialised:
    """Make what sam needs to exist: master key, service keys, certificates, an empty log, an invitation for an officer.

    DB-2 exists already, empty. Durable on return.
    """
    clock = SystemClock()
    master = create_master_key(config.sam.master_key_file)
    database = open_database(config.sam.database, name="sam")
    provider_secrets = ProviderSecrets(database, master, clock)
    provider_secrets.create()
    vaults = make_vaults(config, provider_secrets.load(VAULT))
    try:
        keys = _service_keys(database, vaults, master, clock)
        log_keys = LogKeys(keys)
        first = log_keys.make_ahead(1)
        log_keys.settle(1)
        keys.create(SEALED_SECRETS)
        establish(keys, config)
        create_log(config.sam.log_folder, config.sam.log_state, origin=config.sam.log_origin, key=first)
        log = open_log(config, log_keys, clock, _stop)
        try:
            foundation = _foundation(config, database, master, log=log, clock=clock)
            genesis = {"origin": config.sam.log_origin, "version": __version__, "backend": vaults.name}
            foundation.journal.record("genesis", public=genesis, private={})
            token = Officers(foundation).invite(officer_name, FIRST_ROLES)
            return Initialised(token, log.vkey, keys.load(ROOT).certificate)
        finally:
            log.close()
    finally:
        database.close()
        vaults.close()


def invite_officer(config: Config, name: str, *, roles: tuple[str, ...] = FIRST_ROLES, namesake: bool = False) -> str:
    """A one-time token for another officer, or for an auditor; `namesake` as in `Officers.invite`.

    Needs the host: master key, database and a log that no sam is writing. Raises `Conflict`, `Malformed`.
    """
    harden()
    check_permissions(config)
    sam = open_sam(config)
    try:
        display_name = plain_text(name, "the name", required=True)
        return sam.handlers.officers.invite(display_name, roles, namesake=namesake)
    finally:
        sam.close()


def accept_clock(config: Config) -> datetime:
    """Go on by the wall clock, though the newest entry is later: its custodian says that it is right. Answers with the
    time.

    Needs the host, as `invite_officer` does.
    """
    harden()
    check_permissions(config)
    sam = open_sam(config, clock=SystemClock())
    try:
        foundation = sam.handlers.keys.foundation
        cancelled = cancel_every_approval(foundation)
        foundation.journal.record("clock-accepted", public={"cancelled": cancelled}, private={})
        return foundation.clock.now()
    finally:
        sam.close()


def open_sam(
    config: Config,
    *,
    clock: Clock | None = None,
    stop: Callable[[NatsuinError], None] | None = None,
    ceremony: str = "",
) -> Sam:
    """Open everything, close what a crash left open, and write the entry `boot`. Refuses rather than run damaged.

    `stop` is called, from any thread, when only a new start can tell what is true. `ceremony` is the wrapping key whose
    making or end may be unfinished, because a ceremony goes on with it.
    """
    clock = clock or WatchedClock()
    stop = stop or _stop
    require_settled(config.sam.master_key_file)
    master = read_master_key(config.sam.master_key_file)
    with ExitStack() as opened:
        database = open_database(config.sam.database, name="sam")
        opened.callback(database.close)
        check_schema(database, "sam")
        vault_secret = ProviderSecrets(database, master, clock).load(VAULT)
        # The log's key is in software, so that the log can say which wrapping keys the token must have.
        software = _service_keys(database, Vaults(SoftwareVault(vault_secret)), master, clock)
        log_keys = LogKeys(software)
        log = open_log(config, log_keys, clock, stop, witnessing=make_witnessing(config))
        opened.callback(log.close)
        # A change of the master key begins under the lock of the log, so now it is certain that none has begun.
        require_settled(config.sam.master_key_file)
        log_keys.settle(log.number)
        known = begin_after_newest(clock, log)
        foundation = _foundation(config, database, master, log=log, clock=clock)
        closed = close_unfinished(foundation, log)
        vaults = open_vaults(config, vault_secret, stop, ring=_ring(config, foundation, ceremony))
        opened.callback(vaults.close)
        service_keys = _service_keys(database, vaults, master, clock)
        make_proofs(vaults, WrappingKeys(database, foundation.sealer, clock), service_keys)
        _tell_start(foundation, closed, vaults)
        rotation_entry = tell_untold(foundation, config.sam.master_key_file)
        time_keeping = TimeKeeping(foundation, stop)
        time_keeping.look()
        seal = ArchiveSeal.from_master(master)
        handlers = put_together(config, foundation, service_keys, log=log, stop=stop, archive_seal=seal)
        handlers.person_acts.finish()
        erasing = Erasing(foundation, Retention(foundation, config.log.retention.years), known)
        moves, close_overdue = handlers.key_acts.moves, handlers.line.close_overdue
        housekeeping = Housekeeping(foundation, moves, handlers.residents, erasing, stop, close_overdue)
        housekeeping.round(starting=True)
        opened.pop_all()
    return Sam(handlers, foundation.journal, log, database, vaults, time_keeping, housekeeping, rotation_entry)


def _tell_start(foundation: Foundation, closed: Closed, vaults: Vaults) -> None:
    boot = {
        "version": __version__,
        "unknown": closed.unknown,
        "undelivered": closed.undelivered,
        "moves": closed.moves,
        "restored": closed.restored,
        "backend": vaults.name,
        "token": dict(vaults.facts),
    }
    foundation.journal.record("boot", public=boot, private={})
    if closed.restored:
        _log.critical("database_restored", lost_keys=closed.lost_keys)
    size = foundation.journal.log.size
    _log.info("opened", log_size=size, unknown=closed.unknown, undelivered=closed.undelivered)
    warn_of_ends(foundation)


def _ring(config: Config, foundation: Foundation, ceremony: str) -> KeyRing | None:
    if config.vault.kind == "software":
        return None
    keys = WrappingKeys(foundation.database, foundation.sealer, foundation.clock)
    ring = keys.settled(config.vault.wrapping_key, lambda: foundation.journal.log.entries(0))
    ring.require_settled(but_for=ceremony)
    return ring.without(ceremony)


def _foundation(config: Config, database: Database, master: MasterKey, *, log: SigningLog, clock: Clock) -> Foundation:
    party = RelyingParty(config.service.rp_id, config.service.origin)
    return Foundation(
        database,
        RowSealer.from_master(master),
        Journal(log, database, clock),
        clock,
        party,
        ProviderLayer.from_master(master),
        config.algorithms.policy,
    )


def _service_keys(database: Database, vaults: Vaults, master: MasterKey, clock: Clock) -> ServiceKeys:
    sealer, provider = RowSealer.from_master(master), ProviderLayer.from_master(master)
    return ServiceKeys(database, vaults, sealer, provider, clock)


def _stop(error: NatsuinError) -> None:
    # Leaving at once, without clean-up, is what makes the state on disk the only truth for the next start.
    _log.critical("stopping", code=error.code, reason=error.message)
    os._exit(next((code for kind, code in _EXITS if isinstance(error, kind)), STORAGE_FAILED_EXIT))


def run(config: Config) -> None:
    """Be the sam process until told to stop: harden, open, serve. Raises what refuses a start; returns after
    SIGTERM."""
    harden()
    check_permissions(config)
    sam = open_sam(config)
    sam.time_keeping.start()
    sam.housekeeping.start()
    for thread in (sam.handlers.anchors, sam.handlers.telling):
        if thread is not None:
            thread.start()
    try:
        serve(
            sam.handlers.answer,
            Listening(config.sam.address, TLSFiles.of(config.sam.server_tls), allowed_users(config)),
            capacity=Capacity(threads=config.sam.threads),
            inline=frozenset({Sign, Hello}),
        )
    finally:
        sam.close()
