"""The configuration of an installation: one TOML file, read once, checked whole, never guessed.

`load` answers with frozen values in which every relative path has been resolved against the file's own folder. A key
may be overridden from the environment as NATSUIN_SECTION__KEY (such as NATSUIN_WEB__PORT). An unknown key, a wrong type
or a value that cannot work is refused with the key's name: a misspelt setting never becomes a silent default.

The file holds no secret: the master key is named by its place. `write_config` makes the file for `natsuin init`.
"""

import ipaddress
import json
import os
import tomllib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from natsuin.algorithm_settings import AlgorithmsSection
from natsuin.certification_settings import CertificationSection as CertificationSection
from natsuin.certification_settings import Text
from natsuin.errors import Conflict
from natsuin.log_settings import LogOrigin, LogSection
from natsuin.notice_settings import NoticesSection
from natsuin.settings import (
    FOLDER,
    CSCSection,
    FilePath,
    KeysSection,
    SecretSource,
    Section,
    ServeSection,
    VaultSection,
    resolved,
    secret_file,
    written_section,
)
from natsuin.settings import ConfigurationRefused as ConfigurationRefused

_MEBIBYTE = 1024 * 1024
LARGEST_DOCUMENT_BYTES = 64 * _MEBIBYTE
"""What the processes that read documents are made for (`natsuin.documents.LIMIT_BYTES`): it can be set lower only."""
_LONGEST_SOCKET_PATH = 107
"""Bytes in `sun_path` of sockaddr_un on Linux, without the closing zero (unix(7))."""


def _database(url: str) -> str:
    if url.startswith("postgresql://") and len(url) > len("postgresql://"):
        return url
    file = url.removeprefix("sqlite:///")
    if file == url or not file or file.startswith(":"):
        raise ValueError("write sqlite:///FILE or postgresql://user@host/name")
    return f"sqlite:///{resolved(Path(file))}"


def _address(address: str) -> str:
    kind, _, rest = address.partition(":")
    if kind == "unix" and rest:
        path = resolved(Path(rest))
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            raise ValueError(f"the socket's path is longer than {_LONGEST_SOCKET_PATH} bytes: use a shorter folder")
        return f"unix:{path}"
    host, _, port = rest.rpartition(":")
    if kind == "tls" and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
        return address
    raise ValueError("write unix:PATH or tls:HOST:PORT")


def _origin(origin: str) -> str:
    parts = urlsplit(origin)
    host = parts.hostname or ""
    canonical = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in {"http", "https"} or not host or origin != canonical or parts.username is not None:
        raise ValueError("write the address people use, without a path, such as https://sign.example.jp")
    if origin != origin.lower():
        raise ValueError("write it in lower case, as browsers do")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        raise ValueError("passkeys need a name, not an IP address: use http://localhost:PORT or https://NAME")
    if parts.scheme == "http" and host != "localhost" and not host.endswith(".localhost"):
        raise ValueError("passkeys need https; plain http works for localhost only")
    return origin


