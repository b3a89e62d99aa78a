"""Telling outside authorities of the certificates of theirs that were revoked here, where the configuration says how.

What cannot be told stops nothing: it stays owed, the log line says why, it is tried again with growing delays, and the
health report warns after a day. The authority may hear of one revocation twice, under the same name.
"""

import json
import threading
from dataclasses import dataclass, field
from typing import Final

import structlog

from natsuin.clock import from_milliseconds, milliseconds
from natsuin.config import Config
from natsuin.errors import NatsuinError
from natsuin.key_management import Foundation, OutsideRevocations
from natsuin.sam.protocol import OutsideRevocation
from natsuin.webhooks import WebhookFailed, post, webhook_key

FORMAT: Final = "natsuin-revocation/v1"
_LOOK_EVERY_SECONDS = 15.0
_LONGEST_DELAY_SECONDS = 3600.0

_log = structlog.get_logger("natsuin.sam")


@dataclass
class OutsideTelling:
    """Posts what is owed to `url`, signed with `key`. Rounds are for one thread at a time."""

    foundation: Foundation
    url: str
    key: bytes = field(repr=False)
    every_seconds: float = _LOOK_EVERY_SECONDS
    _closing: threading.Event = field(default_factory=threading.Event)

    def round(self) -> bool:
        """Tell what is owed, oldest first, until one is not taken; answers whether all was. Raises nothing but what
        ends the process."""
        revocations = OutsideRevocations(self.foundation)
        try:
            for serial in revocations.untold_serials():
                one = revocations.untold(serial)
                if one is None or self._closing.is_set():
                    continue
                now = milliseconds(self.foundation.clock.now()) // 1000
                post(self.url, self.key, one.certificate_sha256, self.body(one), now=now)
                revocations.taken(one)
        except (WebhookFailed, NatsuinError) as error:
            _log.warning("sam.revocation_untold", reason=getattr(error, "code", str(error)))
            return False
        return True

    def body(self, one: OutsideRevocation) -> bytes:
        """What is posted: JSON, with nothing of the person."""
        told = {
            "format": FORMAT,
            "service": self.foundation.relying_party.rp_id,
            "issuer": one.issuer,
            "serial": one.serial,
            "certificate_sha256": one.certificate_sha256,
            "reason": one.reason,
            "revoked_at": f"{from_milliseconds(one.revoked_at):%Y-%m-%dT%H:%M:%SZ}",
        }
        return json.dumps(told).encode()

    def start(self) -> None:
        """Look again and again until `close`."""
        threading.Thread(target=self._keep, name="outside-telling", daemon=True).start()

    def close(self) -> None:
        """Tell nothing more."""
        self._closing.set()

    def _keep(self) -> None:
        delay = self.every_seconds
        while not self._closing.wait(delay):
            delay = self.every_seconds if self.round() else min(delay * 2, _LONGEST_DELAY_SECONDS)


def make_outside_telling(config: Config, foundation: Foundation) -> OutsideTelling | None:
    """As the configuration says; None where it says nothing. Raises `ConfigurationRefused` for an unusable secret."""
    url, secret = config.ca.outside_webhook, config.ca.outside_webhook_secret
    if url is None or secret is None:
        return None
    return OutsideTelling(foundation, url, webhook_key(secret, "ca.outside_webhook_secret"))
