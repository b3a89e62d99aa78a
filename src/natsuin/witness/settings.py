"""The settings of a witness: one TOML file of its own, and how a new witness is made.

Relative paths are relative to the file's folder. An unknown key is refused with its name.
"""

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import AfterValidator, Field, ValidationError

from natsuin.errors import Conflict, NatsuinError, NotFound
from natsuin.settings import FOLDER, ConfigurationRefused, FilePath, Section
from natsuin.signing_log import BadKey, KeyKind, LogKey, LoosePermissions, make_verifier_key, parse_verifier_key
from natsuin.witness.state import WitnessState

_LARGEST_KEY = 10_000


def _name(name: str) -> str:
    try:
        make_verifier_key(name, bytes(32), kind=KeyKind.COSIGNATURE)
    except BadKey as error:
        raise ValueError(error.message) from error
    return name


def _log_key(vkey: str) -> str:
    try:
        key = parse_verifier_key(vkey)
    except BadKey as error:
        raise ValueError(error.message) from error
    if key.kind is not KeyKind.ED25519:
        raise ValueError("this is not the verifier key of a log")
    return vkey


class WitnessedLog(Section):
    """A log that is witnessed."""

    vkey: Annotated[str, AfterValidator(_log_key)]
    """Its verifier key, from its operator, by a way that is trusted."""


class WitnessSettings(Section):
    """A whole witness."""

    name: Annotated[str, AfterValidator(_name)]
    """What stands in its verifier key and its cosignatures, such as witness.example.jp/w1."""
    key_file: FilePath = Field(default="witness.key", validate_default=True)
    state_file: FilePath = Field(default="witness.sqlite", validate_default=True)
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8720, ge=0, le=65535)
    """0 for any that is free, which is then printed."""
    logs: tuple[WitnessedLog, ...] = Field(default=(), max_length=1024)


def load_settings(file: Path) -> WitnessSettings:
    """Read and check the file. Raises `ConfigurationRefused`, which names file and key."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationRefused(
            f"The settings of the witness cannot be read: {file}: {reason}.",
            hint="Make a witness with `natsuin witness init`.",
        ) from error
    return _checked(values, file)


def _checked(values: dict[str, Any], file: Path) -> WitnessSettings:
    standing = FOLDER.set(file.absolute().parent)
    try:
        settings = WitnessSettings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationRefused(f"{file}: {place}: {first['msg'].removeprefix('Value error, ')}.") from error
    finally:
        FOLDER.reset(standing)
    origins = [parse_verifier_key(log.vkey).name for log in settings.logs]
    if len(set(origins)) != len(origins):
        raise ConfigurationRefused(f"{file}: logs: two of them have one name.")
    return settings


def read_key(path: Path) -> LogKey:
    """The witness's own key. Raises `NotFound`, `LoosePermissions`, `ConfigurationRefused`."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST_KEY)
    except OSError as error:
        raise NotFound(f"the key of the witness is missing: {path}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise LoosePermissions(f"others may read the key of the witness: {path}", hint="chmod 600")
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError) as error:
        raise ConfigurationRefused(f"this is not a private key in PEM: {path}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationRefused(f"the key of a witness is an Ed25519 key: {path}")
    return LogKey(key.public_key().public_bytes_raw(), key.sign)


def make_witness(folder: Path, name: str, *, port: int = 8720) -> tuple[Path, str]:
    """Make a witness with a new key in `folder`, which is made if it is missing: its settings, key and empty memory.

    Answers with the settings file and the verifier key. Raises `Conflict` where there is one, `ConfigurationRefused`
    for an unusable name.
    """
    file = folder / "witness.toml"
    text = _TEMPLATE.format(name=json.dumps(name, ensure_ascii=False), port=port)
    settings = _checked(tomllib.loads(text), file)
    key = Ed25519PrivateKey.generate()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_new(settings.key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        WitnessState.create(settings.state_file)
        _write_new(file, text.encode())
    except NatsuinError:
        settings.key_file.unlink()
        raise
    return file, str(make_verifier_key(name, key.public_key().public_bytes_raw(), kind=KeyKind.COSIGNATURE))


def _write_new(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise Conflict(f"there is something already: {path}") from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


_TEMPLATE = """\
# Natsuin: a witness of signing logs. Paths are relative to this file's folder.

# What stands in its verifier key and in its cosignatures. Another name needs another key.
name = {name}
key_file = "witness.key"
# What it has seen. Never put this file back from a backup: an older one lets a log be rolled back.
state_file = "witness.sqlite"
# Plain HTTP: let a proxy with TLS stand before it, or open a way for the logs only.
host = "127.0.0.1"
port = {port}

# One section for each log that is witnessed, with the verifier key that its operator gave you.
# [[logs]]
# vkey = "sign.example.jp/signing-log+0123abcd+..."
"""
