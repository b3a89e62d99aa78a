"""Puts the parts of the sam side together. Who is new here sees on this page what depends on what."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from natsuin.algorithm_policy import Act
from natsuin.algorithms import KeyAlgorithm
from natsuin.certification import check_subject
from natsuin.config import Config
from natsuin.errors import NatsuinError
from natsuin.key_backup import ArchiveSeal
from natsuin.key_management import (
    SEALED_SECRETS,
    Enrolments,
    Foundation,
    KeyActs,
    KeyMaker,
    KeyMoves,
    Keys,
    OfficerActs,
    Officers,
    OutsideCertificates,
    OutsideRevocations,
    PersonActs,
    PINResets,
    Renewals,
    ResidentKeys,
    SecretChanges,
    SecretOpener,
    ServiceKeys,
    Stops,
    Vaults,
)
from natsuin.sam.built_in_authority import BuiltInAuthority
from natsuin.sam.copies import make_backup_acts
from natsuin.sam.handlers import Handlers, service_information
from natsuin.sam.key_imports import import_key_of, make_key_imports
from natsuin.sam.lost_passkeys import make_completions
from natsuin.sam.outside_authority import accept_outside
from natsuin.sam.outside_telling import make_outside_telling
from natsuin.sam.time_anchors import make_time_anchors
from natsuin.signing import (
    Activation,
    EvidenceRoom,
    Instructing,
    KeyWorkers,
    LastUse,
    Reservations,
    SigningLine,
    SigningPath,
    cancel_approvals,
    destroy_one_time_keys,
)
from natsuin.signing_log import SigningLog


@dataclass(frozen=True)
class _Core:
    """What most parts need."""

    foundation: Foundation
    vault: Vaults
    keys: Keys
    officers: Officers
    moves: KeyMoves
    maker: KeyMaker
    opener: SecretOpener
    residents: ResidentKeys
    stops: Stops


def put_together(
    config: Config,
    foundation: Foundation,
    service_keys: ServiceKeys,
    *,
    log: SigningLog,
    stop: Callable[[NatsuinError], None],
    archive_seal: ArchiveSeal,
) -> Handlers:
    """Everything that answers messages, over a foundation, service keys and a log that are open."""
    authority = BuiltInAuthority.load(service_keys, foundation, config)
    sealing_key = service_keys.load(SEALED_SECRETS).elliptic
    core = _core(foundation, service_keys.vault, authority, SecretOpener(sealing_key))
    keys, officers, maker, opener = core.keys, core.officers, core.maker, core.opener
    imports = make_key_imports(config, service_keys, keys=keys, officers=officers, maker=maker, opener=opener, log=log)
    completions = make_completions(
        config, keys=keys, officers=officers, moves=core.moves, maker=maker, opener=opener, vault=core.vault
    )
    anchors = make_time_anchors(config, foundation, log, authority)
    return Handlers(
        replacements=completions.replacements,
        completions=completions,
        information=service_information(
            authority,
            log,
            backend=core.vault.name,
            hpke_public_key=sealing_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
            import_key=import_key_of(imports),
        ),
        key_imports=imports,
        officers=officers,
        officer_acts=OfficerActs.make(foundation, officers, core.stops, vkeys=lambda: (log.vkey, *log.earlier_vkeys)),
        person_acts=PersonActs(foundation, officers, core.moves),
        enrolments=Enrolments(
            foundation, officers, keys, maker=maker, opener=opener, require_certifiable=check_subject
        ),
        keys=keys,
        pin_resets=PINResets(foundation, keys, opener),
        key_acts=_key_acts(core, config),
        backup_acts=make_backup_acts(
            config, archive_seal, keys=keys, officers=officers, opener=opener, vault=core.vault, log=log
        ),
        instructing=Instructing(foundation, keys, core.stops),
        activation=Activation(foundation, keys, opener, core.stops),
        line=SigningLine(_path(core, stop), lanes=_lanes()),
        evidence=EvidenceRoom(foundation, keys, log, None if anchors is None else anchors.covering),
        anchors=anchors,
        revocations=OutsideRevocations(foundation),
        telling=make_outside_telling(config, foundation),
        authority=authority,
        log=log,
        vault=core.vault,
        residents=core.residents,
    )


def _core(foundation: Foundation, vault: Vaults, authority: BuiltInAuthority, opener: SecretOpener) -> _Core:
    def require_possible(algorithm: KeyAlgorithm) -> None:
        foundation.policy.require(Act.GENERATE, algorithm, foundation.clock.now())
        vault.require(algorithm)

    residents = ResidentKeys(foundation, vault)
    return _Core(
        foundation,
        vault,
        Keys(foundation, authority.chain, LastUse(foundation)),
        Officers(foundation),
        KeyMoves(foundation),
        KeyMaker(
            vault,
            authority.certify,
            foundation.clock,
            foundation.provider,
            require_usable=require_possible,
            begin_resident=residents.begin,
        ),
        opener,
        residents,
        Stops.load(foundation),
    )


def _key_acts(core: _Core, config: Config) -> KeyActs:
    foundation, keys, moves, opener = core.foundation, core.keys, core.moves, core.opener
    return KeyActs(
        foundation,
        core.officers,
        keys,
        moves,
        Renewals(foundation, keys, moves, maker=core.maker, opener=opener),
        OutsideCertificates(foundation, keys, moves, accept_outside(config, foundation)),
        SecretChanges(foundation, keys, core.vault, opener, cancel_approvals(foundation)),
    )


def _path(core: _Core, stop: Callable[[NatsuinError], None]) -> SigningPath:
    foundation, moves = core.foundation, core.moves

    def end_one_time_keys() -> None:
        destroy_one_time_keys(foundation, moves)

    workers = KeyWorkers(_lanes() - 1)
    reservations = Reservations(foundation, core.stops)
    return SigningPath(foundation, core.vault, reservations, moves.block, stop, end_one_time_keys, workers)


def _lanes() -> int:
    """How many journeys, and how many private-key operations of one, go on at once: two even on one core, so that a
    long batch holds up nobody; more than four only compete for Python's lock (docs/performance.md)."""
    return max(2, min(4, os.cpu_count() or 1))
