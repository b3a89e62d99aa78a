"""The signing log's public files (C2SP tlog-tiles): checkpoint and tiles, read-only, as sam wrote them."""

import hashlib
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
_WIDTH = r"(?:[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_SHARD = r"(?:shards/[a-z0-9][a-z0-9-]{0,31}/)?"
_TILE = re.compile(rf"{_SHARD}tile/(?:[0-9]|[1-5][0-9]|6[0-3]|entries)/{_NUMBER}(?:\.p/{_WIDTH})?", re.ASCII)
"""Every name a tile may have (tlog-tiles, "Merkle Tree", "Log entries"). Nothing else is ever looked for on the
disk."""

_NEWEST = re.compile(rf"{_SHARD}checkpoint", re.ASCII)
_CHECKPOINT = "no-cache"
_FOREVER = "public, max-age=31536000, immutable"


class LogFiles:
    """Serves `/log/...` from the log's folder."""

    def __init__(self, folder: Path, callers: Callers) -> None:
        self._folder = folder
        self._callers = callers

    def routes(self) -> list[BaseRoute]:
        """The route, open to everyone."""
        return [PlainRoute("/log/{name:path}", self.file, "GET", access=Access.PUBLIC, callers=self._callers)]

    async def file(self, request: Request) -> Response:
        """The checkpoint, which must be asked for each time, or a tile, which never changes.

        What is not there is `NotFound`, which nobody keeps: it may be there a moment later.
        """
        name = request.path_params["name"]
        checkpoint = _NEWEST.fullmatch(name) is not None
        if not checkpoint and not _TILE.fullmatch(name):
            raise NotFound("the log has no such file")
        content = await to_thread.run_sync(self._read, name)
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"cache-control": _CHECKPOINT if checkpoint else _FOREVER, "etag": etag}
        if _names(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type="text/plain" if checkpoint else "application/octet-stream", headers=headers)

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        try:
            if path.is_symlink():
                raise NotFound("the log has no such file")
            return path.read_bytes()
        except OSError as cause:
            raise NotFound("the log has no such file") from cause


def _names(condition: str, etag: str) -> bool:
    """Whether `If-None-Match` names the file as it is (RFC 9110, 13.1.2)."""
    return condition.strip() == "*" or etag in [part.strip().removeprefix("W/") for part in condition.split(",")]
