"""Verdicts on evidence records (RFC 4998, section 4.3 and 5.3): each time-stamp was good when the next one was made.

Pure: trust and the present moment come in, revocation is not looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from natsuin.algorithm_policy import Act, table
from natsuin.algorithms import KeyAlgorithm
from natsuin.signing_log import AnchorRefused, ArchiveTimeStamp, chain_subject, parse_record, walk_hash_tree
from natsuin.validation.check_evidence import build_path, only, parse_cms, stamp_certificate, stamped_time

CLOCK_DIFFERENCE = timedelta(minutes=5)
"""How far the clock of a time-stamp authority may be ahead of the one here."""

_OBJECT_IDENTIFIERS = {
    "sha256": "608648016503040201",
    "sha384": "608648016503040202",
    "sha512": "608648016503040203",
}
_CURVES = {"secp256r1": KeyAlgorithm.P_256, "secp384r1": KeyAlgorithm.P_384, "secp521r1": KeyAlgorithm.P_521}
_RSA = ((4096, KeyAlgorithm.RSA_4096), (3072, KeyAlgorithm.RSA_3072), (2048, KeyAlgorithm.RSA_2048))


@dataclass(frozen=True)
class RecordVerdict:
    """The data existed at `existed_at`; `renewed_at` is the newest time-stamp, to be renewed before `renew_before`,
    when its first certificate or algorithm ends. `algorithm` is its hash, as `hashlib` calls it."""

    existed_at: datetime
    renewed_at: datetime
    renew_before: datetime
    time_stamps: int
    algorithm: str


def verify_record(encoded: bytes, data: bytes, trust: Sequence[x509.Certificate], *, now: datetime) -> RecordVerdict:
    """What the evidence record `encoded` proves of `data` to somebody who trusts the roots `trust`, at `now` (UTC).

    Every time-stamp must be over what it has to be, lead to a root, and be replaced by the next before a certificate of
    its path ends, or an algorithm by CRYPTREC's table. Raises `BadRecord`, `AnchorRefused`.
    """
    record = parse_record(encoded)
    stamped: list[tuple[datetime, ArchiveTimeStamp]] = []
    for number, chain in enumerate(record.chains):
        subject = chain_subject(record.chains[:number], data, chain[0].algorithm)
        for each in chain:
            covered = walk_hash_tree(subject, each.lists, each.algorithm)
            stamped.append((_moment(each, covered, trust), each))
            subject = each.token
    moments = [moment for moment, _ in stamped]
    if moments != sorted(moments) or moments[-1] > now + CLOCK_DIFFERENCE:
        raise AnchorRefused("the time-stamps of this evidence record are not in the order of time")
    judged = [*moments[1:], max(now, moments[-1])]
    ends = [_end(each, trust, later) for (_, each), later in zip(stamped, judged, strict=True)]
    return RecordVerdict(moments[0], moments[-1], ends[-1], len(moments), stamped[-1][1].algorithm)


def _moment(stamp: ArchiveTimeStamp, covered: bytes, trust: Sequence[x509.Certificate]) -> datetime:
    """When the token of `stamp` was made over `covered`."""
    try:
        imprint = only(parse_cms(stamp.token).content).children()[2].children()[0].children()[0].hex
        moment = stamped_time(stamp.token, covered, [], trust)
    except Exception as error:  # Foreign bytes go through several parsers, each with errors of its own.
        raise AnchorRefused("a time-stamp of this evidence record does not prove what it must") from error
    if imprint != _OBJECT_IDENTIFIERS[stamp.algorithm]:
        raise AnchorRefused("a time-stamp of this evidence record has another hash algorithm than its chain")
    return moment


def _end(stamp: ArchiveTimeStamp, trust: Sequence[x509.Certificate], later: datetime) -> datetime:
    """When the first certificate above the token, or algorithm in it, ends, all of them being good at `later`."""
    try:
        cms = parse_cms(stamp.token)
        carried = [x509.load_der_x509_certificate(der) for der in cms.certificates]
        path = build_path(stamp_certificate(cms, carried), carried, trust, later)
    except Exception as error:
        raise AnchorRefused("a time-stamp of this evidence record was not renewed in time") from error
    days = [table().hashes.get(name) for name in (stamp.algorithm, cms.digest)]
    kinds = [kind for each in path if (kind := _kind(each)) is not None]
    days += [table().last_day(Act.SIGN, kind) for kind in kinds]
    # A signature is believed to the end of the day until which it may be made: the cautious reading of the table.
    algorithms = [datetime.combine(day, time.max, UTC) for day in days if day is not None]
    if any(end < later for end in algorithms):
        raise AnchorRefused("a time-stamp of this evidence record was not renewed before its algorithm ended")
    return min([each.not_valid_after_utc for each in path] + algorithms)


def _kind(certificate: x509.Certificate) -> KeyAlgorithm | None:
    """The row of the algorithm table, or None for a kind of key that the table says nothing of."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            raise AnchorRefused("a certificate above a time-stamp has too short a key")
        return next(kind for least, kind in _RSA if key.key_size >= least)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name)
    return KeyAlgorithm.ED25519 if isinstance(key, ed25519.Ed25519PublicKey) else None
