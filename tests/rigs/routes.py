"""Every route of the application, found by asking the application itself."""

from collections.abc import Iterator
from typing import Any

import httpx2
from starlette.routing import BaseRoute, Mount

from natsuin.web.callers import Access
from natsuin.web.routing import ACCESS


def routes_of(routes: list[BaseRoute]) -> Iterator[tuple[str, str, Access]]:
    """Method, path and access of each route. A route without an access fails here."""
    for route in routes:
        if isinstance(route, Mount):
            continue
        if hasattr(route, "original_router"):
            yield from routes_of(route.original_router.routes)
            continue
        access = getattr(route, "access", None) or Access(route.openapi_extra[ACCESS])
        for method in sorted(route.methods - {"HEAD"}):
            yield method, route.path, access


def send(client: httpx2.Client, method: str, path: str, **rest: Any) -> httpx2.Response:
    return client.request(method, path, follow_redirects=False, **rest)
