"""Which officers there are, what each may do, and which roles nobody has together (EN 419 241-1, SRG_M.1).

This table is sam's: web shows and hides pages by a table of its own, and sam refuses whatever web forgot to hide.

    registration officer   makes sure who people are: registers them, replaces lost passkeys, puts certificates in
    security officer       keys and trust: copies of keys, keys made elsewhere, naming officers, stopping the service
    system administrator   runs the service and looks at its state; decides nothing about people or keys
    auditor                reads the signing log, and nothing else

An auditor has no other role. A security officer is no system administrator, so that who runs the machines does not
also decide about keys. Registration and security go together where there are few people; separate them where you can.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import combinations
from types import MappingProxyType
from typing import Final

from natsuin.errors import Malformed


class OfficerRole(StrEnum):
    """As roles stand in invitations, records and rows."""

    REGISTRATION_OFFICER = "registration-officer"
    SECURITY_OFFICER = "security-officer"
    SYSTEM_ADMINISTRATOR = "system-administrator"
    AUDITOR = "auditor"


class Duty(StrEnum):
    """What only officers may do, in words that fit behind "may"."""

    REGISTER_PEOPLE = "register people"
    REPLACE_PASSKEYS = "replace lost passkeys"
    HOLD_KEYS = "suspend, resume and revoke keys"
    INSTALL_CERTIFICATES = "install certificates"
    COPY_KEYS = "archive and restore keys"
    TAKE_IN_KEYS = "take in keys that were made elsewhere"
    NAME_OFFICERS = "name and remove officers"
    STOP_SIGNING = "stop signing, and let it go on"
    OPEN_LOG = "disclose what the log commits to, or erase it early"
    READ_LOG = "read the signing log"


REGISTRATION_OFFICER: Final = OfficerRole.REGISTRATION_OFFICER
SECURITY_OFFICER: Final = OfficerRole.SECURITY_OFFICER
SYSTEM_ADMINISTRATOR: Final = OfficerRole.SYSTEM_ADMINISTRATOR
AUDITOR: Final = OfficerRole.AUDITOR
ROLES: Final = tuple(OfficerRole)
FIRST_ROLES: Final = (REGISTRATION_OFFICER, SECURITY_OFFICER)
"""What the first officer is, who can then name others."""

_WHO: Final = {
    REGISTRATION_OFFICER: "a registration officer",
    SECURITY_OFFICER: "a security officer",
    SYSTEM_ADMINISTRATOR: "a system administrator",
    AUDITOR: "an auditor",
}
MAY: Final[Mapping[Duty, frozenset[OfficerRole]]] = MappingProxyType(
    {
        Duty.REGISTER_PEOPLE: frozenset({REGISTRATION_OFFICER}),
        Duty.REPLACE_PASSKEYS: frozenset({REGISTRATION_OFFICER}),
        Duty.HOLD_KEYS: frozenset({REGISTRATION_OFFICER, SECURITY_OFFICER}),
        Duty.INSTALL_CERTIFICATES: frozenset({REGISTRATION_OFFICER}),
        Duty.COPY_KEYS: frozenset({SECURITY_OFFICER}),
        Duty.TAKE_IN_KEYS: frozenset({SECURITY_OFFICER}),
        Duty.NAME_OFFICERS: frozenset({SECURITY_OFFICER}),
        Duty.STOP_SIGNING: frozenset({SECURITY_OFFICER}),
        Duty.OPEN_LOG: frozenset({SECURITY_OFFICER}),
        Duty.READ_LOG: frozenset({AUDITOR}),
    }
)
_EXCLUDED: Final = frozenset(
    {frozenset({AUDITOR, other}) for other in ROLES if other is not AUDITOR}
    | {frozenset({SECURITY_OFFICER, SYSTEM_ADMINISTRATOR})}
)


def role_column(roles: tuple[str, ...]) -> str:
    """These roles as they are kept: each once, separated by blanks, in the order of `ROLES`.

    Raises:
        Malformed: there is none, one is unknown, or two exclude each other.
    """
    if not roles or not set(roles) <= set(ROLES):
        raise Malformed("there is no such role", hint=f"Choose of {', '.join(ROLES)}.")
    for pair in combinations(sorted(set(roles)), 2):
        if frozenset(pair) in _EXCLUDED:
            raise Malformed(f"nobody is {' and '.join(pair)} at once", hint="Invite two people.")
    return " ".join(role for role in ROLES if role in roles)


def may(column: str, duty: Duty) -> bool:
    """Whether somebody with these kept roles may do this."""
    return not MAY[duty].isdisjoint(column.split())


def who_may(duty: Duty) -> str:
    """Who may do this, in words."""
    return " or ".join(_WHO[role] for role in ROLES if role in MAY[duty])
