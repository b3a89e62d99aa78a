"""Public facts about the service."""

from typing import Any

from natsuin import base64url
from natsuin.web.callers import Access
from natsuin.web.routing import ApiRoutes
from natsuin.web.sam_calls import ServiceFacts
from natsuin.web.settings import WebSettings


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
            "hpke_public_key": base64url.encode(facts.hpke_public_key),
            "log_vkey": facts.log_vkey,
            "earlier_log_vkeys": list(facts.earlier_log_vkeys),
            "backend": facts.backend,
            "algorithms": list(facts.algorithms),
            "max_document_bytes": self._settings.max_document_bytes,
        }
