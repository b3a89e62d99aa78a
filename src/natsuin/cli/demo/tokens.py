"""Tokens in software for trials: SoftHSM2 and the soft token of NSS, each in a folder of its own.

They behave like a hardware security module towards Natsuin and protect nothing: their keys lie in files.
"""

import os
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from natsuin.cli.init import new_vault_section
from natsuin.errors import NotFound, Unavailable

KINDS = ("softhsm2", "nss")
_SOFTHSM_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/*/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
_NSS_MODULES = ("/usr/lib/*/libsoftokn3.so", "/usr/lib/*/nss/libsoftokn3.so", "/usr/lib64/libsoftokn3.so")


@dataclass(frozen=True)
class TrialToken:
    """What section [vault] of the configuration must say, and the PIN, which is in `pin_file` as well."""

    module: str
    label: str
    pin: str = field(repr=False)
    pin_file: Path
    parameters: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    allow_weak_token: bool = False

    def vault_section(self) -> dict[str, Any]:
        """Section [vault] of a configuration that uses this token, with a wrapping key of its own."""
        return new_vault_section(
            Path(self.module),
            self.label,
            self.pin_file,
            parameters=self.parameters,
            environment=dict(self.environment),
            allow_weak_token=self.allow_weak_token,
        )


def make_trial_token(kind: str, folder: Path) -> TrialToken:
    """A new token of this kind, one of `KINDS`, in a new `folder`. Raises `NotFound` if its program is missing."""
    folder.mkdir(mode=0o700, parents=True)
    pin_file = folder / "pin"
    pin_file.touch(mode=0o600)
    pin = secrets.token_hex(8)
    pin_file.write_text(f"{pin}\n")
    return _softhsm(folder, pin, pin_file) if kind == "softhsm2" else _nss(folder, pin, pin_file)


def _softhsm(folder: Path, pin: str, pin_file: Path) -> TrialToken:
    module = _module(_SOFTHSM_MODULES, "softhsm2")
    (folder / "tokens").mkdir(mode=0o700)
    settings = folder / "softhsm2.conf"
    settings.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
        "slots.removable = false\n"
    )
    environment = {"SOFTHSM2_CONF": str(settings)}
    label = "natsuin-trial"
    officer = secrets.token_hex(8)
    _run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", officer, **environment)
    return TrialToken(module, label, pin, pin_file, environment=environment)


def _nss(folder: Path, pin: str, pin_file: Path) -> TrialToken:
    module = _module(_NSS_MODULES, "libnss3")
    database = folder / "database"
    database.mkdir(mode=0o700)
    _run("certutil", "-N", "-d", f"sql:{database}", "-f", str(pin_file))
    parameters = f"configdir='sql:{database}' certPrefix='' keyPrefix='' secmod='secmod.db' flags="
    return TrialToken(module, "NSS Certificate DB", pin, pin_file, parameters=parameters, allow_weak_token=True)


def _module(patterns: tuple[str, ...], package: str) -> str:
    for pattern in patterns:
        found = sorted(Path("/").glob(pattern.lstrip("/")))
        if found:
            return str(found[0])
    raise NotFound(f"no PKCS#11 module of {package} is installed", hint=f"Install the package {package}.")


def _run(*command: str, **environment: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})  # noqa: S603
    except FileNotFoundError as error:
        raise NotFound(f"the program {command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip()
        raise Unavailable(f"the program {command[0]} failed", hint=words) from error
