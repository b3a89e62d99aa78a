"""Validation: verdicts on signed documents, in lines that do not hide each other.

    report = validate_pdf(pdf, trust=[root_der], receipt=proof_text, log_vkey=vkey)
    report.overall                                   # valid, not_valid or cannot_tell
    for verdict in report.signatures: verdict.lines  # integrity, coverage, trust, revocation, time, log

Integrity: are the signed bytes unchanged. Coverage: is anything outside what was signed; later changes are accepted
only if they are time-stamps, validation data or further signatures. Trust: does the certificate lead to a root that
the asker trusts. Revocation: was it revoked, as far as the lists at hand tell. Time: is the time proven by a trusted
time-stamp. Log: does a receipt prove that the signing log holds the signature. Each line has a stable code, a status
(good, bad, unknown), and the text and the next step in English and Japanese.

`read_evidence` and `judge_evidence` do the same for the evidence of a signature; their file is also a program of its
own that needs nothing of Natsuin. `verify_record` judges the evidence record of a time anchor.

Nothing is ever fetched. Only errors of `natsuin.errors` come out, whatever the bytes; servers call it through
`natsuin.web.isolation`, because a hostile PDF can cost a parser minutes and gigabytes. Everything is pure and thread
safe.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from natsuin.validation.report import Line, Overall, Report, SignatureVerdict, Status
from natsuin.validation.wording import codes

if TYPE_CHECKING:
    from natsuin.validation.check_evidence import EvidenceReport, judge_evidence, read_evidence, time_stamps_of
    from natsuin.validation.check_statement import StatementReport, is_statement, judge_statement
    from natsuin.validation.checking import validate_pdf
    from natsuin.validation.evidence_records import RecordVerdict, verify_record

_AT_FIRST_USE = {
    "EvidenceReport": "check_evidence",
    "RecordVerdict": "evidence_records",
    "StatementReport": "check_statement",
    "judge_statement": "check_statement",
    "is_statement": "check_statement",
    "judge_evidence": "check_evidence",
    "read_evidence": "check_evidence",
    "time_stamps_of": "check_evidence",
    "validate_pdf": "checking",
    "verify_record": "evidence_records",
}


def __getattr__(name: str) -> Any:
    # pyHanko takes a second to import, so it is imported at the first use.
    if name not in _AT_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_AT_FIRST_USE[name]}"), name)


__all__ = [
    "EvidenceReport",
    "Line",
    "Overall",
    "RecordVerdict",
    "Report",
    "SignatureVerdict",
    "StatementReport",
    "Status",
    "codes",
    "is_statement",
    "judge_evidence",
    "judge_statement",
    "read_evidence",
    "time_stamps_of",
    "validate_pdf",
    "verify_record",
]
