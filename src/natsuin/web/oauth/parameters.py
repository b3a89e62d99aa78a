"""Parameters of OAuth requests: from the query or a form, each at most once (RFC 6749, 3.1 and 3.2)."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from natsuin.authentication.oauth import OAuthRefused
from natsuin.web.requests import media_type

_MOST = 100


def query_parameters(request: Request) -> dict[str, str]:
    """The parameters of the query. Raises `OAuthRefused` (`invalid_request`)."""
    return _read(bytes(request.scope.get("query_string", b"")))


async def form_parameters(request: Request, *, query_too: bool = False) -> dict[str, str]:
    """The parameters of a form. With `query_too`, those of the query where the form is empty.

    Raises `OAuthRefused` (`invalid_request`).
    """
    body = await request.body()
    if query_too and not body:
        return query_parameters(request)
    if media_type(request) != "application/x-www-form-urlencoded":
        raise OAuthRefused("invalid_request", "the body must be application/x-www-form-urlencoded")
    return _read(body)


def _read(text: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MOST,
            errors="strict",
        )
    except ValueError as cause:
        raise OAuthRefused("invalid_request", "the parameters cannot be read") from cause
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise OAuthRefused("invalid_request", "a parameter occurs more than once")
        if "\0" in value:
            raise OAuthRefused("invalid_request", "a parameter contains NUL")
        if value:
            # RFC 6749, 3.1: a parameter without a value is as if it were not there.
            found[name] = value
    return found
