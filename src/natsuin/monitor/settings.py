"""The monitor's own TOML file: what it watches, what is too much, and whom it tells."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError, model_validator

from natsuin.monitor.severity import Severity
from natsuin.settings import FOLDER, ConfigurationRefused, FilePath, MailSection, SecretSource, Section
from natsuin.signing_log import BadKey, parse_verifier_key
from natsuin.webhooks import webhook_key, webhook_url

_NAME = r"^[a-z0-9][a-z0-9-]{0,31}$"
_ADDRESS = r"^[^@\s<>\"\\,;]{1,64}@[^@\s<>\"\\,;]{1,189}$"
_LONGEST_FILE = 1 << 20


def _location(text: str) -> str:
    if "://" not in text:
        return str((FOLDER.get().absolute() / text).resolve())
    if urlsplit(text).scheme not in ("http", "https"):
        raise ValueError("write a folder, or an address that begins with http:// or https://")
    return text


def _verifier_key(text: str) -> str:
    try:
        return str(parse_verifier_key(text.strip()))
    except BadKey as error:
        raise ValueError("this is no verifier key") from error


Name = Annotated[str, Field(pattern=_NAME)]
Address = Annotated[str, Field(pattern=_ADDRESS)]
Least = Literal["notice", "warning", "critical"]


class LogSettings(Section):
    """One log that is followed."""

    name: Name
    """How alarms and metrics call it."""
    location: Annotated[str, AfterValidator(_location)]
    """A folder, or an http(s) address."""
    vkey: Annotated[str, AfterValidator(_verifier_key)]
    """The log's verifier key itself. Take it from elsewhere than the log."""


class WatchSettings(Section):
    """One key whose every use is told."""

    key: str = Field(pattern=r"^[0-9a-f]{32}$")
    mail: tuple[Address, ...] = ()
    webhooks: tuple[Name, ...] = ()


class LimitSettings(Section):
    """What is too much, too long or too far apart."""

    window_seconds: int = Field(default=3600, ge=60, le=604_800)
    """The time in which refusals and starts are counted."""
    refusals_per_key: int = Field(default=5, ge=1, le=1000)
    refusals: int = Field(default=50, ge=1, le=10_000)
    """Of all keys together."""
    boots: int = Field(default=3, ge=2, le=1000)
    open_intent_seconds: int = Field(default=300, ge=1, le=604_800)
    silent_seconds: int = Field(default=0, ge=0, le=31_536_000)
    """0: a log may be silent for as long as it likes."""
    unreachable_seconds: int = Field(default=900, ge=1, le=604_800)
    backwards_seconds: int = Field(default=5, ge=0, le=86_400)
    ahead_seconds: int = Field(default=60, ge=1, le=86_400)
    repeat_seconds: int = Field(default=3600, ge=1, le=604_800)
    """Alarms that say the same are told once in so long, and then how many there were."""
    remind_seconds: int = Field(default=86_400, ge=60, le=2_592_000)
    """A state that lasts is told again after so long."""
    alarms_per_hour: int = Field(default=60, ge=1, le=10_000)
    """Of one severity and one log; what is above is counted only."""


class ListenSettings(Section):
    """Where metrics and health are served."""

    host: str = "127.0.0.1"
    port: int = Field(default=9718, ge=0, le=65535)
    """0: nowhere."""


class WebhookSettings(Section):
    """One receiver over HTTP."""

    name: Name
    url: Annotated[str, AfterValidator(webhook_url)]
    secret: SecretSource
    """The first line counts: `whsec_` and base64, or a text of at least 16 bytes."""
    least: Least = "notice"

    def key(self) -> bytes:
        """What requests are signed with. Raises `ConfigurationRefused`."""
        return webhook_key(self.secret, f"the secret of webhook {self.name}")


class MailSettings(MailSection):
    """The mail server, and who gets every alarm by mail."""

    to: tuple[Address, ...] = ()
    least: Least = "warning"


class MonitorSettings(Section):
    """The whole file."""

    state: FilePath
    """The folder in which the monitor remembers what it read and whom it has still to tell."""
    interval_seconds: float = Field(default=60, ge=0.05, le=86_400)
    log: tuple[LogSettings, ...] = Field(min_length=1, max_length=64)
    watch: tuple[WatchSettings, ...] = Field(default=(), max_length=10_000)
    limits: LimitSettings = LimitSettings()
    listen: ListenSettings = ListenSettings()
    webhook: tuple[WebhookSettings, ...] = Field(default=(), max_length=32)
    mail: MailSettings = MailSettings()

    @model_validator(mode="after")
    def _check_names(self) -> "MonitorSettings":
        for kind, names in (
            ("log", [one.name for one in self.log]),
            ("webhook", [one.name for one in self.webhook]),
            ("watch", [one.key for one in self.watch]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"each [[{kind}]] needs a name or key of its own")
        hooks = {one.name for one in self.webhook}
        for watch in self.watch:
            if set(watch.webhooks) - hooks:
                raise ValueError("a [[watch]] names a webhook that is not there")
        if (self.mail.to or any(watch.mail for watch in self.watch)) and not self.mail.host:
            raise ValueError("mail needs host in [mail]")
        return self


def least(setting: Least) -> Severity:
    """The severity that a receiver wants at least."""
    return Severity[setting.upper()]


def load_settings(file: Path) -> MonitorSettings:
    """Read and check the file.

    Raises:
        ConfigurationRefused: it is missing, not TOML, or a key of it cannot be used; the message names file and key.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_LONGEST_FILE)
        values = tomllib.loads(content.decode("utf-8"))
    except FileNotFoundError as error:
        hint = "Write one with `natsuin monitor init`."
        raise ConfigurationRefused(f"There is no file {file}.", hint=hint) from error
    except OSError as error:
        raise ConfigurationRefused(f"The file {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigurationRefused(f"{file} is not TOML: {error}.") from error
    return _checked(values, file)


def _checked(values: dict[str, Any], file: Path) -> MonitorSettings:
    standing = FOLDER.set(file.absolute().parent)
    try:
        settings = MonitorSettings(**values)
        for webhook in settings.webhook:
            webhook.key()
        return settings
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
        known = {"missing": "this key is missing", "extra_forbidden": "there is no such key"}
        text = known.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise ConfigurationRefused(f"{file}: {place}: {text[:1].lower()}{text[1:]}.") from error
    finally:
        FOLDER.reset(standing)
