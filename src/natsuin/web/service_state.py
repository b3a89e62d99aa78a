"""How the service is, for officers: whether it can sign, what it goes on without, copies, applications.

Who runs the service, or looks after its security, also stops an application here, at once and alone; that is web's own
matter, of which sam and the signing log know nothing, so it asks for a fresh sign-in instead of an approved record.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from anyio import to_thread
from starlette.requests import Request

from natsuin.authentication.oauth import Clients
from natsuin.errors import NatsuinError
from natsuin.sam.protocol import Health, HealthReport
from natsuin.web.api.fields import Empty
from natsuin.web.backup_times import BackupTimes
from natsuin.web.callers import Access
from natsuin.web.pages import Context, Page
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ServiceFacts, ask

_PATIENCE_SECONDS = 5.0
_log = structlog.get_logger("natsuin.web")


@dataclass(frozen=True)
class ServiceState:
    """`/api/officer/service`, stopping of applications, and the page. Safe from several tasks."""

    sam: Sam
    facts: ServiceFacts
    clients: Clients
    times: BackupTimes

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        base = "/api/officer/applications/{client_id}"
        routes.add("GET", "/api/officer/service", self.state, access=Access.OFFICER)
        routes.add("POST", base + "/stop", self.stop, access=Access.SERVICE, fresh=True)
        routes.add("POST", base + "/resume", self.resume, access=Access.SERVICE, fresh=True)

    def page(self) -> Page:
        """The page."""
        return Page("/officer/service", "service_state", Access.OFFICER, self._context)

    async def state(self) -> dict[str, Any]:
        """Problems, for which nothing is signed now; warnings; times in milliseconds, 0 for never; applications."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                report = await ask(self.sam, Health(), HealthReport)
                facts = await self.facts.get()
            found: dict[str, Any] = {"problems": list(report.problems), "warnings": list(report.warnings)}
            found |= {"log_size": report.log_size, "version": facts.version, "backend": facts.backend}
        except (NatsuinError, TimeoutError):
            found = {"problems": ["sam"], "warnings": [], "log_size": 0, "version": "", "backend": ""}
        times = await to_thread.run_sync(self.times.read)
        applications = await to_thread.run_sync(self.clients.all)
        return {
            **found,
            "backup_at": times.backup_at,
            "rehearsal_at": times.rehearsal_at,
            "rehearsal_overdue": times.overdue,
            "applications": [
                {
                    "client_id": one.client_id,
                    "name": one.name,
                    "active": one.active,
                    "registered_at": one.created_at,
                }
                for one in applications
            ],
        }

    async def stop(self, client_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, Any]:
        """Refuse an application everything from now on, also with what it has. Raises `NotFound`."""
        return await self._set(client_id, caller.user_id, active=False)

    async def resume(self, client_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, Any]:
        """Let a stopped application ask again. Raises `NotFound`."""
        return await self._set(client_id, caller.user_id, active=True)

    async def _set(self, client_id: str, officer_id: str, *, active: bool) -> dict[str, Any]:
        await to_thread.run_sync(lambda: self.clients.set_state(client_id, active=active))
        _log.warning("application_resumed" if active else "application_stopped", client=client_id, officer=officer_id)
        return {"client_id": client_id, "active": active}

    async def _context(self, request: Request) -> Context:
        return await self.state()
