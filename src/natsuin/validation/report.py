"""What validation says: verdict lines apart from each other, and one overall answer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """How one line turned out; `UNKNOWN` when what is needed to tell is missing."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


class Overall(StrEnum):
    """The answer for the whole document."""

    VALID = "valid"
    NOT_VALID = "not_valid"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True)
class Line:
    """One verdict: a stable `code`, what it means and the next step in English and Japanese (a step may be empty)."""

    status: Status
    code: str
    text_en: str
    text_ja: str
    next_en: str = ""
    next_ja: str = ""


@dataclass(frozen=True, kw_only=True)
class SignatureVerdict:
    """One signature or document time-stamp.

    `signer`, `issuer`: names as the certificate gives them; `certificate_sha256`: hexadecimal. `claimed_time` is what
    the signer's side wrote, `proven_time` what a trusted time-stamp proves; both UTC. `level`: "B-B", "B-T" (PAdES
    baseline, ETSI EN 319 142-1), "time-stamp", or "other" for signatures that are no PAdES.
    """

    field: str
    level: str
    signer: str
    issuer: str
    certificate_sha256: str
    reason: str
    claimed_time: datetime | None
    proven_time: datetime | None
    integrity: Line
    coverage: Line
    trust: Line
    revocation: Line
    time: Line
    log: Line

    @property
    def lines(self) -> tuple[tuple[str, Line], ...]:
        """The six lines with their names, in the order in which people should read them."""
        return (
            ("integrity", self.integrity),
            ("coverage", self.coverage),
            ("trust", self.trust),
            ("revocation", self.revocation),
            ("time", self.time),
            ("log", self.log),
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """The verdict on a document at `checked_at` (UTC). `summary` is the overall answer in words."""

    overall: Overall
    summary: Line
    checked_at: datetime
    signatures: tuple[SignatureVerdict, ...]
