"""The section [log] of the configuration: what is set about the signing log, such as who witnesses it."""

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from natsuin.settings import FilePath, Section


def _log_origin(origin: str) -> str:
    # C2SP signed-note: a key name holds neither spaces nor plus signs.
    if not origin or any(character.isspace() or character == "+" for character in origin) or not origin.isprintable():
        raise ValueError("the log's name must not be empty or hold spaces or plus signs")
    return origin


def _witness_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError("write the address of a witness, such as https://witness.example.jp") from error
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or parts.username:
        raise ValueError("write the address of a witness, such as https://witness.example.jp")
    if parts.scheme == "http" and not _is_here(host):
        # Who stands between could say that the log was rolled back, which stops it.
        raise ValueError("a witness elsewhere is asked by https; plain http works for this host only")
    return url


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


LogOrigin = Annotated[str, AfterValidator(_log_origin)]


class WitnessSection(Section):
    """One witness of the log."""

    vkey: str = Field(pattern=r"^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$")
    """Its verifier key, from its operator, by a way that is trusted."""
    url: Annotated[str, AfterValidator(_witness_url)]
    """What stands before /add-checkpoint."""
    authority: FilePath | None = None
    """PEM: the only certificate authorities that count for this address. Default: those of the operating system."""


class RetentionSection(Section):
    """How long it can be told what the log's entries commit to."""

    years: int = Field(default=7, ge=1, le=100)
    """From the end of the certificate on. ETSI TS 119 431-1, OVR-6.4.6-01 wants seven at least."""


class LogSection(Section):
    """The signing log."""

    retention: RetentionSection = RetentionSection()
    mode: Literal["open", "closed"] = "open"
    """`closed`: nothing is released before a quorum of witnesses has cosigned it; `open`: it goes on without them."""
    quorum: int = Field(default=1, ge=1, le=32)
    """How many of the witnesses must cosign one checkpoint."""
    seconds: float = Field(default=2.0, ge=0.1, le=10)
    """How long one round of asking them may take."""
    witnesses: tuple[WitnessSection, ...] = Field(default=(), max_length=32)

    @model_validator(mode="after")
    def _check_quorum(self) -> "LogSection":
        if self.witnesses and self.quorum > len(self.witnesses):
            raise ValueError("quorum is larger than the number of witnesses")
        if self.mode == "closed" and not self.witnesses:
            raise ValueError('mode = "closed" needs witnesses')
        return self
