"""Pages about what is on record: the register of people, a person's history, and with what everybody checks both
documents and log."""

from anyio import to_thread
from starlette.requests import Request

from natsuin.user_management import Register
from natsuin.web.callers import Access
from natsuin.web.history import Histories
from natsuin.web.keys import certificate_view
from natsuin.web.pages import Context, Page
from natsuin.web.sam_calls import ServiceFacts
from natsuin.web.settings import WebSettings

_LONGEST_INDEX = 15


class RecordPages:
    """The pages, to be added to the others."""

    def __init__(self, settings: WebSettings, *, facts: ServiceFacts, histories: Histories, register: Register) -> None:
        self._settings = settings
        self._facts = facts
        self._histories = histories
        self._register = register

    def pages(self) -> tuple[Page, ...]:
        """Each with its access."""
        return (
            Page("/verify", "verify", Access.PUBLIC, self._verify),
            Page("/help/check", "check", Access.PUBLIC, self._check),
            Page("/officer", "officer", Access.REGISTRAR, self._officer),
            Page("/history", "history", Access.SIGNER, self._history),
        )

    async def _verify(self, request: Request) -> Context:
        facts = await self._facts.get()
        return {
            "max_bytes": self._settings.max_document_bytes,
            "log_vkey": facts.log_vkey,
            "root": certificate_view(facts.root_certificate),
        }

    async def _officer(self, request: Request) -> Context:
        people = await to_thread.run_sync(self._register.people)
        return {
            "key_algorithms": (await self._facts.get()).algorithms,
            "in_token": (await self._facts.get()).backend == "pkcs11",
            "people": [
                {
                    "user_id": line.user_id,
                    "common_name": line.common_name,
                    "email": line.email,
                    "organization": line.organization,
                    "state": line.state,
                    "registered_at": line.proposed_at,
                    "invitation_expires_at": line.expires_at,
                }
                for line in people
            ],
        }

    async def _history(self, request: Request) -> Context:
        asked = request.query_params.get("before", "")
        before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= _LONGEST_INDEX else 0
        page = await self._histories.of(request.state.caller.user_id, before=before)
        return {"entries": page.entries, "older": page.older, "newest": before == 0}

    async def _check(self, request: Request) -> Context:
        facts = await self._facts.get()
        return {"log_vkey": facts.log_vkey, "root": certificate_view(facts.root_certificate)}
