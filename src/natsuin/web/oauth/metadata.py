"""What the authorization server says of itself (RFC 8414), from what it does."""

from typing import Any

from natsuin.authentication.oauth import ALGORITHMS, CREDENTIAL_TYPES, GRANT_TYPES, SCOPES, AuthMethod

AUTHORIZE = "/oauth2/authorize"
PUSH = "/oauth2/pushed_authorize"
TOKEN = "/oauth2/token"  # noqa: S105  # an address
REVOKE = "/oauth2/revoke"
REVOCATION = "/oauth2/revocation"
INTROSPECT = "/oauth2/introspect"
_PROVING = ("token", "revocation", "introspection")
WELL_KNOWN = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


def metadata_of(issuer: str) -> dict[str, Any]:
    """The document for this issuer, which is the service's origin."""
    methods = [method.value for method in AuthMethod]
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE,
        "pushed_authorization_request_endpoint": issuer + PUSH,
        "token_endpoint": issuer + TOKEN,
        # RFC 7009 answers 200, the CSC API 204: strict OAuth clients find the first here, CSC clients know the other.
        "revocation_endpoint": issuer + REVOCATION,
        "introspection_endpoint": issuer + INTROSPECT,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "scopes_supported": list(SCOPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        **{f"{name}_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS) for name in _PROVING},
        "authorization_details_types_supported": list(CREDENTIAL_TYPES),
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["ja", "en"],
    }
