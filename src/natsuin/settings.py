"""What sections of the configuration are made of, and the section about the vault. The file is read in `config.py`."""

import json
import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from natsuin.errors import Refused

FOLDER: ContextVar[Path] = ContextVar("folder", default=Path())
"""What relative paths are relative to, while a configuration is being checked."""


class ConfigurationRefused(Refused):
    """The configuration cannot be used. The message names the file and the key."""

    code = "configuration"


def resolved(path: Path) -> Path:
    """`path`, absolute."""
    return Path(os.path.normpath(FOLDER.get().absolute() / path))


def _secret_source(source: str) -> str:
    kind, _, rest = source.partition(":")
    if kind == "file" and rest:
        return f"file:{resolved(Path(rest))}"
    if kind == "credential" and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", rest):
        return source
    raise ValueError("write file:PATH, or credential:NAME for a systemd credential")


FilePath = Annotated[Path, AfterValidator(resolved)]
SecretSource = Annotated[str, AfterValidator(_secret_source)]
"""`file:PATH`, or `credential:NAME` of systemd's LoadCredential."""


def secret_file(source: str, key: str) -> Path:
    """Where a `SecretSource` is read from. `key` is its name in the configuration.

    Raises:
        ConfigurationRefused: it is a systemd credential, and this process was given none.
    """
    kind, _, rest = source.partition(":")
    if kind == "file":
        return Path(rest)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ConfigurationRefused(
            f"{key} is the systemd credential {rest!r}, and this process was given no credentials.",
            hint=f"Start it from a unit with LoadCredential={rest}:FILE, or write file:PATH.",
        )
    return Path(folder) / rest


class Section(BaseModel):
    """One section: frozen, and without keys that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


class ServeSection(Section):
    """The operating system users that web and sam run as, by name or number: both, or neither."""

    web_user: str = Field(default="", coerce_numbers_to_str=True)
    """Who owns DB-1 and faces the network."""
    sam_user: str = Field(default="", coerce_numbers_to_str=True)
    """Who owns the keys, DB-2 and the log."""

    @model_validator(mode="after")
    def _check_both(self) -> "ServeSection":
        if bool(self.web_user) != bool(self.sam_user) or (self.web_user and self.web_user == self.sam_user):
            raise ValueError("write both web_user and sam_user, and two different users")
        return self


class KeysSection(Section):
    """Keys that are not made here, and passkeys that are lost."""

    import_from: FilePath | None = None
    """PEM: the authorities that may hand over keys which they made and certified for registered people."""
    replacement_wait_seconds: int = Field(default=259_200, ge=1, le=2_592_000)
    """How long everybody waits after two officers approved a new passkey for who lost all. At least an hour, but for
    demonstrations."""
    rehearsal_days: int = Field(default=90, ge=1, le=3650)
    """Officers are warned when no restoration of a backup was rehearsed for so long."""


class MailSection(Section):
    """A mail server. Without a host no mail is sent."""

    host: str = Field(default="", max_length=253)
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` is for a relay on this host."""
    sender: str = Field(default="", max_length=254, pattern=r"^([^@\s<>\"\\]{1,64}@[^@\s<>\"\\]{1,189})?$")
    """The address that mails come from."""
    user: str = ""
    password: SecretSource | None = None
    """The first line counts."""

    @model_validator(mode="after")
    def _check_complete(self) -> "MailSection":
        if self.host and not self.sender:
            raise ValueError("a mail server needs sender, the address that mails come from")
        if bool(self.user) != (self.password is not None) or (self.user and self.security == "none"):
            raise ValueError("write both user and password, and security starttls or tls, or neither of the two")
        return self


class CSCSection(Section):
    """What the API of the Cloud Signature Consortium says of the service (its method `info`)."""

    specs: str = Field(default="2.2.0.0", pattern=r"^2(\.[0-9]{1,3}){3}$")
    """The version that the second generation states; some clients want to see exactly theirs."""
    region: str = Field(default="JP", pattern=r"^[A-Z]{2}$")
    """ISO 3166-1."""
    language: str = Field(default="en", pattern=r"^[a-z]{2}(-[A-Z]{2})?$")
    """RFC 5646: in which the description is written."""
    description: str = Field(default="", max_length=255)


class VaultSection(Section):
    """Where signers' keys are made and used."""

    kind: Literal["software", "pkcs11"] = "software"
    module: FilePath | None = None
    """The maker's PKCS#11 library."""
    parameters: str = ""
    """Handed to the library when it is initialised, where its maker asks for that."""
    environment: dict[str, str] = {}
    """Environment variables for the one process that loads the library."""
    token: str = ""
    """The token's label."""
    pin: SecretSource | None = None
    """Of the token's user; the first line counts."""
    wrapping_key: str = Field(default="", pattern=r"^([0-9a-f]{2}){0,32}$")
    """CKA_ID of the wrapping key, hexadecimal."""
    sessions: int = Field(default=4, ge=1, le=64)
    deadline_seconds: float = Field(default=5.0, ge=0.5, le=60)
    """A call that takes longer is given up. Making a key may take twelve times as long."""
    allow_weak_token: bool = False
    """For trials only: accept a token that lets its wrapping key be taken out."""

    @model_validator(mode="after")
    def _check_complete(self) -> "VaultSection":
        if self.kind == "pkcs11":
            missing = [name for name in ("module", "token", "pin", "wrapping_key") if not getattr(self, name)]
            if missing:
                raise ValueError(f"a vault of kind pkcs11 needs {', '.join(missing)}")
        return self

    @property
    def pin_file(self) -> Path:
        """Where the PIN is read from. Raises `ConfigurationRefused` if there is none, or as `secret_file` does."""
        if self.pin is None:
            raise ConfigurationRefused("vault.pin is missing.", hint="Write file:PATH, or credential:NAME.")
        return secret_file(self.pin, "vault.pin")


def written_section(name: str, values: Mapping[str, Any] | None) -> str:
    """A section as it stands in the file (TOML). A value is a text, number, truth value, or a table of texts."""
    if not values:
        return ""
    lines = [f"{key} = {_written(value)}" for key, value in values.items()]
    return "\n".join(["", f"[{name}]", *lines, ""])


def _written(value: Any) -> str:
    # For these kinds of value JSON is also TOML, except for tables.
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {json.dumps(item, ensure_ascii=False)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
