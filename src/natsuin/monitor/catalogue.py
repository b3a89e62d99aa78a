"""Which rule reads which type of entry. A type that is not here is told as `entry-unknown`; docs/log.md has the meaning
of each, and a test compares the two."""

from collections.abc import Iterator
from typing import Final

from natsuin.monitor import rules
from natsuin.monitor.entries import Seen, harmless, read_entry
from natsuin.monitor.rule_state import RuleState
from natsuin.monitor.rules import Circumstances, Found, Rule, told_as

CATALOGUE: Final[dict[str, Rule]] = {
    "approval-refused": rules.refused,
    "approved": rules.routine,
    "audit-begun": rules.privileged,
    "audit-read": rules.routine,
    "audit-refused": rules.refused,
    "boot": rules.booted,
    "ceremony": rules.privileged,
    "certificate-installed": rules.routine,
    "clock-accepted": rules.accepted_clock,
    "clock-stepped": rules.stepped_clock,
    "database-restored": told_as("database-restored", "known", "size"),
    "enrolment-approval-refused": rules.refused,
    "enrolment-approved": rules.routine,
    "enrolment-refused": rules.refused,
    "erasure": rules.routine,
    "erasure-refused": rules.routine,
    "genesis": rules.routine,
    "import-key-erased": rules.privileged,
    "import-key-made": rules.privileged,
    "instruction-cancelled": rules.routine,
    "intent": rules.intended,
    "invitation-withdrawn": rules.routine,
    "key-act-refused": rules.refused,
    "key-archived": rules.privileged,
    "key-backup-refused": rules.refused,
    "key-created": rules.routine,
    "key-destroyed": rules.routine,
    "key-import-refused": rules.refused,
    "key-imported": rules.privileged,
    "key-restored": rules.privileged,
    "key-resumed": rules.routine,
    "key-revoked": rules.routine,
    "key-stated": rules.routine,
    "key-suspended": rules.suspended,
    "log-disclosed": rules.privileged,
    "officer-act-proposed": rules.privileged,
    "officer-act-refused": rules.refused,
    "officer-invited": rules.privileged,
    "officer-registered": rules.privileged,
    "officer-removed": rules.privileged,
    "outcome": rules.ended,
    "passkeys-changed": rules.routine,
    "passkeys-replaced": rules.privileged,
    "person-act-refused": rules.refused,
    "person-ended": rules.privileged,
    "pin-changed": rules.routine,
    "pin-reset": rules.routine,
    "pin-reset-refused": rules.refused,
    "replacement-begun": rules.privileged,
    "replacement-cancelled": rules.privileged,
    "replacement-completed": rules.privileged,
    "replacement-proposed": rules.privileged,
    "replacement-refused": rules.refused,
    "resident-key-finding": told_as("resident-key", "finding"),
    "resident-key-unknown": told_as("resident-key"),
    "revocation-told": rules.routine,
    "rotated": rules.privileged,
    "secret-refused": rules.refused,
    "shutdown": rules.stopped,
    "signing-refused": rules.signing_refused,
    "signing-resumed": rules.privileged,
    "signing-stopped": rules.privileged,
    "time-anchor": rules.routine,
    "undelivered": told_as("undelivered"),
    "wrapping-key-destroyed": rules.privileged,
    "wrapping-key-made": rules.privileged,
}


def judge(state: RuleState, index: int, content: bytes, given: Circumstances) -> tuple[Seen | None, list[Found]]:
    """Read one entry, which was led back to the signed root: what it is, what is worth an alarm. Changes `state`."""
    seen = read_entry(index, content)
    if seen is None:
        return None, [Found("entry-unreadable", "form", index)]
    return seen, list(_judge(state, seen, given))


def _judge(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    yield from rules.check_time(state, seen, given)
    rule = CATALOGUE.get(seen.type)
    if rule is None:
        yield rules.found("entry-unknown", seen, "", type=harmless(seen.type))
    else:
        yield from rule(state, seen, given)
