"""Which part of sam answers which message of `natsuin.sam.protocol`. The table is complete: a test compares it with the
protocol."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from natsuin import __version__
from natsuin.errors import Malformed, Unavailable
from natsuin.key_backup import BackupActs
from natsuin.key_management import (
    Completions,
    Enrolments,
    KeyActs,
    KeyImports,
    Keys,
    OfficerActs,
    Officers,
    OutsideRevocations,
    PersonActs,
    PINResets,
    Replacements,
    ResidentKeys,
    Vault,
)
from natsuin.sam import protocol
from natsuin.sam.auditing import Auditing
from natsuin.sam.built_in_authority import BuiltInAuthority
from natsuin.sam.history import History
from natsuin.sam.outside_telling import OutsideTelling
from natsuin.sam.statements import Statements
from natsuin.sam.time_anchors import TimeAnchors
from natsuin.sam.time_keeping import require_right_time
from natsuin.sam.watched_clock import ClockBehind
from natsuin.signing import Activation, EvidenceRoom, Instructing, SigningLine
from natsuin.signing_log import SigningLog

_LONGEST_PAGE = 500
_DAY_MS = 24 * 3600 * 1000
_OLD_SHARD = timedelta(days=400)
"""A year, and a month for holding the rotation."""
_Settled = TypeVar("_Settled", protocol.KeyActDone, protocol.PINReset)
Handler = Callable[[Any], protocol.Response | Future[Any]]


@dataclass(frozen=True)
class Handlers:
    """Every service that web may reach, and nothing else. Safe from several threads."""

    information: protocol.ServiceInformation
    officers: Officers
    officer_acts: OfficerActs
    person_acts: PersonActs
    enrolments: Enrolments
    keys: Keys
    pin_resets: PINResets
    key_acts: KeyActs
    backup_acts: BackupActs
    key_imports: KeyImports
    replacements: Replacements
    completions: Completions
    instructing: Instructing
    activation: Activation
    line: SigningLine
    evidence: EvidenceRoom
    authority: BuiltInAuthority
    log: SigningLog
    vault: Vault
    residents: ResidentKeys
    anchors: TimeAnchors | None
    revocations: OutsideRevocations
    telling: OutsideTelling | None

    def answer(self, message: protocol.Request) -> "protocol.Response | Future[Any]":
        """The answer to any message, or a future of it. Raises what the one who answers it refuses with, and
        `ClockBehind`."""
        require_right_time(self.keys.foundation.clock, message)
        return self.table[type(message)](message)

    @cached_property
    def history(self) -> History:
        """What the log tells about a person."""
        return History(self.keys.foundation, self.keys, self.log)

    @cached_property
    def statements(self) -> Statements:
        """Everything that the log has about one key."""
        return Statements(self.keys, self.history, self.log)

    @cached_property
    def auditing(self) -> Auditing:
        """What auditors read of the log."""
        return Auditing(self.officers, self.keys, self.log)

    @cached_property
    def table(self) -> dict[type[protocol.Message], Handler]:
        """By kind of message, who answers it."""
        return {
            protocol.Hello: lambda _: msgspec.structs.replace(self.information, algorithms=self.offered()),
            protocol.Health: lambda _: self.health(),
            protocol.OpenOfficerInvitation: self.officers.open_invitation,
            protocol.RegisterOfficer: self.officers.register,
            protocol.ListOfficers: self.officer_acts.list,
            protocol.ListOutsideRevocations: self.revocations.answer,
            protocol.ProposeOfficerAct: self.officer_acts.propose,
            protocol.ReviewOfficerAct: self.officer_acts.review,
            protocol.ApproveOfficerAct: self.officer_acts.approve,
            protocol.ProposePersonAct: self.person_acts.propose,
            protocol.ApprovePersonAct: self.approve_person_act,
            protocol.ProposeEnrolment: self.enrolments.propose,
            protocol.ApproveEnrolment: self.enrolments.approve,
            protocol.OpenInvitation: self.enrolments.open,
            protocol.CompleteEnrolment: self.enrolments.complete,
            protocol.ListKeys: lambda message: protocol.Keys(keys=self.keys.owned_by(message.user_id)),
            protocol.ProposePINReset: self.pin_resets.propose,
            protocol.ApprovePINReset: lambda message: self.settled(self.pin_resets.approve(message)),
            protocol.OfferPasskey: self.key_acts.changes.offer,
            protocol.ProposeKeyAct: self.key_acts.propose,
            protocol.ApproveKeyAct: lambda message: self.settled(self.key_acts.approve(message)),
            protocol.ListAllKeys: self.list_all_keys,
            protocol.ListKeyArchives: self.list_key_archives,
            protocol.ProposeKeyArchive: self.backup_acts.propose_archive,
            protocol.ProposeKeyRestore: self.backup_acts.propose_restore,
            protocol.ApproveKeyBackup: self.backup_acts.approve,
            protocol.ProposeKeyImport: self.key_imports.propose,
            protocol.ApproveKeyImport: self.key_imports.approve,
            protocol.ListWaitingActs: self.list_waiting_acts,
            protocol.ProposeReplacement: self.replacements.propose,
            protocol.ReviewReplacement: self.replacements.review,
            protocol.ApproveReplacement: self.replacements.approve,
            protocol.OfferReplacementCancel: self.replacements.offer_cancel,
            protocol.CancelReplacement: self.replacements.cancel,
            protocol.ListReplacements: self.list_replacements,
            protocol.OpenReplacement: self.completions.open,
            protocol.CompleteReplacement: self.complete_replacement,
            protocol.Instruct: self.instructing.instruct,
            protocol.Activate: self.activation.activate,
            protocol.Cancel: self.instructing.cancel,
            protocol.Sign: self.line.submit,
            protocol.Recall: self.evidence.recall,
            protocol.Evidence: self.evidence.evidence,
            protocol.ListEvents: self.history.events,
            protocol.ListNews: self.history.news,
            protocol.StateKey: self.statements.state,
            protocol.ProposeReading: self.auditing.readings.propose,
            protocol.BeginReading: self.auditing.readings.begin,
            protocol.EndReading: self.auditing.readings.end,
            protocol.SearchLog: self.auditing.search,
            protocol.ReadActivity: self.auditing.activity,
            protocol.OpenEntries: self.auditing.open,
            protocol.TimeStamp: lambda message: protocol.Reply(der=self.authority.time_stamp(message.request)),
            protocol.OCSP: lambda message: protocol.Reply(der=self.authority.online_status(message.request)),
            protocol.RevocationList: self.revocation_list,
        }

    def revocation_list(self, message: protocol.RevocationList) -> protocol.Reply:
        """The list of one of the built-in authorities."""
        return protocol.Reply(der=self.authority.revocation_list(message.authority))

    def offered(self) -> tuple[str, ...]:
        """Kinds of key that policy and vault both offer today."""
        foundation = self.keys.foundation
        offered = foundation.policy.offered(foundation.clock.now())
        return tuple(algorithm.value for algorithm in offered if algorithm in self.vault.algorithms)

    def list_all_keys(self, message: protocol.ListAllKeys) -> protocol.Keys:
        """A page of the keys of this service. Raises `Malformed`."""
        if not 1 <= message.limit <= _LONGEST_PAGE or len(message.user_ids) > _LONGEST_PAGE:
            raise Malformed("a page has 1 to 500 keys")
        return protocol.Keys(keys=self.keys.page(message))

    def list_key_archives(self, message: protocol.ListKeyArchives) -> protocol.KeyArchives:
        """A page of the archives of this service. Raises `Malformed`."""
        if not 1 <= message.limit <= _LONGEST_PAGE:
            raise Malformed("a page has 1 to 500 archives")
        return protocol.KeyArchives(archives=self.backup_acts.archives.page(message))

    def list_waiting_acts(self, message: protocol.ListWaitingActs) -> protocol.WaitingActs:
        """What waits for an officer, or for an owner. Raises `Malformed`."""
        if bool(message.officer_id) == bool(message.user_id):
            raise Malformed("name either an officer or an owner")
        return protocol.WaitingActs(acts=(*self.backup_acts.waiting(message), *self.key_imports.waiting(message)))

    def list_replacements(self, message: protocol.ListReplacements) -> protocol.ReplacementPage:
        """A page of replacements of lost passkeys. Raises `Malformed`."""
        if not 1 <= message.limit <= _LONGEST_PAGE:
            raise Malformed("a page has 1 to 500 replacements")
        return self.replacements.page(message)

    def complete_replacement(self, message: protocol.CompleteReplacement) -> protocol.ReplacementDone:
        """The answer, after letting go of archives that open with what was lost."""
        done = self.completions.complete(message)
        for key in self.keys.owned_by(done.replacement.user_id):
            self.backup_acts.archives.settle(key.key_id)
            self.residents.settle(key.key_id)
        return done

    def settled(self, done: _Settled) -> _Settled:
        """The answer, after letting go of archives that what was done has made useless, and of a key in the token
        that has ended."""
        self.backup_acts.archives.settle(done.key.key_id)
        self.residents.settle(done.key.key_id)
        return done

    def approve_person_act(self, message: protocol.ApprovePersonAct) -> protocol.PersonActDone:
        """The answer, after letting go of archives of the keys that ended, and of those in the token."""
        done = self.person_acts.approve(message)
        for key_id in done.ended_keys:
            self.backup_acts.archives.settle(key_id)
            self.residents.settle(key_id)
        return done

    def health(self) -> protocol.HealthReport:
        """Whether the parts answer now."""
        self.keys.foundation.database.check()
        problems: tuple[str, ...] = ()
        try:
            self.vault.check()
        except Unavailable:
            problems = ("vault",)
        try:
            require_right_time(self.keys.foundation.clock, protocol.TimeStamp(request=b""))
        except ClockBehind:
            problems += ("clock",)
        size = self.log.size
        return protocol.HealthReport(ready=not problems, problems=problems, log_size=size, warnings=self._warnings())

    @cached_property
    def _shard_began(self) -> int:
        """When the first entry of the open shard was written, in milliseconds. A shard is closed by another process
        only, while sam is stopped, so it is read once."""
        for _, leaf in self.log.entries(self.log.start):
            return int(msgspec.json.decode(leaf)["time"])
        return self.keys.foundation.now()

    def _warnings(self) -> tuple[str, ...]:
        """What signing goes on without, and should not for long."""
        found = {
            "time-anchor": self.anchors is not None and self.anchors.missing,
            "witness": any(standing.reason for standing in self.log.witness_standings()),
            "log-rotation": self.keys.foundation.now() - self._shard_began > _OLD_SHARD // timedelta(milliseconds=1),
            "revocation-untold": 0 < self.revocations.untold_since() < self.keys.foundation.now() - _DAY_MS,
            "signing-stopped": self.officer_acts.stops.all_stopped,
        }
        return tuple(name for name, holds in found.items() if holds)


def service_information(
    authority: BuiltInAuthority, log: SigningLog, *, backend: str, hpke_public_key: bytes, import_key: bytes
) -> protocol.ServiceInformation:
    """What `Hello` is answered with."""
    party = authority.foundation.relying_party
    issuing, root = authority.chain
    return protocol.ServiceInformation(
        version=__version__,
        service=party.rp_id,
        origin=party.origin,
        backend=backend,
        hpke_public_key=hpke_public_key,
        log_vkey=log.vkey,
        earlier_log_vkeys=log.earlier_vkeys,
        root_certificate=root,
        issuing_certificate=issuing,
        tsa_certificate=authority.tsa_certificate,
        import_key=import_key,
    )
