"""The path of one validation: open, take the signatures apart, judge each line by itself, then the whole."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import cms
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from natsuin.clock import SystemClock
from natsuin.documents import LIMIT_BYTES, hostile_input, open_reader
from natsuin.validation.coverage import coverage_of, end_of_range
from natsuin.validation.evidence import Found, claimed_time, common_name, signatures_of
from natsuin.validation.integrity import check_token, digest, imprint_hash, integrity_of
from natsuin.validation.receipts import Logged, log_line, read_receipt
from natsuin.validation.report import Line, Overall, Report, SignatureVerdict, Status
from natsuin.validation.revocation import revocation_line
from natsuin.validation.trust import Material, Trust, authority_trust, is_covered, material, signer_trust
from natsuin.validation.wording import line


def validate_pdf(
    pdf: bytes,
    *,
    trust: Sequence[bytes],
    at: datetime | None = None,
    receipt: str | None = None,
    log_vkey: str | None = None,
    intermediates: Sequence[bytes] = (),
    revocation_lists: Sequence[bytes] = (),
) -> Report:
    """Judge every signature of `pdf` and the document as a whole. Offline: never fetches anything.

    `trust` are the trusted roots, `intermediates` further certificates and `revocation_lists` lists of revoked ones
    (DER); `at` the time at which to judge (aware; now if None); `receipt` the text of a `.tlog-proof`, checked with the
    log's key `log_vkey`.

    A forged document gives a `Report`, not an error; what is no readable PDF raises `NotAPDF`, `BrokenDocument`,
    `EncryptedDocument` or `DocumentTooLarge`, and unreadable certificates raise `Malformed`. Pure; thread safe. It
    also works inside a running event loop, which it then holds up for as long as it takes; servers run it in a child
    process (`natsuin.web.isolation`).
    """
    moment = (at or SystemClock().now()).astimezone(UTC)
    reader = open_reader(pdf, limit=4 * LIMIT_BYTES)
    with hostile_input():
        # Hybrid files are judged like others: the library would refuse them while the reader calls itself strict.
        reader.strict = False
        used = material(reader, trust, intermediates, revocation_lists)
        context = _Context(pdf, moment, used, read_receipt(receipt, log_vkey))
        found = list(signatures_of(reader))
        verdicts = _judge_all(found, context)
    return _report(verdicts, moment, has_receipt=receipt is not None)


@dataclass(frozen=True)
class _Context:
    """What all signatures of one document are judged with."""

    pdf: bytes
    moment: datetime
    material: Material
    logged: Logged | Line


@dataclass(frozen=True)
class _Time:
    """The time line, and the time that is proven."""

    line: Line
    proven: datetime | None = None


def _judge_all(found: Sequence[Found], context: _Context) -> tuple[SignatureVerdict, ...]:
    values = [f.signature.signer_info["signature"].native for f in found if f.signature is not None]
    ends = [end_of_range(f.signature) if f.signature is not None else 0 for f in found]
    gaps = [_gap(f.signature) for f in found]
    verdicts = []
    for index, one in enumerate(found):
        if gaps[index] is not None and gaps.count(gaps[index]) > 1:
            verdicts.append(_unreadable(Found(one.field, one.kind, None, "two fields share one signature", one.reason)))
            continue
        more_follow = any(end > ends[index] for end in ends)
        verdicts.append(_judge(one, context, values, more_follow=more_follow))
    return tuple(verdicts)


def _gap(signature: EmbeddedPdfSignature | None) -> tuple[int, ...] | None:
    try:
        return (int(signature.byte_range[1]), int(signature.byte_range[2])) if signature is not None else None
    except (TypeError, ValueError, IndexError):
        return None


def _judge(one: Found, context: _Context, values: Sequence[bytes], *, more_follow: bool) -> SignatureVerdict:
    if one.signature is None:
        return _unreadable(one)
    try:
        return _readable(one, one.signature, context, values, more_follow=more_follow)
    except (
        Exception
    ):  # A forged signature makes the ASN.1 and PDF parsers raise anything; it is not valid, that is all.
        return _unreadable(Found(one.field, one.kind, None, "its structure is wrong", one.reason))


def _readable(
    one: Found, signature: EmbeddedPdfSignature, context: _Context, values: Sequence[bytes], *, more_follow: bool
) -> SignatureVerdict:
    certificates = extract_certs_for_validation(signature.signed_data)
    certificate, embedded = certificates.signer_cert, certificates.other_certs
    claimed = claimed_time(signature)
    time = (
        _token_time(signature.signed_data, context)
        if one.is_time_stamp
        else _signature_time(signature, claimed, context)
    )
    trusted_at = time.proven or context.moment
    judge = authority_trust if one.is_time_stamp else signer_trust
    verdict = judge(certificate, embedded, trusted_at, context.material)
    names = {"signer": common_name(certificate.subject), "issuer": common_name(certificate.issuer)}
    value = signature.signer_info["signature"].native
    return SignatureVerdict(
        field=one.field,
        level=_level(one, signature),
        certificate_sha256=hashlib.sha256(certificate.dump()).hexdigest(),
        reason=one.reason,
        claimed_time=claimed,
        proven_time=time.proven,
        integrity=integrity_of(one, context.pdf),
        coverage=coverage_of(signature, context.pdf, more_follow=more_follow),
        trust=_trust_line(verdict, names, proven=time.proven is not None),
        revocation=revocation_line(
            trusted=verdict is Trust.TRUSTED,
            revoked=verdict is Trust.REVOKED,
            covered=verdict is Trust.TRUSTED and is_covered(certificate, embedded, trusted_at, context.material),
            names=names,
        ),
        time=time.line,
        log=line("no_receipt") if one.is_time_stamp else log_line(context.logged, value, all_signatures=values),
        **names,
    )


def _unreadable(one: Found) -> SignatureVerdict:
    integrity = line("unreadable", detail=one.fault) if one.fault else line("unsupported", detail=one.kind or "?")
    return SignatureVerdict(
        field=one.field,
        level="other",
        signer="",
        issuer="",
        certificate_sha256="",
        reason=one.reason,
        claimed_time=None,
        proven_time=None,
        integrity=integrity,
        coverage=line("coverage_not_checked"),
        trust=line("trust_not_checked"),
        revocation=line("revocation_without_trust"),
        time=line("time_not_checked"),
        log=line("no_receipt"),
    )


def _level(one: Found, signature: EmbeddedPdfSignature) -> str:
    if one.is_time_stamp:
        return "time-stamp"
    if one.kind != "/ETSI.CAdES.detached":
        return "other"
    return "B-T" if next(extract_tst_data_iter(signature.signer_info, signed=False), None) is not None else "B-B"


def _trust_line(verdict: Trust, names: dict[str, str], *, proven: bool) -> Line:
    return line("expired_since" if verdict is Trust.OUT_OF_TIME and not proven else verdict.value, **names)


def _signature_time(signature: EmbeddedPdfSignature, claimed: datetime | None, context: _Context) -> _Time:
    best: _Time | None = None
    for token in extract_tst_data_iter(signature.signer_info, signed=False):
        imprint = digest(imprint_hash(token), signature.signer_info["signature"].native)
        if check_token(token, imprint).status is not Status.GOOD:
            return _Time(line("time_stamp_bad"))
        candidate = _token_time(token, context)
        if best is None or (candidate.proven is not None and (best.proven is None or candidate.proven < best.proven)):
            best = candidate
    if best is not None:
        return best
    return _Time(line("time_claimed", time=_written(claimed)) if claimed is not None else line("time_unknown"))


def _token_time(token: cms.SignedData, context: _Context) -> _Time:
    stamped = token["encap_content_info"]["content"].parsed["gen_time"].native.astimezone(UTC)
    certificates = extract_certs_for_validation(token)
    verdict = authority_trust(certificates.signer_cert, certificates.other_certs, context.moment, context.material)
    if verdict in (Trust.REVOKED, Trust.BAD_PATH, Trust.WRONG_USAGE) or stamped > context.moment.replace(
        microsecond=999999
    ):
        return _Time(line("time_stamp_bad"))
    if verdict is not Trust.TRUSTED:
        signer = common_name(certificates.signer_cert.subject)
        return _Time(line("time_stamp_untrusted", time=_written(stamped), signer=signer))
    return _Time(line("time_stamped", time=_written(stamped)), stamped)


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _report(verdicts: tuple[SignatureVerdict, ...], moment: datetime, *, has_receipt: bool) -> Report:
    if all(verdict.level == "time-stamp" for verdict in verdicts):
        bad = line("no_signature")
        return Report(overall=Overall.NOT_VALID, summary=bad, checked_at=moment, signatures=verdicts)
    overall = _overall(verdicts, has_receipt=has_receipt)
    unchecked = any(verdict.revocation.status is Status.UNKNOWN for verdict in verdicts)
    code = "valid_unless_revoked" if overall is Overall.VALID and unchecked else overall.value
    return Report(overall=overall, summary=line(code), checked_at=moment, signatures=verdicts)


def _overall(verdicts: Sequence[SignatureVerdict], *, has_receipt: bool) -> Overall:
    """Bad anywhere is not valid: the document is judged. Lacking a time-stamp, a receipt or revocation data hinders
    nothing; the summary tells of the last."""
    if any(entry.status is Status.BAD for verdict in verdicts for _, entry in verdict.lines):
        return Overall.NOT_VALID
    needed = [entry for v in verdicts for entry in (v.integrity, v.coverage, v.trust)]
    needed += [v.time for v in verdicts if v.time.code not in ("time_claimed", "time_unknown")]
    if has_receipt:
        needed += [v.log for v in verdicts if v.log.code == "no_log_key"]
    return Overall.VALID if all(entry.status is Status.GOOD for entry in needed) else Overall.CANNOT_TELL
