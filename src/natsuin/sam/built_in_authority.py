"""The built-in CA and time-stamp service as sam runs them: the pure functions of `certification` over sam's service
keys."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin.algorithm_policy import Act, AlgorithmPolicy
from natsuin.algorithms import KeyAlgorithm
from natsuin.certification import (
    Authority,
    CertificatePolicy,
    IssuingRules,
    PrivateKey,
    Publication,
    Responder,
    Revocation,
    RevocationReason,
    Standing,
    TimeStampAuthority,
    Validity,
    answer_ocsp,
    answer_time_stamp,
    check_request,
    issue_responder_certificate,
    issue_signer_certificate,
    issue_time_stamping_certificate,
    make_crl,
    make_issuing,
    make_request,
    make_root,
    service_subject,
)
from natsuin.clock import from_milliseconds, milliseconds
from natsuin.config import Config
from natsuin.errors import Conflict, Malformed
from natsuin.key_management import (
    ALGORITHMS,
    ISSUING,
    OCSP,
    ROOT,
    TSA,
    Certified,
    Foundation,
    ServiceKeys,
    certificate,
)
from natsuin.sam.protocol import Subject


def root_publication(config: Config) -> Publication:
    """Where the root publishes."""
    origin = config.service.origin
    return Publication(crl_url=f"{origin}/pki/root.crl", issuer_url=f"{origin}/pki/root.cer")


def issuing_rules(config: Config) -> IssuingRules:
    """The rules of the issuing authority."""
    origin = config.service.origin
    publication = Publication(
        crl_url=f"{origin}/pki/issuing.crl", issuer_url=f"{origin}/pki/issuing.cer", ocsp_url=f"{origin}/ocsp"
    )
    policy = CertificatePolicy(oid=config.ca.policy_oid, practice_statement_url=config.practice_statement_url)
    return IssuingRules(publication=publication, policy=policy, demo=config.service.demo)


def name_of(role: str, config: Config) -> Subject:
    """The name of one of the service's own certificates."""
    return service_subject(role, service=config.ca.organization, demo=config.service.demo, country=config.ca.country)


def establish(keys: ServiceKeys, config: Config) -> None:
    """Make keys and certificates of root, issuing CA and time-stamp service; durable on return. Only `natsuin init`."""

    def life(days: int, purpose: str) -> Validity:
        return _life(config.algorithms.policy, keys.clock.now(), timedelta(days=days), ALGORITHMS[purpose])

    root_key = keys.create(ROOT).private_key
    root = Authority(
        make_root(root_key, name_of("Root CA", config), validity=life(config.ca.root_days, ROOT)), root_key
    )
    keys.certify(ROOT, _der(root.certificate))
    issuing_key = keys.create(ISSUING).private_key
    issuing_certificate = make_issuing(
        root,
        issuing_key.public_key(),
        subject=name_of("Issuing CA", config),
        validity=life(config.ca.issuing_days, ISSUING),
        publication=root_publication(config),
    )
    keys.certify(ISSUING, _der(issuing_certificate))
    stamping = issue_time_stamping_certificate(
        Authority(issuing_certificate, issuing_key),
        keys.create(TSA).private_key.public_key(),
        subject=name_of("Time Stamp", config),
        validity=life(config.ca.time_stamp_days, TSA),
        rules=issuing_rules(config),
    )
    keys.certify(TSA, _der(stamping))
    keys.create(OCSP)


