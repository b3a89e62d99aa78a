"""Who else could read or change sam's files: checked before each start, refused by name.

What must stay secret (master key, DB-2, what sam remembers of its log, TLS key) is readable by sam's user alone and
lies in a folder that others cannot enter. What others may read (the log, a configuration without passwords) must not be
theirs to write, nor must any folder above it, or they could put something else in its place.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from natsuin.config import Config
from natsuin.errors import Refused

_ANY_OTHER = 0o077
_OTHERS_WRITE = 0o022


class PermissionsLoose(Refused):
    """Others could read or change a file of sam's. The message names it, the hint mends it."""

    code = "permissions"


def check_permissions(config: Config) -> None:
    """Look at every file and folder that sam uses. What does not exist yet is left to whoever opens it.

    Raises:
        PermissionsLoose: the first that is too open, or somebody else's.
    """
    sam = config.sam
    for secret in _secret_files(config):
        _check(secret, _ANY_OTHER, "600")
    for folder in {file.parent for file in _secret_files(config)}:
        _check(folder, _OTHERS_WRITE if sam.master_key.startswith("credential:") else _ANY_OTHER, "700")
        _check_above(folder)
    if sam.address.startswith("unix:"):
        run = Path(sam.address.removeprefix("unix:")).parent
        others = bool(sam.allowed_uids or config.serve.web_user)
        _check(run, _OTHERS_WRITE if others else _ANY_OTHER, "2710" if others else "700")
        _check_above(run)
    for public in (sam.log_folder, sam.log_folder / "checkpoint", sam.log_folder / "tile"):
        _check(public, _OTHERS_WRITE, "go-w")
    _check_above(sam.log_folder)
    for trusted in (config.vault.module, config.keys.import_from):
        if trusted is not None:
            _check(trusted, _OTHERS_WRITE, "go-w")
            _check_above(trusted)
    check_configuration_file(config)


def check_configuration_file(config: Config) -> None:
    """See that nobody else could change the configuration, nor read it if it holds a password.

    Raises:
        PermissionsLoose: somebody could.
    """
    sam = config.sam
    if config.file is not None:
        secret_inside = any(urlsplit(url).password for url in (config.web.database, sam.database))
        _check(config.file, _ANY_OTHER if secret_inside else _OTHERS_WRITE, "600" if secret_inside else "go-w")
        _check_above(config.file)


def _secret_files(config: Config) -> Iterator[Path]:
    yield config.sam.master_key_file
    if config.vault.pin is not None:
        yield config.vault.pin_file
    for database in (_sqlite_file(config.sam.database), config.sam.log_state):
        if database is not None:
            yield database
            yield database.with_name(f"{database.name}-wal")
            yield database.with_name(f"{database.name}-shm")
    if config.sam.server_tls is not None:
        yield config.sam.server_tls.key


def _sqlite_file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _check(path: Path, forbidden: int, mode: str) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise PermissionsLoose(f"sam may not look at {path}.", hint=f"chown {_own_name()} {path}") from error
    if found.st_uid not in {os.geteuid(), 0}:
        raise PermissionsLoose(f"{path} belongs to another user.", hint=f"chown {_own_name()} {path}")
    if stat.S_IMODE(found.st_mode) & forbidden:
        what = "changed" if forbidden == _OTHERS_WRITE else "read or changed"
        raise PermissionsLoose(
            f"{path} could be {what} by others (mode {stat.S_IMODE(found.st_mode):04o}).", hint=f"chmod {mode} {path}"
        )


def _check_above(path: Path) -> None:
    """No folder above may let others swap what is below it, except one with the sticky bit, such as /tmp."""
    for folder in path.absolute().parents:
        found = folder.stat()
        if found.st_uid not in {os.geteuid(), 0}:
            raise PermissionsLoose(
                f"{folder}, above sam's files, belongs to another user.", hint=f"chown root {folder}"
            )
        mode = stat.S_IMODE(found.st_mode)
        if mode & _OTHERS_WRITE and not mode & stat.S_ISVTX:
            raise PermissionsLoose(
                f"{folder}, above sam's files, could be changed by others (mode {mode:04o}).",
                hint=f"chmod go-w {folder}",
            )


def _own_name() -> str:
    return str(os.geteuid())
