"""Answers that give a file: exactly its bytes, under a name that no browser can misread (RFC 6266, RFC 8187)."""

import re
from urllib.parse import quote

from starlette.responses import Response

_PLAIN = re.compile(r"[^A-Za-z0-9._ -]")


def content_disposition(name: str) -> str:
    """`attachment` with the name twice: in plain ASCII for old readers, and whole in UTF-8."""
    plain = _PLAIN.sub("_", name).strip(" .")[:100] or "document"
    whole = quote(name.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"


def download(content: bytes, *, name: str, media_type: str) -> Response:
    """A file as a download. It is never cached, never sniffed, and runs nothing even where it is shown."""
    return Response(content, media_type=media_type, headers={"content-disposition": content_disposition(name)})


def renamed(name: str, *, suffix: str) -> str:
    """`contract.pdf` with suffix `-signed.pdf` is `contract-signed.pdf`."""
    stem = name[:-4] if name.lower().endswith(".pdf") else name
    return stem + suffix
