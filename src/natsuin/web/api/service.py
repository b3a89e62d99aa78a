"""Public facts about the service."""

import time
from typing import Any

from natsuin.algorithms import KeyAlgorithm
from natsuin.sam.protocol import Hello, ServiceInformation
from natsuin.web.api.fields import to_base64url
from natsuin.web.callers import Access
from natsuin.web.routing import ApiRoutes
from natsuin.web.sam_calls import Sam, ask
from natsuin.web.settings import WebSettings

_REMEMBER_SECONDS = 60.0


class ServiceFacts:
    """What sam says about itself, asked again once a minute. Used from one event loop."""

    def __init__(self, sam: Sam) -> None:
        self._sam = sam
        self._known: tuple[float, ServiceInformation] | None = None

    async def get(self) -> ServiceInformation:
        """sam's answer to Hello, at most a minute old. Raises `Unavailable` if sam does not answer."""
        if self._known is not None and time.monotonic() - self._known[0] < _REMEMBER_SECONDS:
            return self._known[1]
        answer = await ask(self._sam, Hello(), ServiceInformation)
        self._known = (time.monotonic(), answer)
        return answer


class ServiceAPI:
    """`/api/service`."""

    def __init__(self, facts: ServiceFacts, settings: WebSettings) -> None:
        self._facts = facts
        self._settings = settings

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the route."""
        routes.add("GET", "/api/service", self.describe, access=Access.PUBLIC)

    async def describe(self) -> dict[str, Any]:
        """Name, origin, public keys and limits."""
        facts = await self._facts.get()
        return {
            "name": self._settings.name,
            "version": facts.version,
            "origin": self._settings.origin,
            "rp_id": self._settings.rp_id,
            "demo": self._settings.demo,
            "hpke_public_key": to_base64url(facts.hpke_public_key),
            "log_vkey": facts.log_vkey,
            "backend": facts.backend,
            "algorithms": [algorithm.value for algorithm in KeyAlgorithm],
            "max_document_bytes": self._settings.max_document_bytes,
        }
