"""Time anchors that sam gets by itself: somebody's time-stamp over its newest checkpoint, day by day (docs/anchors.md).

What goes wrong here stops nothing: signing goes on, the log line says why, the health report warns, and it is tried
again. An anchor is kept before the log tells of it, so a crash may leave one without its entry, and never an entry
without its anchor.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog
from cryptography import x509

from natsuin import base64url
from natsuin.clock import milliseconds
from natsuin.config import Config, ConfigurationRefused
from natsuin.errors import NatsuinError
from natsuin.key_management import Foundation
from natsuin.log_settings import BUILT_IN
from natsuin.sam.built_in_authority import BuiltInAuthority
from natsuin.signing_log import (
    AnchorFolder,
    AnchorRefused,
    PublicLog,
    SigningLog,
    ask_token,
    first_record,
    parse_record,
    token_from,
)

_HASH = "sha256"
_LOOK_EVERY_SECONDS = 60.0
_LONGEST_DELAY_SECONDS = 3600.0
_CLOCK_DIFFERENCE = timedelta(minutes=5)

_log = structlog.get_logger("natsuin.sam")


@dataclass(frozen=True)
class StampingAuthority:
    """Whom to ask: `stamp` answers with a token over the bytes it is given, DER, which must lead to one of `trust`."""

    stamp: Callable[[bytes], bytes]
    trust: Sequence[x509.Certificate]


@dataclass
class TimeAnchors:
    """Keeps the folder of anchors, one folder in it for each shard, named by its number. Rounds are for one thread at
    a time; `covering` and `missing` for any.

    State: `missing` and `_due` are told by the last round.
    """

    foundation: Foundation
    log: SigningLog
    authority: StampingAuthority
    folder: Path
    interval: timedelta
    every_seconds: float = _LOOK_EVERY_SECONDS
    missing: bool = False
    """Whether an anchor is due that could not be had."""
    _due: datetime | None = None
    _closing: threading.Event = field(default_factory=threading.Event)

    def round(self) -> None:
        """Get the anchors that are due: of the shard that is written when the newest is older than the interval, of
        each closed one over its last checkpoint. Raises nothing but what ends the process."""
        now = self.foundation.clock.now()
        if self._due is not None and self._due - self.interval <= now < self._due:
            return
        try:
            *closed, current = enumerate(self.log.checkpoints(), 1)
            for number, note in closed:
                self._anchor(number, note, newest_is_enough=False)
            self._due = self._anchor(*current, newest_is_enough=True) + self.interval
        except (NatsuinError, OSError, ValueError) as error:
            self._due, self.missing = None, True
            _log.warning("sam.anchor_missing", code=getattr(error, "code", "unreadable"), reason=str(error))
        else:
            self.missing = False

    def covering(self, place: int) -> tuple[bytes, bytes] | None:
        """The first anchor over the entry at `place`: the receipt of the entry under the anchored checkpoint, and the
        evidence record over that note. None while there is none."""
        number, index = self.log.shard_of(place), self.log.index_of(place)
        folder = self._folder(number)
        try:
            size = next((size for size in folder.sizes() if size > index), None)
            if size is None:
                return None
            note = folder.checkpoint(size).decode()
            with self.log.public(number, note) as log:
                return log.receipt(index).tlog_proof().encode(), folder.record(size)
        except FileNotFoundError:
            return None
        except (NatsuinError, OSError, ValueError) as error:
            _log.warning("sam.anchor_unreadable", reason=str(error))
            return None

    def start(self) -> None:
        """Look again and again until `close`."""
        threading.Thread(target=self._keep, name="time-anchors", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()

    def _keep(self) -> None:
        delay = 0.0
        while not self._closing.wait(delay):
            self.round()
            # Who does not answer is not asked more and more, and not given up.
            delay = min(max(delay, self.every_seconds / 2) * 2, _LONGEST_DELAY_SECONDS)
            if not self.missing:
                delay = self.every_seconds

    def _anchor(self, number: int, note: str, *, newest_is_enough: bool) -> datetime:
        """See that a checkpoint of a shard has an anchor; when the newest one was made."""
        folder = self._folder(number)
        with folder.held(), self.log.public(number, note) as log:
            sizes, now = folder.sizes(), self.foundation.clock.now()
            if sizes:
                newest = self._newest(folder, sizes[-1], log)
                young = newest_is_enough and now - self.interval < newest <= now + _CLOCK_DIFFERENCE
                if sizes[-1] == log.size or young:
                    return newest
            content = note.encode()
            token = self.authority.stamp(content)
            record = first_record(token, _HASH).encoded()
            made = self._verified(record, content)
            if made < now - _CLOCK_DIFFERENCE:
                raise AnchorRefused("the time-stamp authority's clock is behind")
            folder.keep(log.size, content, record)
        self._tell(number, log.size, made, content=content, token=parse_record(record).chains[0][0].token)
        return made

    def _newest(self, folder: AnchorFolder, size: int, log: PublicLog) -> datetime:
        """When the newest anchor was made. Raises `AnchorRefused` or what the log is refused with, if it does not hold:
        a new one over another history would make that look old."""
        note = folder.checkpoint(size)
        log.consistency(note.decode("utf-8", "replace"))
        return self._verified(folder.record(size), note)

    def _verified(self, record: bytes, note: bytes) -> datetime:
        from natsuin.validation import verify_record

        return verify_record(record, note, self.authority.trust, now=self.foundation.clock.now()).existed_at

    def _tell(self, number: int, size: int, made: datetime, *, content: bytes, token: bytes) -> None:
        public = {
            "shard": number,
            "size": size,
            "stamped": milliseconds(made),
            "checkpoint": base64url.encode(hashlib.sha256(content).digest()),
            "token": base64url.encode(hashlib.sha256(token).digest()),
        }
        self.foundation.journal.record("time-anchor", public=public, private={})
        _log.info("sam.anchored", shard=number, size=size)

    def _folder(self, number: int) -> AnchorFolder:
        return AnchorFolder(self.folder / str(number))


def make_time_anchors(
    config: Config, foundation: Foundation, log: SigningLog, authority: BuiltInAuthority
) -> TimeAnchors | None:
    """As the configuration says; None where it says nothing. Nobody is asked yet. Raises `ConfigurationRefused`."""
    wanted = config.log.anchors
    if wanted is None:
        return None
    if wanted.tsa == BUILT_IN:
        whom = StampingAuthority(
            lambda covered: token_from(authority.time_stamp, covered, _HASH), [authority.root.certificate]
        )
    else:
        ask = partial(ask_token, wanted.tsa, algorithm=_HASH, authority=wanted.authority)
        whom = StampingAuthority(ask, _trusted(wanted.trust))
    return TimeAnchors(foundation, log, whom, wanted.folder, timedelta(hours=wanted.hours))


def _trusted(file: Path | None) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes()) if file is not None else []
    except (OSError, ValueError) as error:
        raise ConfigurationRefused("log.anchors.trust: this file holds no certificates in PEM.") from error
