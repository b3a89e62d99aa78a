"""The operating system users that web and sam run as, and how a process that was started as root becomes one of them.

Whoever takes over web must not find sam's files, memory and signals open to its user, so the two are different users
and neither is root (credentials(7)).
"""

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

from natsuin.config import Config
from natsuin.errors import Refused
from natsuin.sam.hardening import forbid_new_rights
from natsuin.settings import ConfigurationRefused, ServeSection

_HIGHEST_NUMBER = 2**32 - 2
"""uid_t has 32 bits, and -1 means "leave it as it is" (setresuid(2))."""


class AccountRefused(Refused):
    """The process is not, or cannot become, the user that the configuration names for it."""

    code = "account"


@dataclass(frozen=True)
class Account:
    """An operating system user: number, number of its own group, and where it is at home."""

    name: str
    user: int
    group: int
    home: str = "/"

    @classmethod
    def named(cls, name: str, key: str) -> "Account":
        """The user with this name or number. A number that no user has stands for a user and a group without names.

        Raises:
            ConfigurationRefused: there is no such user, or it is root. `key` is its place in the configuration.
        """
        number = int(name) if name.isascii() and name.isdigit() else None
        try:
            entry = pwd.getpwnam(name) if number is None else pwd.getpwuid(number)
        except (KeyError, OverflowError) as error:
            if number is None or number > _HIGHEST_NUMBER:
                hint = f"Make one: useradd --system --shell /usr/sbin/nologin {name}"
                raise ConfigurationRefused(f"{key}: there is no user {name!r} on this host.", hint=hint) from error
            account = cls(name, number, number)
        else:
            account = cls(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)
        if account.user == 0 or account.group == 0:
            raise ConfigurationRefused(f"{key}: {name!r} is root or in root's group, which is what this is to prevent.")
        return account


@dataclass(frozen=True)
class Accounts:
    """Who web and who sam is."""

    web: Account
    sam: Account

    @classmethod
    def of(cls, section: ServeSection) -> "Accounts | None":
        """The two users of the configuration, or None where it names none. Raises `ConfigurationRefused`."""
        if not section.web_user:
            return None
        found = cls(
            Account.named(section.web_user, "serve.web_user"), Account.named(section.sam_user, "serve.sam_user")
        )
        if found.web.user == found.sam.user:
            raise ConfigurationRefused("serve.web_user and serve.sam_user are the same user.")
        return found


def allowed_users(config: Config) -> frozenset[int]:
    """Who may speak to sam's Unix socket; nobody here means sam's own user alone. Raises `ConfigurationRefused`."""
    accounts = Accounts.of(config.serve)
    listed = frozenset(config.sam.allowed_uids)
    # The supervisor is root and asks whether sam is ready; root could read all of sam's files anyway.
    return listed if accounts is None else listed | {accounts.web.user, 0}


def become(account: Account) -> None:
    """Be this user for the rest of the process's life, without a way back.

    A process that was started as root gives up its groups, its group and its user in this order, since each step needs
    the rights that a later one takes away. Nothing that it executes can gain rights (PR_SET_NO_NEW_PRIVS).

    Raises:
        AccountRefused: it is another user already; the operating system refuses; a way back is left; or the user
            cannot read the program.
    """
    if os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(account.group, account.group, account.group)
            os.setresuid(account.user, account.user, account.user)
        except OSError as error:
            raise AccountRefused(f"The process cannot become the user {account.name}: {error.strerror}.") from error
        os.environ.update(HOME=account.home, USER=account.name, LOGNAME=account.name)
    elif os.geteuid() != account.user:
        raise AccountRefused(
            f"The configuration says that this process runs as {account.name}, and it was started as user "
            f"{os.geteuid()}.",
            hint=f"Start it as {account.name}, or as root, which then becomes {account.name}.",
        )
    forbid_new_rights()
    _require_no_way_back(account)
    _require_program(account)


def _require_no_way_back(account: Account) -> None:
    if set(os.getresuid()) != {account.user} or 0 in {*os.getresgid(), *os.getgroups()} or _permitted_rights():
        raise AccountRefused(f"The process runs as {account.name} and has kept rights of root's.")
    try:
        os.setuid(0)
    except OSError:
        return
    raise AccountRefused(f"The process runs as {account.name} and could become root again.")


def _permitted_rights() -> int:
    """The capabilities that the process could use (capabilities(7))."""
    for line in Path("/proc/thread-self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    raise AccountRefused("The kernel does not tell which rights the process has (/proc is missing).")


def _require_program(account: Account) -> None:
    for needed in (Path(sys.executable), Path(os.__file__), Path(__file__)):
        if not os.access(needed, os.R_OK):
            raise AccountRefused(
                f"The user {account.name} cannot read {needed}, which is part of the program.",
                hint="Install Natsuin and its Python where every user may read them, such as below /opt.",
            )
