"""Landlock (landlock(7)): the kernel refuses this process every file, and what else its version of Landlock knows."""

import ctypes
import os

from natsuin.web.isolation.kernel import system_call

_CREATE_RULESET = 444
_RESTRICT_SELF = 446
_VERSION_FLAG = 1

_FILES_SINCE = {1: 0x1FFF, 2: 0x2000, 3: 0x4000, 5: 0x8000}
"""Version -> rights over files and folders that it added: read, write, make, remove ...; refer; truncate; ioctl."""
_NETWORK_SINCE = {4: 0x3}
"""To bind and to connect TCP sockets."""
_SCOPES_SINCE = {6: 0x3}
"""Abstract Unix sockets of others, and signals to others."""


def forbid_everything() -> str:
    """Give up all rights that Landlock handles, for this process and its children; it needs no-new-privileges first.

    Returns the version in words. Raises `OSError`: the kernel is older than 5.13, or has Landlock switched off.
    """
    version = system_call(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    handled = [_known(table, version) for table in (_FILES_SINCE, _NETWORK_SINCE, _SCOPES_SINCE)]
    attributes = (ctypes.c_uint64 * 3)(*handled)
    # An older kernel accepts the longer structure as long as the part that it does not know is zero.
    ruleset = system_call(_CREATE_RULESET, attributes, ctypes.sizeof(attributes), 0)
    try:
        # The ruleset has no rule, and what no rule allows is refused.
        system_call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return f"Landlock {version}"


def _known(table: dict[int, int], version: int) -> int:
    return sum(rights for since, rights in table.items() if since <= version)