DatabaseURL = Annotated[str, AfterValidator(_database)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ServiceSection(Section):
    """Who this service is, for people and for passkeys."""

    name: Text = "Natsuin"
    origin: Annotated[str, AfterValidator(_origin)]
    """What stands in the browser's address line; the only origin whose approvals sam accepts."""
    rp_id: str = ""
    """WebAuthn relying party id: the origin's host or a parent domain of it. Default: the host. Never change it."""
    demo: bool = False
    """True writes "not for real use" into every certificate."""

    @model_validator(mode="before")
    @classmethod
    def _derive_rp_id(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("rp_id") and isinstance(values.get("origin"), str):
            return {**values, "rp_id": urlsplit(values["origin"]).hostname or ""}
        return values

    @model_validator(mode="after")
    def _check_rp_id(self) -> "ServiceSection":
        host = urlsplit(self.origin).hostname or ""
        if host != self.rp_id and not (host.endswith(f".{self.rp_id}") and "." in self.rp_id):
            raise ValueError("rp_id must be the host of origin or a parent domain of it")
        return self


class WebSection(Section):
    """The process that faces the network."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8710, ge=1, le=65535)
    database: DatabaseURL
    max_document_bytes: int = Field(default=LARGEST_DOCUMENT_BYTES, ge=1024, le=LARGEST_DOCUMENT_BYTES)
    max_bytes_per_person: int = Field(default=1024 * _MEBIBYTE, ge=1024)
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of reverse proxies whose word about a client's address is believed."""
    session_idle_seconds: int = Field(default=900, ge=60, le=86_400)
    session_life_seconds: int = Field(default=43_200, ge=60, le=604_800)
    step_up_seconds: int = Field(default=300, ge=30, le=43_200)
    """How long after a sign-in acts that ask for a fresh one go without another."""


class TLSSection(Section):
    """Mutual TLS between web and sam, for `address = "tls:HOST:PORT"`. PEM files; each side needs its own three."""

    certificate: FilePath
    key: FilePath
    authority: FilePath
    """Who may have certified the other side."""
    names: tuple[str, ...] = ()
    """sam only, and required there: DNS names of the clients it lets in."""


class SAMSection(Section):
    """The process that holds the keys, and how web reaches it."""

    address: Annotated[str, AfterValidator(_address)]
    """`unix:PATH` or `tls:HOST:PORT`."""
    database: DatabaseURL
    master_key: SecretSource
    """`file:PATH`, or `credential:NAME` of systemd's LoadCredential."""
    log_folder: FilePath
    """Checkpoint and tiles, readable by everybody, written by sam alone."""
    log_origin: LogOrigin
    log_state: FilePath
    """What sam remembers of its own log, so that a log that was cut back is found."""
    archive_folder: FilePath = Field(default="sam/archives", validate_default=True)
    """Where sam keeps copies of keys that only their signers can open."""
    archive_copies: int = Field(default=3, ge=1, le=10)
    """Most copies of one key, as few as continuity needs (EN 419 241-1, SRG_KM.2)."""
    threads: int = Field(default=8, ge=1, le=256)
    allowed_uids: tuple[int, ...] = ()
    """Operating system users that may speak to the Unix socket. Empty: sam's own user."""
    server_tls: TLSSection | None = None
    client_tls: TLSSection | None = None

    @model_validator(mode="after")
    def _check_tls(self) -> "SAMSection":
        if self.address.startswith("tls:") and self.server_tls is None and self.client_tls is None:
            raise ValueError("an address with tls: needs server_tls in sam's configuration and client_tls in web's")
        if self.server_tls is not None and not self.server_tls.names:
            raise ValueError("server_tls needs names, the DNS names in the certificates of web that are let in")
        return self

    @property
    def master_key_file(self) -> Path:
        """Where the master key is read from.

        Raises:
            ConfigurationRefused: it is a systemd credential, and this process was given none.
        """
        return secret_file(self.master_key, "sam.master_key")


class Config(BaseSettings):
    """A whole installation. Frozen."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="NATSUIN_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    service: ServiceSection
    web: WebSection
    sam: SAMSection
    ca: CertificationSection
    log: LogSection = LogSection()
    vault: VaultSection = VaultSection()
    algorithms: AlgorithmsSection = AlgorithmsSection()
    keys: KeysSection = KeysSection()
    notices: NoticesSection = NoticesSection()
    csc: CSCSection = CSCSection()
    serve: ServeSection = ServeSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file."""
        return env_settings, init_settings

    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The file it was read from, absolute."""
        return self._file

    @property
    def databases(self) -> tuple[tuple[Literal["web", "sam"], str], ...]:
        """Both databases: whose it is, and its address."""
        return (("web", self.web.database), ("sam", self.sam.database))

    @property
    def practice_statement_url(self) -> str:
        """Where the rules of certification can be read."""
        return self.ca.practice_statement_url or f"{self.service.origin}/help/limits"


def load(path: str | Path) -> Config:
    """Read and check the file.

    Raises:
        ConfigurationRefused: it is missing, not TOML, or a key of it cannot be used; the message names file and key.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationRefused(
            f"There is no configuration file {file}.", hint="Make an installation with `natsuin init --dir DIR`."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationRefused(f"The configuration file {file} cannot be read: {reason}.") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationRefused(f"{file} is not TOML: {error}.") from error
    return _checked(values, file)


def _checked(values: dict[str, Any], file: Path) -> Config:
    standing = FOLDER.set(file.absolute().parent)
    try:
        config = Config(**values)
        config._file = file.absolute()
        return config
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        parts = [str(part) for part in first["loc"]]
        variable = "NATSUIN_" + "__".join(parts).upper()
        place = f"The environment variable {variable}" if variable in os.environ else f"{file}: {'.'.join(parts)}"
        raise ConfigurationRefused(f"{place}: {_reason(first['type'], first['msg'])}.") from error
    except SettingsError as error:
        raise ConfigurationRefused(f"An environment variable NATSUIN_... cannot be read: {error}.") from error
    finally:
        FOLDER.reset(standing)


def _reason(kind: str, message: str) -> str:
    known = {"missing": "this key is missing", "extra_forbidden": "there is no such key"}
    text = known.get(kind, message.removeprefix("Value error, "))
    return text[:1].lower() + text[1:]


def write_config(
    folder: Path,
    *,
    origin: str,
    name: str = "Natsuin",
    demo: bool = False,
    vault: Mapping[str, Any] | None = None,
    serve: Mapping[str, Any] | None = None,
) -> Path:
    """Make `config.toml` in `folder`, mode 0600, for an installation that lives in this folder. Durable on return.

    `vault` is the content of section [vault]; without it keys are made in software. `serve` is that of [serve].

    Raises:
        Conflict: there is one already.
        ConfigurationRefused: `origin` or `name` cannot be used; nothing was written.
    """
    file = folder / "config.toml"
    parts = urlsplit(origin)
    host = parts.hostname or ""
    text = _TEMPLATE.format(
        name=json.dumps(name, ensure_ascii=False),
        origin=json.dumps(origin),
        rp_id=json.dumps(host),
        demo=json.dumps(demo),
        port=(parts.port or 80) if parts.scheme == "http" else 8710,
        log_origin=json.dumps(f"{host}/signing-log"),
        # ITU-T X.667: anybody may use 2.25 followed by a UUID of their own.
        policy_oid=json.dumps(f"2.25.{uuid.uuid4().int}"),
    )
    text += "".join(written_section(*part) for part in (("vault", vault), ("serve", serve)) if part[1])
    _checked(tomllib.loads(text), file)
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise Conflict(f"There is a configuration file already: {file}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return file


_TEMPLATE = """\
# Natsuin: the configuration of this installation. Paths are relative to this file's folder.
# Every key may be overridden from the environment: NATSUIN_WEB__PORT=8711.

[service]
name = {name}
# What people have in the address line of their browser. Approvals made for any other origin are refused.
origin = {origin}
# Passkeys are bound to this name for ever: changing it makes every passkey useless.
rp_id = {rp_id}
# true writes "not for real use" into every certificate.
demo = {demo}

[web]
host = "127.0.0.1"
port = {port}
database = "sqlite:///web/db1.sqlite"
max_document_bytes = 67108864

[sam]
# unix:PATH, or tls:HOST:PORT with [sam.server_tls] and [sam.client_tls] (certificate, key, authority).
address = "unix:run/sam.sock"
database = "sqlite:///sam/db2.sqlite"
# file:PATH, or credential:NAME for a systemd credential. Losing it loses every key: keep a copy elsewhere.
master_key = "file:sam/master.key"
log_folder = "log"
log_origin = {log_origin}
log_state = "sam/log-state.sqlite"
threads = 8

[ca]
organization = {name}
country = "JP"
policy_oid = {policy_oid}

# Signers' keys are made in software, unless a section [vault] names a token: see docs/hsm.md.
"""
