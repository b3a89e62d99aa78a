"""Which part of sam answers which message of `natsuin.sam.protocol`. The table is complete: a test compares it with the
protocol."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from natsuin import __version__
from natsuin.errors import Malformed
from natsuin.key_management import Enrolments, KeyActs, Keys, Officers, PINResets
from natsuin.sam import protocol
from natsuin.sam.built_in_authority import BuiltInAuthority
from natsuin.signing import Activation, EvidenceRoom, Instructing, SigningLine
from natsuin.signing_log import SigningLog

_LONGEST_PAGE = 500
Handler = Callable[[Any], protocol.Response | Future[Any]]


@dataclass(frozen=True)
class Handlers:
    """Every service that web may reach, and nothing else. Safe from several threads."""

    information: protocol.ServiceInformation
    officers: Officers
    enrolments: Enrolments
    keys: Keys
    pin_resets: PINResets
    key_acts: KeyActs
    instructing: Instructing
    activation: Activation
    line: SigningLine
    evidence: EvidenceRoom
    authority: BuiltInAuthority
    log: SigningLog

    def answer(self, message: protocol.Request) -> "protocol.Response | Future[Any]":
        """The answer to any message, or a future of it. Raises what the one who answers it refuses with."""
        return self.table[type(message)](message)

    @cached_property
    def table(self) -> dict[type[protocol.Message], Handler]:
        """By kind of message, who answers it."""
        return {
            protocol.Hello: lambda _: self.information,
            protocol.Health: lambda _: self.health(),
            protocol.OpenOfficerInvitation: self.officers.open_invitation,
            protocol.RegisterOfficer: self.officers.register,
            protocol.ProposeEnrolment: self.enrolments.propose,
            protocol.ApproveEnrolment: self.enrolments.approve,
            protocol.OpenInvitation: self.enrolments.open,
            protocol.CompleteEnrolment: self.enrolments.complete,
            protocol.ListKeys: lambda message: protocol.Keys(keys=self.keys.owned_by(message.user_id)),
            protocol.ProposePINReset: self.pin_resets.propose,
            protocol.ApprovePINReset: self.pin_resets.approve,
            protocol.ProposeKeyAct: self.key_acts.propose,
            protocol.ApproveKeyAct: self.key_acts.approve,
            protocol.ListAllKeys: self.list_all_keys,
            protocol.Instruct: self.instructing.instruct,
            protocol.Activate: self.activation.activate,
            protocol.Cancel: self.instructing.cancel,
            protocol.Sign: self.line.submit,
            protocol.Evidence: self.evidence.evidence,
            protocol.TimeStamp: lambda message: protocol.Reply(der=self.authority.time_stamp(message.request)),
            protocol.OCSP: lambda message: protocol.Reply(der=self.authority.online_status(message.request)),
            protocol.RevocationList: lambda message: protocol.Reply(
                der=self.authority.revocation_list(message.authority)
            ),
        }

    def list_all_keys(self, message: protocol.ListAllKeys) -> protocol.Keys:
        """A page of the keys of this service. Raises `Malformed`."""
        if not 1 <= message.limit <= _LONGEST_PAGE:
            raise Malformed("a page has 1 to 500 keys")
        return protocol.Keys(keys=self.keys.page(message.after, message.limit))

    def health(self) -> protocol.HealthReport:
        """Whether the parts answer now."""
        self.keys.foundation.database.check()
        return protocol.HealthReport(ready=True, problems=(), log_size=self.log.size)


def service_information(
    authority: BuiltInAuthority, log: SigningLog, *, backend: str, hpke_public_key: bytes
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
        root_certificate=root,
        issuing_certificate=issuing,
        tsa_certificate=authority.tsa_certificate,
    )