@dataclass
class BuiltInAuthority:
    """Issues and answers. Safe from several threads.

    State: `_responder` is replaced under `_lock` when its certificate comes near its end.
    """

    foundation: Foundation
    config: Config
    root: Authority
    issuing: Authority
    tsa: TimeStampAuthority
    ocsp_key: PrivateKey
    _responder: Responder | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, keys: ServiceKeys, foundation: Foundation, config: Config) -> "BuiltInAuthority":
        """Open what `establish` made."""
        root, issuing, stamping = keys.load(ROOT), keys.load(ISSUING), keys.load(TSA)
        issuing_certificate = x509.load_der_x509_certificate(issuing.certificate)
        return cls(
            foundation,
            config,
            Authority(x509.load_der_x509_certificate(root.certificate), root.private_key),
            Authority(issuing_certificate, issuing.private_key),
            TimeStampAuthority(
                x509.load_der_x509_certificate(stamping.certificate),
                stamping.private_key,
                config.ca.policy_oid,
                chain=(issuing_certificate,),
            ),
            keys.load(OCSP).private_key,
        )

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER, issuing CA first, root last."""
        return _der(self.issuing.certificate), _der(self.root.certificate)

    @property
    def tsa_certificate(self) -> bytes:
        """DER."""
        return _der(self.tsa.certificate)

    def certify(self, key: PrivateKey, subject: Subject, user_id: str, *, one_time: bool) -> Certified:
        """A signer's certificate for the open key, which proves possession in a certificate request.

        Where an outside authority certifies signers there is only the request yet. Raises `Conflict` for a key for one
        instruction then, because nobody outside answers within its life.
        """
        request = make_request(key, subject)
        checked = check_request(request, subject)
        if self.config.ca.signers == "outside":
            if one_time:
                raise Conflict("keys for one instruction need the built-in authority", hint="Sign with your own key.")
            return Certified(request)
        wanted = timedelta(minutes=self.config.ca.one_time_minutes) if one_time else self._signer_life()
        policy, now = self.foundation.policy, self.foundation.clock.now()
        policy.require(Act.SIGN, checked.algorithm, now)
        issued = issue_signer_certificate(
            self.issuing,
            checked,
            person_reference=user_id,
            validity=_life(policy, now, wanted, checked.algorithm),
            rules=issuing_rules(self.config),
        )
        return Certified(request, _der(issued))

    def _signer_life(self) -> timedelta:
        return timedelta(days=self.config.ca.signer_days)

    def time_stamp(self, request: bytes) -> bytes:
        """RFC 3161 answer, DER."""
        return answer_time_stamp(request, self.tsa, at=self.foundation.clock.now())

    def online_status(self, request: bytes) -> bytes:
        """RFC 6960 answer, DER."""
        at = self.foundation.clock.now()
        return answer_ocsp(request, self._current_responder(), standing_of=self._standing, at=at)

    def revocation_list(self, authority: str) -> bytes:
        """The CRL of `root` or `issuing`, DER, made now. Raises `Malformed` for another name."""
        authorities: dict[str, tuple[Authority, Callable[[], list[Revocation]]]] = {
            "root": (self.root, list),
            "issuing": (self.issuing, self._revoked),
        }
        if authority not in authorities:
            raise Malformed("there is no such authority", hint="Ask for root or issuing.")
        who, revoked = authorities[authority]
        now = self.foundation.clock.now()
        return make_crl(
            who,
            revoked(),
            number=milliseconds(now) // 1000,
            this_update=now,
            next_update=now + timedelta(days=self.config.ca.crl_days),
        )

    def _standing(self, serial: int) -> Revocation | Standing:
        with self.foundation.database.read() as connection:
            row = self.foundation.find(connection, certificate, serial=f"{serial:x}")
        if row is None:
            own = (self.tsa.certificate.serial_number, self._current_responder().certificate.serial_number)
            return Standing.GOOD if serial in own else Standing.UNKNOWN
        if row["revoked_at"]:
            return Revocation(serial, from_milliseconds(row["revoked_at"]), RevocationReason(row["reason"]))
        return Standing.GOOD

    def _revoked(self) -> list[Revocation]:
        query = sa.select(certificate).where(certificate.c.revoked_at > 0)
        with self.foundation.database.read() as connection:
            found = connection.execute(query).mappings().all()
        rows = [self.foundation.checked(certificate, row) for row in found]
        return [
            Revocation(int(row["serial"], 16), from_milliseconds(row["revoked_at"]), RevocationReason(row["reason"]))
            for row in rows
        ]

    def _half_a_life(self) -> timedelta:
        return timedelta(days=self.config.ca.responder_days) / 2

    def _current_responder(self) -> Responder:
        now = self.foundation.clock.now()
        with self._lock:
            responder = self._responder
            if responder is None or responder.certificate.not_valid_after_utc - now < self._half_a_life():
                issued = issue_responder_certificate(
                    self.issuing,
                    self.ocsp_key.public_key(),
                    subject=name_of("OCSP", self.config),
                    validity=_life(
                        self.foundation.policy, now, timedelta(days=self.config.ca.responder_days), ALGORITHMS[OCSP]
                    ),
                    rules=issuing_rules(self.config),
                )
                responder = self._responder = Responder(issued, self.ocsp_key, self.issuing.certificate)
            return responder


def _life(policy: AlgorithmPolicy, start: datetime, wanted: timedelta, algorithm: KeyAlgorithm) -> Validity:
    """From `start` for as long as wanted, but no longer than keys of this kind may sign."""
    validity = Validity.starting(start, wanted)
    end = policy.certificate_end(algorithm)
    return validity if end is None else Validity(validity.not_before, min(validity.not_after, end))


def _der(parsed: x509.Certificate) -> bytes:
    return parsed.public_bytes(Encoding.DER)
