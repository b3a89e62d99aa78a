"""Public services of the certification authority and the time-stamp authority. web only passes them through to sam."""

import base64
import binascii
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from natsuin.authentication import Throttle
from natsuin.errors import Malformed
from natsuin.sam.protocol import OCSP, Reply, TimeStamp
from natsuin.web.callers import Access, Callers
from natsuin.web.problems import UnsupportedMediaType
from natsuin.web.requests import media_type, sender
from natsuin.web.revocation_lists import REMEMBER_SECONDS, RevocationLists
from natsuin.web.routing import PlainRoute
from natsuin.web.sam_calls import Sam, ServiceFacts, ask

_CERTIFICATE_SECONDS = 3600


class PublicPKI:
    """Certificates and CRLs (RFC 5280), OCSP (RFC 6960 appendix A), time-stamps (RFC 3161 section 3.4)."""

    def __init__(self, sam: Sam, facts: ServiceFacts, lists: RevocationLists, callers: Callers) -> None:
        self._sam = sam
        self._facts = facts
        self._callers = callers
        self._requests = Throttle(100, seconds=0.05)
        self._lists = lists

    def routes(self) -> list[BaseRoute]:
        """All routes, open to everyone."""
        table = (
            ("GET", "/pki/root.cer", self.root_certificate),
            ("GET", "/pki/issuing.cer", self.issuing_certificate),
            ("GET", "/pki/root.crl", self.root_list),
            ("GET", "/pki/issuing.crl", self.issuing_list),
            ("POST", "/ocsp", self.status),
            ("GET", "/ocsp/{request:path}", self.status_by_address),
            ("POST", "/tsa", self.time_stamp),
        )
        return [
            PlainRoute(path, endpoint, method, access=Access.PUBLIC, callers=self._callers)
            for method, path, endpoint in table
        ]

    async def root_certificate(self, request: Request) -> Response:
        """The root's certificate."""
        return _certificate((await self._facts.get()).root_certificate)

    async def issuing_certificate(self, request: Request) -> Response:
        """The issuing authority's certificate."""
        return _certificate((await self._facts.get()).issuing_certificate)

    async def root_list(self, request: Request) -> Response:
        """The root's CRL."""
        return await self._list("root")

    async def issuing_list(self, request: Request) -> Response:
        """The issuing authority's CRL."""
        return await self._list("issuing")

    async def status(self, request: Request) -> Response:
        """OCSP by POST."""
        self._take(request)
        _require_type(request, "application/ocsp-request")
        return await self._status(await request.body())

    async def status_by_address(self, request: Request) -> Response:
        """OCSP by GET: the request in base64 in the address."""
        self._take(request)
        text = unquote(request.path_params["request"])
        try:
            der = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError) as cause:
            raise Malformed("the request in the address is not base64") from cause
        return await self._status(der)

    async def time_stamp(self, request: Request) -> Response:
        """A time-stamp."""
        self._take(request)
        _require_type(request, "application/timestamp-query")
        reply = await ask(self._sam, TimeStamp(request=await request.body()), Reply)
        return Response(reply.der, media_type="application/timestamp-reply")

    async def _status(self, der: bytes) -> Response:
        reply = await ask(self._sam, OCSP(request=der), Reply)
        return Response(reply.der, media_type="application/ocsp-response")

    async def _list(self, authority: str) -> Response:
        der = await self._lists.of(authority)
        return Response(der, media_type="application/pkix-crl", headers=_cached(REMEMBER_SECONDS))

    def _take(self, request: Request) -> None:
        self._requests.take(sender(request))


def _certificate(der: bytes) -> Response:
    return Response(der, media_type="application/pkix-cert", headers=_cached(_CERTIFICATE_SECONDS))


def _cached(seconds: int) -> dict[str, str]:
    return {"cache-control": f"public, max-age={seconds}"}


def _require_type(request: Request, expected: str) -> None:
    if media_type(request) != expected:
        raise UnsupportedMediaType(f"the body must be {expected}")
