"""Validation: verdicts on signed documents, in lines that do not hide each other.

    report = validate_pdf(pdf, trust=[root_der], receipt=proof_text, log_vkey=vkey)
    report.overall                                   # valid, not_valid or cannot_tell
    for verdict in report.signatures: verdict.lines  # integrity, coverage, trust, revocation, time, log

Integrity: are the signed bytes unchanged. Coverage: is anything outside what was signed; later changes are accepted
only if they are time-stamps, validation data or further signatures. Trust: does the certificate lead to a root that
the asker trusts. Revocation: was it revoked, as far as the lists at hand tell. Time: is the time proven by a trusted
time-stamp. Log: does a receipt prove that the signing log holds the signature. Each line has a stable code, a status
(good, bad, unknown), and the text and the next step in English and Japanese.

Nothing is ever fetched. Only errors of `natsuin.errors` come out, whatever the bytes; servers call it through
`natsuin.web.isolation`, because a hostile PDF can cost a parser minutes and gigabytes. Everything is pure and thread
safe.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from natsuin.validation.report import Line, Overall, Report, SignatureVerdict, Status
from natsuin.validation.wording import codes

if TYPE_CHECKING:
    from natsuin.validation.checking import validate_pdf


def __getattr__(name: str) -> Any:
    # pyHanko takes a second to import, so it is imported at the first use.
    if name != "validate_pdf":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.checking").validate_pdf


__all__ = [
    "Line",
    "Overall",
    "Report",
    "SignatureVerdict",
    "Status",
    "codes",
    "validate_pdf",
]
