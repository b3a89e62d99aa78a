"""Style sheets, scripts and fonts of the portal, with an entity tag; vendored files, whose content never changes, for
long."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from natsuin.errors import NotFound
from natsuin.web.problems import MethodNotAllowed

FOLDER = Path(__file__).parent / "static"
_VENDOR = "public, max-age=31536000, immutable"
_OWN = "public, no-cache"
_TYPES = {
    ".mjs": "text/javascript; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".bcmap": "application/octet-stream",
    ".pfb": "application/octet-stream",
    ".wasm": "application/wasm",
    ".icc": "application/octet-stream",
}


class PortalFiles(StaticFiles):
    """Files below `web/static`. Starlette refuses whatever would lead out of the folder; links are not followed."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER, follow_symlink=False, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file. Raises `NotFound`, `MethodNotAllowed`."""
        try:
            answer = await super().get_response(path, scope)
        except HTTPException as cause:
            if cause.status_code == 405:
                raise MethodNotAllowed("files can only be read") from cause
            raise NotFound("there is no such file") from cause
        except ValueError as cause:
            # A NUL in the address.
            raise NotFound("there is no such file") from cause
        answer.headers["cache-control"] = _VENDOR if path.startswith("vendor/") else _OWN
        kind = _TYPES.get(Path(path).suffix)
        if kind is not None:
            answer.headers["content-type"] = kind
        return answer
