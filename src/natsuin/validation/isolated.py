"""Validation of documents from strangers, in the child processes of `natsuin.documents.Workers`."""

from collections.abc import Sequence
from datetime import datetime

from natsuin.documents import Workers
from natsuin.validation.report import Report


def validate_isolated(
    workers: Workers,
    pdf: bytes,
    *,
    trust: Sequence[bytes],
    at: datetime | None = None,
    receipt: str | None = None,
    log_vkey: str | None = None,
    intermediates: Sequence[bytes] = (),
) -> Report:
    """`validate_pdf` in a child of `workers`; raises also what `Workers.run` raises. Thread safe."""
    return workers.run(
        "natsuin.validation.checking:validate_pdf",
        Report,
        pdf,
        trust=list(trust),
        at=at,
        receipt=receipt,
        log_vkey=log_vkey,
        intermediates=list(intermediates),
    )
