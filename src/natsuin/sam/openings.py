"""What the host's custodian does with openings while sam is stopped: disclose some to an auditor or a court, see that
those about one person are erased. The signing log tells of both."""

from collections.abc import Collection

from natsuin.config import Config
from natsuin.key_management import disclosure, open_fields
from natsuin.sam.hardening import harden
from natsuin.sam.permissions import check_permissions
from natsuin.sam.process import open_sam


def erase_person(config: Config, user_id: str) -> None:
    """Return if every opening about a person is erased. Needs the host, as `invite_officer` does. Raises
    `StillKept`."""
    harden()
    check_permissions(config)
    sam = open_sam(config)
    try:
        sam.housekeeping.erasing.erase_person(user_id)
    finally:
        sam.close()


def disclose_openings(config: Config, names: Collection[str], fields: Collection[str], *, ground: str) -> bytes:
    """A file, JSON, that opens `fields` of the entries with these `tx`, and no other field.

    The log tells that it was made before it is there; the ground is committed to. Needs the host, as `invite_officer`
    does. Raises `NotFound` for an entry that commits to nothing or was erased, and for a field that none has.
    """
    harden()
    check_permissions(config)
    sam = open_sam(config)
    try:
        foundation = sam.handlers.keys.foundation
        with foundation.database.read() as connection:
            told = open_fields(connection, list(names), fields)
        private = {"ground": ground, "entries": sorted(names), "fields": sorted(fields)}
        foundation.journal.record("log-disclosed", public={"count": len(told)}, private=private)
        return disclosure((sam.log.vkey, *sam.log.earlier_vkeys), told)
    finally:
        sam.close()
