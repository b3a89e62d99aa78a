"""How a client proves itself at an endpoint: by one method, never two (RFC 6749, 2.3)."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote_plus

from starlette.requests import Request

from natsuin.authentication.oauth import ASSERTION_TYPE, AuthMethod, Client, Clients, OAuthRefused
from natsuin.web.oauth.metadata import TOKEN


def prove_client(request: Request, parameters: Mapping[str, str], clients: Clients, issuer: str) -> Client:
    """The client that asks this server, which is `issuer`.

    Raises `OAuthRefused` (`invalid_client`, `invalid_request`).
    """
    stated = parameters.get("client_id")
    basic, signed = _basic(request), _signed(parameters)
    if basic is not None:
        client_id, secret = basic
        if "client_secret" in parameters or signed is not None:
            raise OAuthRefused("invalid_request", "the client proves itself by two methods")
        if stated is not None and stated != client_id:
            raise OAuthRefused("invalid_request", "Invalid parameter client_id")
        return clients.authenticate(client_id, secret, AuthMethod.BASIC)
    if signed is not None:
        if "client_secret" in parameters:
            raise OAuthRefused("invalid_request", "the client proves itself by two methods")
        return clients.authenticate_signed(stated, signed, (issuer, issuer + request.scope["path"], issuer + TOKEN))
    if stated is None:
        raise OAuthRefused("invalid_request", "Missing parameter client_id")
    if "client_secret" in parameters:
        return clients.authenticate(stated, parameters["client_secret"], AuthMethod.POST)
    return clients.authenticate(stated, None, AuthMethod.NONE)


def _signed(parameters: Mapping[str, str]) -> str | None:
    """The assertion of a client that signs one (RFC 7521, 4.2)."""
    kind, assertion = parameters.get("client_assertion_type"), parameters.get("client_assertion")
    if kind is None and assertion is None:
        return None
    if kind != ASSERTION_TYPE or assertion is None:
        raise OAuthRefused("invalid_client", "client_assertion_type and client_assertion do not belong together")
    return assertion


def _basic(request: Request) -> tuple[str, str] | None:
    """Name and secret of HTTP Basic (RFC 7617), each form-encoded as RFC 6749, 2.3.1 has it."""
    headers = request.headers.getlist("authorization")
    if not headers:
        return None
    scheme, _, value = headers[0].partition(" ")
    if len(headers) != 1 or scheme.lower() != "basic":
        raise OAuthRefused("invalid_client", "the Authorization header is not Basic")
    try:
        name, colon, secret = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as cause:
        raise OAuthRefused("invalid_client", "the Authorization header cannot be read") from cause
    if not colon:
        raise OAuthRefused("invalid_client", "the Authorization header cannot be read")
    return unquote_plus(name), unquote_plus(secret)
