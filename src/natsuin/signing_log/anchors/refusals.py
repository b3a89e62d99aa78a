"""The errors of time anchors."""

from natsuin.errors import Malformed, Refused, Tampered, Unavailable


class BadRecord(Malformed):
    """Not an evidence record (RFC 4998) in the one form that is read here."""

    code = "log_bad_evidence_record"


class NotRenewable(Refused):
    """A renewal that would make a record that no verifier accepts."""

    code = "log_not_renewable"


class AnchorRefused(Refused):
    """A time-stamp or evidence record that does not prove what it must."""

    code = "log_anchor_refused"


class AuthorityUnreachable(Unavailable):
    """The time-stamp authority gave no answer, so that there is nothing to keep."""

    code = "log_time_stamp_unreachable"


class AnchorsDamaged(Tampered):
    """A folder of anchors holds what no anchoring left there, or speaks of another log."""

    code = "log_anchors_damaged"
