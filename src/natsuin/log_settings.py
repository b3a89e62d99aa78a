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


def _authority(told: str) -> str:
    if told == BUILT_IN:
        return told
    hint = 'write the address of a time-stamp authority, such as https://tsa.example.jp/, or "built-in"'
    try:
        parts = urlsplit(told)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(hint) from error
    # Plain http is usual and enough: what comes back is signed, and over a number that was just drawn.
    if parts.scheme not in {"http", "https"} or not host or parts.fragment or parts.username:
        raise ValueError(hint)
    return told


BUILT_IN = "built-in"


class AnchorsSection(Section):
    """Time anchors: whose time-stamps sam gets over its checkpoints by itself. None without this section."""

    tsa: Annotated[str, AfterValidator(_authority)]
    """Address of a time-stamp authority (RFC 3161 over HTTP), or `built-in`, which proves nothing to anybody else."""
    trust: FilePath | None = None
    """PEM: the roots that its tokens must lead to; not for `built-in`."""
    authority: FilePath | None = None
    """PEM: the only certificate authorities that count for an https address. Default: those of the operating system."""
    folder: FilePath
    """Where the anchors are kept, one folder for each shard; made if it is missing."""
    hours: int = Field(default=24, ge=1, le=24 * 31)
    """How long after one anchor the next is made."""

    @model_validator(mode="after")
    def _check_trust(self) -> "AnchorsSection":
        if (self.trust is None) != (self.tsa == BUILT_IN):
            raise ValueError(
                'trust names the roots of an authority elsewhere: an address needs it, "built-in" has its own'
            )
        return self


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
    anchors: AnchorsSection | None = None
    """Who says when a checkpoint existed."""

    @model_validator(mode="after")
    def _check_quorum(self) -> "LogSection":
        if self.witnesses and self.quorum > len(self.witnesses):
            raise ValueError("quorum is larger than the number of witnesses")
        if self.mode == "closed" and not self.witnesses:
            raise ValueError('mode = "closed" needs witnesses')
        return self
