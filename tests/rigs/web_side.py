"""Plays web towards sam, honestly or not: every message of the protocol, sent by whatever carries it (a function or a
socket)."""

import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from natsuin import base64url
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import new_recovery_code, seal
from natsuin.sam import protocol as p

RP_ID = "localhost"
ORIGIN = "http://localhost:8710"
PIN = "correct horse 7"


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def attestation(device: SoftwareAuthenticator, challenge: bytes, user_id: str) -> p.Attestation:
    options = {
        "rp": {"id": RP_ID},
        "user": {"id": base64url.encode(user_id.encode())},
        "challenge": base64url.encode(challenge),
    }
    made = device.create(options)
    return p.Attestation(
        credential_id=base64url.decode(made["rawId"]),
        client_data_json=base64url.decode(made["response"]["clientDataJSON"]),
        attestation_object=base64url.decode(made["response"]["attestationObject"]),
        transports=("internal",),
    )


def assertion(device: SoftwareAuthenticator, challenge: bytes) -> p.Assertion:
    made = device.get({"rpId": RP_ID, "challenge": base64url.encode(challenge)})
    return p.Assertion(
        credential_id=base64url.decode(made["rawId"]),
        client_data_json=base64url.decode(made["response"]["clientDataJSON"]),
        authenticator_data=base64url.decode(made["response"]["authenticatorData"]),
        signature=base64url.decode(made["response"]["signature"]),
        user_handle=base64url.decode(made["response"]["userHandle"]),
    )


@dataclass
class Officer:
    user_id: str
    device: SoftwareAuthenticator


@dataclass
class Signer:
    user_id: str
    key: p.KeyInformation
    device: SoftwareAuthenticator
    pin: str = PIN
    recovery_code: str = ""


@dataclass
class WebSide:
    """`ask` sends one message and answers with sam's, raising the errors of natsuin.errors."""

    ask: Callable[[Any], Any]
    info: p.ServiceInformation = field(init=False)

    def __post_init__(self) -> None:
        self.info = self.ask(p.Hello())

    def device(self) -> SoftwareAuthenticator:
        return SoftwareAuthenticator(ORIGIN)

    def register_officer(self, token: str) -> Officer:
        offer = self.ask(p.OpenOfficerInvitation(token=token))
        device = self.device()
        made = self.ask(p.RegisterOfficer(token=token, attestation=attestation(device, offer.challenge, offer.user_id)))
        return Officer(made.user_id, device)

    def propose(self, officer: Officer, *, name: str = "山田 太郎", algorithm: str = "p-256", **wishes: Any) -> p.Act:
        return self.ask(
            p.ProposeEnrolment(
                officer_id=officer.user_id,
                user_id=uuid.uuid4().hex,
                subject=p.Subject(common_name=name, organization="例示株式会社"),
                evidence=p.IdentityEvidence(
                    kind="passport", reference="file 12", level=2, checked_by="佐藤", checked_at=1
                ),
                algorithm=algorithm,
                **wishes,
            )
        )

    def invite(self, officer: Officer, **wishes: Any) -> p.Invitation:
        act = self.propose(officer, **wishes)
        return self.ask(p.ApproveEnrolment(act_id=act.act_id, assertion=assertion(officer.device, act.challenge)))

    def enrol(self, invitation: p.Invitation, *, pin: str = PIN) -> Signer:
        opened = self.ask(p.OpenInvitation(token=invitation.token))
        device, recovery_code = self.device(), new_recovery_code()
        sealed = self.seal(p.HPKE_INFO_ENROL, opened.challenge, pin=pin, recovery_code=recovery_code)
        enrolled = self.ask(
            p.CompleteEnrolment(
                token=invitation.token,
                attestation=attestation(device, opened.challenge, opened.user_id),
                sealed_secrets=sealed,
            )
        )
        return Signer(opened.user_id, enrolled.key, device, pin, recovery_code)

    def seal(self, prefix: bytes, challenge: bytes, **secret: str) -> bytes:
        return seal(self.info.hpke_public_key, prefix + challenge, secret)

    def instruct(self, signer: Signer, digests: tuple[bytes, ...], **wishes: Any) -> p.Instruction:
        wishes.setdefault("scheme", {"p-256": "ecdsa-sha256"}.get(signer.key.algorithm, signer.key.schemes[0]))
        return self.ask(p.Instruct(key_id=signer.key.key_id, user_id=signer.user_id, digests=digests, **wishes))

    def activate(
        self, signer: Signer, instruction: p.Instruction, *, pin: str = "", by: SoftwareAuthenticator | None = None
    ) -> p.Activated:
        return self.ask(
            p.Activate(
                instruction_id=instruction.instruction_id,
                assertion=assertion(by or signer.device, instruction.challenge),
                sealed_pin=self.seal(p.HPKE_INFO_APPROVE, instruction.challenge, pin=pin or signer.pin),
            )
        )

    def approve(self, signer: Signer, digests: tuple[bytes, ...], **wishes: Any) -> bytes:
        return self.activate(signer, self.instruct(signer, digests, **wishes)).sad

    def propose_act(self, signer: Signer, act: str, *, officer: Officer | None = None, **wishes: Any) -> p.Act:
        return self.ask(
            p.ProposeKeyAct(
                key_id=signer.key.key_id,
                user_id=signer.user_id,
                act=act,
                officer_id=officer.user_id if officer else "",
                **wishes,
            )
        )

    def approve_act(self, act: p.Act, by: SoftwareAuthenticator, **secrets: str) -> p.KeyActDone:
        sealed = self.seal(p.HPKE_INFO_RENEW, act.challenge, **secrets) if secrets else b""
        return self.ask(
            p.ApproveKeyAct(act_id=act.act_id, assertion=assertion(by, act.challenge), sealed_secrets=sealed)
        )

    def act(
        self,
        signer: Signer,
        act: str,
        *,
        officer: Officer | None = None,
        secrets: dict[str, str] | None = None,
        **wishes: Any,
    ) -> p.KeyActDone:
        """Propose an act on the signer's key and approve it, as its owner or as an officer."""
        proposed = self.propose_act(signer, act, officer=officer, **wishes)
        return self.approve_act(proposed, officer.device if officer else signer.device, **(secrets or {}))

    def renew(self, signer: Signer, **wishes: Any) -> Signer:
        """The signer with a new key in place of the old one."""
        code = new_recovery_code()
        done = self.act(signer, "renew", secrets={"pin": signer.pin, "recovery_code": code}, **wishes)
        assert done.made is not None
        return Signer(signer.user_id, done.made, signer.device, signer.pin, code)

    def sign(self, sad: bytes, dtbs: tuple[bytes, ...], **wishes: Any) -> p.Signed:
        return self.ask(p.Sign(sad=sad, dtbs=dtbs, **wishes))


def digests(count: int) -> tuple[bytes, ...]:
    return tuple(secrets.token_bytes(32) for _ in range(count))
