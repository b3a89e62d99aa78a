"""Answers of the authorization server that programs read: tokens, and refusals with their status (RFC 6749, 5)."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from natsuin.authentication.oauth import ALGORITHMS, OAuthRefused
from natsuin.errors import NatsuinError, Unavailable

_STATUS = {
    "invalid_client": 401,
    "invalid_token": 401,
    "expired_token": 401,
    "invalid_hash": 403,
    "server_error": 500,
    "not_implemented": 501,
}
"""Refusals that are not 400 (RFC 6749, 5.2; RFC 6750, 3.1)."""

_TEMPORARY = 503


def json_answer(members: Mapping[str, Any], status: int = 200) -> Response:
    """Members as JSON that nobody keeps."""
    return Response(
        json.dumps(members, ensure_ascii=False),
        status_code=status,
        headers={"content-type": "application/json;charset=UTF-8", "cache-control": "no-store", "pragma": "no-cache"},
    )


def resource_refusal(error: NatsuinError, *, bound: bool) -> Response:
    """What a client's program is told at an address that takes tokens; `bound` if it came with one under DPoP (RFC
    9449, 7.1)."""
    refused = as_oauth(error)
    if not bound or refused.error not in ("invalid_token", "expired_token", "invalid_dpop_proof"):
        return refusal_answer(error)
    answer = json_answer({"error": refused.error, "error_description": _description(refused)}, 401)
    known = " ".join(ALGORITHMS)
    answer.headers["www-authenticate"] = f'DPoP realm="natsuin", error="{refused.error}", algs="{known}"'
    return answer


def refusal_answer(error: NatsuinError) -> Response:
    """What a client's program is told of an error."""
    refused = as_oauth(error)
    status = _TEMPORARY if refused.error == "temporarily_unavailable" else _STATUS.get(refused.error, 400)
    answer = json_answer({"error": refused.error, "error_description": _description(refused)}, status)
    if status == _STATUS["invalid_client"]:
        scheme = "Basic" if refused.error == "invalid_client" else "Bearer"
        answer.headers["www-authenticate"] = f'{scheme} realm="natsuin", error="{refused.error}"'
    if status == _TEMPORARY:
        answer.headers["retry-after"] = str(getattr(error, "retry_after", 1))
    return answer


def as_oauth(error: NatsuinError) -> OAuthRefused:
    """Any of our errors in OAuth's words."""
    if isinstance(error, OAuthRefused):
        return error
    if isinstance(error, Unavailable):
        return OAuthRefused("temporarily_unavailable", "The service cannot answer now; try again after a moment.")
    return OAuthRefused("invalid_request", error.message)


def redirect_with(redirect_uri: str, members: Mapping[str, str | None]) -> str:
    """The redirect URI with an answer in its query (RFC 6749, 4.1.2). Members that are None are left out."""
    given = urlencode({name: value for name, value in members.items() if value is not None})
    return f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{given}"


def refusal_redirect(redirect_uri: str, error: NatsuinError, *, state: str | None, issuer: str) -> Response:
    """Send the browser back with a refusal (RFC 6749, 4.1.2.1; RFC 9207)."""
    refused = as_oauth(error)
    members = {"error": refused.error, "error_description": _description(refused), "state": state, "iss": issuer}
    return RedirectResponse(redirect_with(redirect_uri, members), status_code=302)


def _description(refused: OAuthRefused) -> str:
    """RFC 6749, 5.2 allows a part of ASCII only."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in refused.message)
