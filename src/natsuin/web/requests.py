"""What is read from the head of a request in more than one place."""

from starlette.requests import HTTPConnection

from natsuin.authentication import source_of


def sender(request: HTTPConnection) -> str:
    """Whom a limit counts this request for: the address at the other end of the connection, or its network."""
    return source_of(request.client.host if request.client else None)


def media_type(request: HTTPConnection) -> str:
    """The kind of the body in lower case, without parameters; empty if the request does not say (RFC 9110, 8.3)."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
