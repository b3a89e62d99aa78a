"""Where a request comes from when a reverse proxy of the operator's passes it on.

Anybody can send `X-Forwarded-For` (as proxies do) or `Forwarded` (RFC 7239), so both are read only where the connection
comes from a trusted proxy, and only up to the first hop that is not one. Host and scheme are never taken from them.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from natsuin.config import Network

_MOST_HOPS = 32
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class TrustedProxies:
    """The networks from which forwarded addresses are believed. None, and nothing is believed."""

    networks: tuple[Network, ...] = ()

    def trusts(self, address: str | None) -> bool:
        """Whether this is the address of a trusted proxy."""
        return bool(self.networks) and _is_in(_parsed(address or ""), self.networks)

    def client_of(self, peer: str | None, headers: Headers) -> str | None:
        """The address of the client: `peer`, the other end of the connection, or who a trusted `peer` says it is.

        The last hop that is no trusted proxy counts. A hop that is no address, and two headers that could contradict
        each other, are not believed: then the last proxy that is known counts.
        """
        if not self.trusts(peer):
            return peer
        listed, standard = headers.getlist("x-forwarded-for"), headers.getlist("forwarded")
        if listed and standard:
            return peer
        hops = ",".join(listed).split(",") if listed else _hops(standard)
        known = peer
        for hop in list(reversed(hops))[:_MOST_HOPS]:
            address = _parsed(_without_port(hop.strip()))
            if address is None:
                break
            known = str(address)
            if not _is_in(address, self.networks):
                break
        return known


class ClientAddress:
    """Puts the client's address in the place of a trusted proxy's, for every layer inside."""

    def __init__(self, app: ASGIApp, *, proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        peer = scope.get("client")
        if scope["type"] == "http" and peer is not None and self._proxies.trusts(peer[0]):
            scope["client"] = (self._proxies.client_of(peer[0], Headers(scope=scope)), 0)
        await self._app(scope, receive, send)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def _is_in(address: _Address | None, networks: Iterable[Network]) -> bool:
    return address is not None and any(address in network for network in networks)


def _hops(values: list[str]) -> list[str]:
    """What stands after `for=` in each element of `Forwarded`; an element without it is a hop that is no address."""
    hops = []
    for element in ",".join(values).split(","):
        pairs = (pair.partition("=") for pair in element.split(";"))
        told = [value.strip().strip('"') for name, _, value in pairs if name.strip().lower() == "for"]
        hops.append(told[0] if len(told) == 1 else "")
    return hops


def _without_port(hop: str) -> str:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80` without the port."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
