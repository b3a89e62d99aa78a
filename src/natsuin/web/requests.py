"""What is read from the head of a request in more than one place."""

from starlette.requests import HTTPConnection

from natsuin.authentication import Origin, source_of

_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
"""Words in `User-Agent`, the telling one first: most browsers also name others."""
_READ_OF_USER_AGENT = 512


def sender(request: HTTPConnection) -> str:
    """Whom a limit counts this request for: the address at the other end of the connection, or its network."""
    return source_of(request.client.host if request.client else None)


def origin_of(request: HTTPConnection) -> Origin:
    """From where this request comes, for the account page. Of what the browser says of itself only words from a fixed
    list are taken: it may say anything, and the rest would tell people apart who need not be."""
    told = request.headers.get("user-agent", "")[:_READ_OF_USER_AGENT]
    words = (next((name for mark, name in table if mark in told), "") for table in (_BROWSERS, _SYSTEMS))
    return Origin(request.client.host if request.client else "", ", ".join(word for word in words if word))


def media_type(request: HTTPConnection) -> str:
    """The kind of the body in lower case, without parameters; empty if the request does not say (RFC 9110, 8.3)."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
