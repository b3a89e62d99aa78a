"""The sam process: made once by `initialise`, run by `run`. Only here are the parts of the sam side put together."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from natsuin import __version__
from natsuin.certification import check_subject
from natsuin.clock import Clock, SystemClock
from natsuin.config import Config
from natsuin.errors import NatsuinError
from natsuin.key_management import (
    LOG,
    REGISTRATION_OFFICER,
    ROOT,
    SEALED_SECRETS,
    Enrolments,
    Foundation,
    Journal,
    KeyActs,
    KeyMaker,
    KeyMoves,
    Keys,
    Officers,
    OutsideCertificates,
    PINResets,
    Renewals,
    RowSealer,
    SecretOpener,
    ServiceKeys,
    SoftwareVault,
    create_master_key,
    read_master_key,
)
from natsuin.passkeys import RelyingParty
from natsuin.plain_text import plain_text
from natsuin.sam.built_in_authority import BuiltInAuthority, establish
from natsuin.sam.connection import Capacity, Listening
from natsuin.sam.handlers import Handlers, service_information
from natsuin.sam.hardening import harden
from natsuin.sam.outside_authority import accept_outside
from natsuin.sam.permissions import check_permissions
from natsuin.sam.protocol import Hello, Sign
from natsuin.sam.server import serve
from natsuin.sam.transport import TLSFiles
from natsuin.signing import (
    Activation,
    EvidenceRoom,
    Instructing,
    Reservations,
    SigningLine,
    SigningPath,
    close_unfinished,
    destroy_one_time_keys,
    note_all_closed,
    require_usable,
)
from natsuin.signing_log import LogKey, SigningLog, create_log
from natsuin.storage import Database, check_schema, open_database

STORAGE_FAILED_EXIT = 74
"""EX_IOERR of sysexits.h: a durable write failed."""

_log = structlog.get_logger("natsuin.sam")


@dataclass(frozen=True)
class Sam:
    """An open sam: what answers messages, and what must be closed in the end."""

    handlers: Handlers
    journal: Journal
    log: SigningLog
    database: Database

    def close(self) -> None:
        """Finish what waits, write the entry `shutdown`, let go of log and database."""
        self.handlers.line.close()
        note_all_closed(self.handlers.keys.foundation, self.log)
        self.journal.record("shutdown", public={"version": __version__}, private={})
        self.log.close()
        self.database.close()


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
    try:
        sealer = RowSealer.from_master(master)
        keys = ServiceKeys(database, SoftwareVault(master), sealer, clock)
        log_key = _log_key(keys.create(LOG).edwards)
        keys.create(SEALED_SECRETS)
        establish(keys, config)
        create_log(config.sam.log_folder, config.sam.log_state, origin=config.sam.log_origin, key=log_key)
        log = _open_log(config, log_key, clock, _stop)
        try:
            foundation = _foundation(config, database, sealer, log=log, clock=clock)
            genesis = {"origin": config.sam.log_origin, "version": __version__, "backend": SoftwareVault.name}
            foundation.journal.record("genesis", public=genesis, private={})
            token = Officers(foundation).invite(officer_name, (REGISTRATION_OFFICER,))
            return Initialised(token, log.vkey, keys.load(ROOT).certificate)
        finally:
            log.close()
    finally:
        database.close()


def invite_officer(config: Config, name: str) -> str:
    """A one-time token for another officer. Needs the host: master key, database and a log that no sam is writing."""
    harden()
    check_permissions(config)
    sam = open_sam(config)
    try:
        return sam.handlers.officers.invite(plain_text(name, "the name", required=True), (REGISTRATION_OFFICER,))
    finally:
        sam.close()


def open_sam(config: Config, *, clock: Clock | None = None, stop: Callable[[NatsuinError], None] | None = None) -> Sam:
    """Open everything, close what a crash left open, and write the entry `boot`. Refuses rather than run damaged.

    `stop` is called, from any thread, when only a new start can tell what is true.
    """
    clock = clock or SystemClock()
    stop = stop or _stop
    master = read_master_key(config.sam.master_key_file)
    database = open_database(config.sam.database, name="sam")
    check_schema(database, "sam")
    vault = SoftwareVault(master)
    service_keys = ServiceKeys(database, vault, RowSealer.from_master(master), clock)
    log = _open_log(config, _log_key(service_keys.load(LOG).edwards), clock, stop)
    foundation = _foundation(config, database, service_keys.sealer, log=log, clock=clock)
    closed = close_unfinished(foundation, log)
    boot = {
        "version": __version__,
        "unknown": closed.unknown,
        "undelivered": closed.undelivered,
        "moves": closed.moves,
    }
    foundation.journal.record("boot", public=boot, private={})
    _log.info("opened", log_size=log.size, unknown=closed.unknown, undelivered=closed.undelivered)
    handlers = _handlers(config, foundation, service_keys, log=log, stop=stop)
    return Sam(handlers, foundation.journal, log, database)


def _handlers(
    config: Config,
    foundation: Foundation,
    service_keys: ServiceKeys,
    *,
    log: SigningLog,
    stop: Callable[[NatsuinError], None],
) -> Handlers:
    vault = service_keys.vault
    authority = BuiltInAuthority.load(service_keys, foundation, config)
    sealing_key = service_keys.load(SEALED_SECRETS).elliptic
    opener = SecretOpener(sealing_key)
    keys = Keys(foundation, authority.chain)
    officers = Officers(foundation)
    moves = KeyMoves(foundation)
    maker = KeyMaker(
        vault,
        authority.certify,
        foundation.clock,
        require_usable=lambda algorithm: require_usable(algorithm, foundation.clock.now()),
    )

    def end_one_time_keys() -> None:
        destroy_one_time_keys(foundation, moves)

    end_one_time_keys()
    path = SigningPath(foundation, vault, Reservations(foundation), moves.block, stop, end_one_time_keys)
    return Handlers(
        information=service_information(
            authority,
            log,
            backend=vault.name,
            hpke_public_key=sealing_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        ),
        officers=officers,
        enrolments=Enrolments(
            foundation,
            officers,
            keys,
            maker=maker,
            opener=opener,
            require_certifiable=check_subject,
        ),
        keys=keys,
        pin_resets=PINResets(foundation, keys, opener),
        key_acts=KeyActs(
            foundation,
            officers,
            keys,
            moves,
            Renewals(foundation, keys, moves, maker=maker, opener=opener),
            OutsideCertificates(foundation, keys, moves, accept_outside(config, foundation.clock)),
        ),
        instructing=Instructing(foundation, keys),
        activation=Activation(foundation, keys, opener),
        line=SigningLine(path, lanes=max(2, min(4, os.cpu_count() or 1))),
        evidence=EvidenceRoom(foundation, keys, log),
        authority=authority,
        log=log,
    )


def _foundation(config: Config, database: Database, sealer: RowSealer, *, log: SigningLog, clock: Clock) -> Foundation:
    party = RelyingParty(config.service.rp_id, config.service.origin)
    return Foundation(database, sealer, Journal(log, database, clock), clock, party)


def _open_log(config: Config, key: LogKey, clock: Clock, stop: Callable[[NatsuinError], None]) -> SigningLog:
    return SigningLog.open(
        config.sam.log_folder,
        config.sam.log_state,
        origin=config.sam.log_origin,
        key=key,
        clock=clock,
        on_fatal=stop,
    )


def _log_key(key: ed25519.Ed25519PrivateKey) -> LogKey:
    return LogKey(key.public_key().public_bytes_raw(), key.sign)


def _stop(error: NatsuinError) -> None:
    # Leaving at once, without clean-up, is what makes the state on disk the only truth for the next start.
    _log.critical("stopping", code=error.code, reason=error.message)
    os._exit(STORAGE_FAILED_EXIT)


def run(config: Config) -> None:
    """Be the sam process until told to stop: harden, open, serve. Raises what refuses a start; returns after
    SIGTERM."""
    harden()
    check_permissions(config)
    sam = open_sam(config)
    try:
        serve(
            sam.handlers.answer,
            Listening(config.sam.address, TLSFiles.of(config.sam.server_tls), frozenset(config.sam.allowed_uids)),
            capacity=Capacity(threads=config.sam.threads),
            inline=frozenset({Sign, Hello}),
        )
    finally:
        sam.close()
