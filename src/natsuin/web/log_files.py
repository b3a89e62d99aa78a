"""The signing log's public files (C2SP tlog-tiles): checkpoint and tiles, read-only, as sam wrote them."""

import re
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from natsuin.errors import NotFound
from natsuin.web.callers import Access, Callers
from natsuin.web.routing import PlainRoute

_NUMBER = r"(?:x[0-9]{3}/){0,6}[0-9]{3}"
_TILE = re.compile(rf"tile/(?:[0-9]|[1-5][0-9]|6[0-3]|entries)/{_NUMBER}(?:\.p/[1-9][0-9]{{0,2}})?")
"""Every name a tile may have (tlog-tiles, "Merkle Tree", "Log entries"). Nothing else is ever looked for on the
disk."""


class LogFiles:
    """Serves `/log/...` from the log's folder."""

    def __init__(self, folder: Path, callers: Callers) -> None:
        self._folder = folder
        self._callers = callers

    def routes(self) -> list[BaseRoute]:
        """The route, open to everyone."""
        return [PlainRoute("/log/{name:path}", self.file, "GET", access=Access.PUBLIC, callers=self._callers)]

    async def file(self, request: Request) -> Response:
        """The checkpoint, always fresh, or a tile, which never changes."""
        name = request.path_params["name"]
        if name == "checkpoint":
            content = await to_thread.run_sync(self._read, name)
            return Response(content, media_type="text/plain", headers={"cache-control": "no-cache"})
        if not _TILE.fullmatch(name):
            raise NotFound("the log has no such file")
        content = await to_thread.run_sync(self._read, name)
        return Response(
            content,
            media_type="application/octet-stream",
            headers={"cache-control": "public, max-age=31536000, immutable"},
        )

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        try:
            if path.is_symlink():
                raise NotFound("the log has no such file")
            return path.read_bytes()
        except OSError as cause:
            raise NotFound("the log has no such file") from cause
