"""Addresses on this very site, to which people are sent back after signing in."""

from urllib.parse import quote, urlsplit

_LONGEST = 300


def local_path(text: str) -> str:
    """`text` if it is a path on this site, with or without a query, else an empty text: nobody is led elsewhere."""
    plain = text.isascii() and text.isprintable() and "\\" not in text and len(text) <= _LONGEST
    if not plain or not text.startswith("/") or text.startswith("//"):
        return ""
    parts = urlsplit(text)
    return text if not parts.scheme and not parts.netloc and not parts.fragment else ""


def sign_in_address(path: str) -> str:
    """The start page, with the way back to `path` after signing in."""
    return f"/?next={quote(path, safe='/')}" if local_path(path) not in ("", "/") else "/"
