"""Proof of possession at our addresses (DPoP, RFC 9449): where the header is read, and what a request must prove."""

import hmac
from dataclasses import dataclass

from starlette.requests import Request

from natsuin.authentication.oauth import Access, Clients, OAuthRefused, Proofs, Tokens

BEARER, DPOP = "bearer", "dpop"


def proved_key(request: Request, proofs: Proofs, issuer: str, *, token: str = "") -> str:
    """The thumbprint of the key that the request's proof shows, or nothing if there is no proof.

    Raises `OAuthRefused` (`invalid_dpop_proof`).
    """
    headers = request.headers.getlist("dpop")
    if not headers:
        return ""
    if len(headers) != 1:
        raise OAuthRefused("invalid_dpop_proof", "there is more than one proof")
    return proofs.check(headers[0], method=request.method, address=issuer + request.scope["path"], token=token)


@dataclass(frozen=True)
class TokenCheck:
    """What the token of a request opens, at addresses below `issuer`."""

    tokens: Tokens
    proofs: Proofs
    clients: Clients
    issuer: str

    def opened(self, request: Request) -> tuple[str, Access]:
        """The token and what it opens: a bound one with the proof of its key only, and no other with one (RFC 9449, 7.1
        and 7.2). Raises `OAuthRefused`."""
        scheme, token = stated_token(request)
        access = self.tokens.find(token)
        if scheme == BEARER:
            if access.bound_to:
                raise OAuthRefused("invalid_token", "the token is bound to a key, which DPoP must prove")
            return token, access
        if not access.bound_to:
            raise OAuthRefused("invalid_token", "the token is a bearer token")
        if not hmac.compare_digest(proved_key(request, self.proofs, self.issuer, token=token), access.bound_to):
            raise OAuthRefused("invalid_dpop_proof", "the request does not prove the key that the token is bound to")
        return token, access


def stated_scheme(request: Request) -> str:
    """`DPOP` if the request's token comes under that scheme, else `BEARER`."""
    return DPOP if request.headers.get("authorization", "").partition(" ")[0].lower() == DPOP else BEARER


def stated_token(request: Request) -> tuple[str, str]:
    """Scheme and token of the one Authorization header (RFC 6750, 2.1; RFC 9449, 7.1). Raises `OAuthRefused`."""
    headers = request.headers.getlist("authorization")
    scheme, _, token = (headers[0] if len(headers) == 1 else "").partition(" ")
    if scheme.lower() not in (BEARER, DPOP) or not token.strip():
        raise OAuthRefused("invalid_request", "Malformed authorization header")
    return scheme.lower(), token.strip()
