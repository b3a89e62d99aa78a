"""The endpoints of the authorization server: authorize, pushed authorize, token, revoke, introspect, metadata.

`/oauth2/...` is for the CSC API 2 and everybody, `/csc/v1/oauth2/...` the same for the CSC API 1. Authorize always
answers with a redirect to the page where the person decides, whose address alone names the request, because some
clients fetch that redirect from their own server and hand it to the browser.
"""

from collections.abc import Awaitable, Callable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from natsuin.authentication import Throttle, TooManyAttempts
from natsuin.authentication.oauth import (
    CREDENTIAL,
    OID_OF_HASH,
    PUSHED_SECONDS,
    AccessRequests,
    Asked,
    Client,
    Clients,
    Issued,
    OAuthRefused,
    Proofs,
    Switch,
    Tokens,
    UnknownRecipient,
    read_recipient,
    read_request,
)
from natsuin.authentication.oauth import Access as Granted
from natsuin.errors import NatsuinError
from natsuin.web.callers import Access
from natsuin.web.oauth import metadata
from natsuin.web.oauth.answers import json_answer, refusal_answer, refusal_redirect
from natsuin.web.oauth.client_proofs import prove_client
from natsuin.web.oauth.metadata import metadata_of
from natsuin.web.oauth.parameters import form_parameters, query_parameters
from natsuin.web.oauth.possession import proved_key
from natsuin.web.requests import sender
from natsuin.web.routing import ApiRoutes

PAGE = "/authorize"
_V1 = "/csc/v1"
_Endpoint = Callable[[Request], Awaitable[Response]]


class AuthorizationServer:
    """The endpoints that programs call."""

    def __init__(
        self, issuer: str, *, clients: Clients, requests: AccessRequests, tokens: Tokens, proofs: Proofs
    ) -> None:
        self._issuer = issuer
        self._clients = clients
        self._requests = requests
        self._tokens = tokens
        self._proofs = proofs
        # Each start is a row, and whoever knows a client's public id may ask for one.
        self._starts = Throttle(600, seconds=0.1)

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        for method, path, endpoint in (
            ("GET", metadata.AUTHORIZE, self.authorize),
            ("POST", metadata.PUSH, self.push),
            ("POST", metadata.TOKEN, self.token),
            ("POST", metadata.REVOKE, self.revoke),
            ("POST", metadata.REVOCATION, self.revocation),
            ("POST", metadata.INTROSPECT, self.introspect),
            ("GET", _V1 + metadata.AUTHORIZE, self.authorize),
            ("POST", _V1 + metadata.TOKEN, self.token),
            ("POST", _V1 + metadata.REVOKE, self.revoke),
            *(("GET", path, self.describe) for path in metadata.WELL_KNOWN),
        ):
            routes.add_plain(method, path, _answering(endpoint), access=Access.PUBLIC)

    async def describe(self, request: Request) -> Response:
        """RFC 8414."""
        return json_answer(metadata_of(self._issuer))

    async def authorize(self, request: Request) -> Response:
        """Begin an access request, or send the browser back with what is wrong. Raises `UnknownRecipient`: then the
        person is told, and nobody is sent anywhere."""
        self._starts.take(sender(request))
        try:
            parameters = query_parameters(request)
        except OAuthRefused as refused:
            raise UnknownRecipient(refused.message) from refused
        client = await to_thread.run_sync(self._clients.find, parameters.get("client_id", ""))
        if client is None:
            raise UnknownRecipient("the application (client_id) is not registered here")
        if "request_uri" in parameters:
            try:
                asked = await to_thread.run_sync(
                    self._requests.take_pushed, parameters["request_uri"], client.client_id
                )
            except OAuthRefused as refused:
                raise UnknownRecipient(refused.message) from refused
        else:
            recipient = read_recipient(parameters, client)
            try:
                asked = _read(request, parameters, client)
            except NatsuinError as error:
                return refusal_redirect(recipient.redirect_uri, error, state=recipient.state, issuer=self._issuer)
        handle = await to_thread.run_sync(self._requests.start, asked)
        return RedirectResponse(f"{self._issuer}{PAGE}/{handle}", status_code=302)

    async def push(self, request: Request) -> Response:
        """RFC 9126."""
        parameters = await form_parameters(request)
        client = await to_thread.run_sync(prove_client, request, parameters, self._clients, self._issuer)
        if "request_uri" in parameters:
            raise OAuthRefused("invalid_request", "request_uri cannot be pushed")
        try:
            bound_to = await self._proved_key(request, client)
            asked = _read(request, parameters, client, bound_to)
        except UnknownRecipient as unknown:
            raise OAuthRefused("invalid_request", unknown.message) from unknown
        uri = await to_thread.run_sync(self._requests.push, asked)
        return json_answer({"request_uri": uri, "expires_in": PUSHED_SECONDS}, 201)

    async def token(self, request: Request) -> Response:
        """RFC 6749, 4.1.3, 4.4.2 and 6."""
        parameters, client = await self._proved(request)
        kind = parameters.get("grant_type")
        if kind is None:
            raise OAuthRefused("invalid_request", "Missing parameter grant_type")
        if kind not in client.grant_types:
            known = kind in ("authorization_code", "refresh_token", "client_credentials")
            raise OAuthRefused(
                "unauthorized_client" if known else "unsupported_grant_type", "Invalid parameter grant_type"
            )
        bound_to = await self._proved_key(request, client)
        if not bound_to and Switch.ONLY_BOUND in client.switches:
            raise OAuthRefused("invalid_dpop_proof", "this application gets tokens that are bound to a key only")
        issued = await to_thread.run_sync(self._issue, client, kind, parameters, bound_to)
        return json_answer(_token_members(issued))

    async def revoke(self, request: Request) -> Response:
        """As the CSC API has it: 204."""
        await self._revoke(request)
        return Response(status_code=204, headers={"cache-control": "no-store"})

    async def revocation(self, request: Request) -> Response:
        """As RFC 7009 has it: 200."""
        await self._revoke(request)
        return Response(status_code=200, headers={"cache-control": "no-store"})

    async def introspect(self, request: Request) -> Response:
        """RFC 7662, for the client that a token was given to."""
        parameters, client = await self._proved(request)
        token = _required(parameters, "token")

        def look() -> dict[str, object]:
            try:
                found = self._tokens.find(token)
            except OAuthRefused:
                return {"active": False}
            if found.client_id != client.client_id:
                return {"active": False}
            members: dict[str, object] = {"active": True}
            members |= {"scope": found.scope, "client_id": found.client_id, "sub": found.user_id}
            if found.key_id:
                members["credentialID"] = found.key_id
            if found.bound_to:
                members["cnf"] = {"jkt": found.bound_to}
            members["token_type"] = "DPoP" if found.bound_to else "Bearer"
            return members | {"exp": found.expires_at // 1000, "iss": self._issuer, "acr": str(found.level)}

        return json_answer(await to_thread.run_sync(look))

    async def _proved(self, request: Request) -> tuple[dict[str, str], Client]:
        # Some clients of the CSC API put the token request into the query, which is for clients with the switch only:
        # a query stands in the logs of every proxy on the way.
        parameters = await form_parameters(request, query_too=bool(request.url.query))
        client = await to_thread.run_sync(prove_client, request, parameters, self._clients, self._issuer)
        if request.url.query and Switch.QUERY_PARAMETERS not in client.switches:
            raise OAuthRefused("invalid_request", "the parameters must be in the body")
        return parameters, client

    async def _proved_key(self, request: Request, client: Client) -> str:
        if "dpop" in request.headers and client.is_public:
            # Each proof is a row, and anybody can claim to be this client.
            self._starts.take(sender(request))
        return await to_thread.run_sync(proved_key, request, self._proofs, self._issuer)

    async def _revoke(self, request: Request) -> None:
        parameters, client = await self._proved(request)
        await to_thread.run_sync(self._tokens.revoke, client, _required(parameters, "token"))

    def _issue(self, client: Client, kind: str, parameters: dict[str, str], bound_to: str) -> Issued:
        if kind == "refresh_token":
            token = _required(parameters, "refresh_token")
            return self._tokens.refresh(client, token, scope=parameters.get("scope"), bound_to=bound_to)
        if kind == "client_credentials":
            if parameters.get("scope", "service") != "service":
                raise OAuthRefused("invalid_scope", "The requested scope is invalid, unknown or malformed.")
            return self._tokens.for_itself(client, bound_to=bound_to)
        return self._tokens.exchange(
            client,
            _required(parameters, "code"),
            redirect_uri=parameters.get("redirect_uri"),
            verifier=parameters.get("code_verifier", ""),
            details=parameters.get("authorization_details"),
            bound_to=bound_to,
        )


def _read(request: Request, parameters: dict[str, str], client: Client, bound_to: str = "") -> Asked:
    first = request.url.path.startswith(_V1) or ("hash" in parameters and "hashes" not in parameters)
    recipient = read_recipient(parameters, client)
    return read_request(parameters, client, recipient, generation=1 if first else 2, bound_to=bound_to)


def _answering(endpoint: _Endpoint) -> _Endpoint:
    """`endpoint`, with its refusals told as OAuth has it, but those that only a person must see."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (UnknownRecipient, TooManyAttempts):
            raise
        except NatsuinError as error:
            return refusal_answer(error)

    answer.__name__ = endpoint.__name__
    return answer


def _required(parameters: dict[str, str], name: str) -> str:
    value = parameters.get(name)
    if value is None:
        raise OAuthRefused("invalid_request", f"Missing parameter {name}")
    return value


def _token_type(access: Granted) -> str:
    if access.bound_to:
        return "DPoP"
    # In the CSC API 1 a credential's token is the SAD and no bearer token (section 8.3.3 there).
    return "SAD" if access.scope == CREDENTIAL and access.asked.generation == 1 else "Bearer"


def _token_members(issued: Issued) -> dict[str, object]:
    access, asked = issued.access, issued.access.asked
    credential = access.scope == CREDENTIAL
    members: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": _token_type(access),
        "expires_in": issued.expires_in,
        "scope": access.scope,
    }
    if issued.refresh_token:
        members["refresh_token"] = issued.refresh_token
    if credential:
        members["credentialID"] = access.key_id
    if asked.details is not None:
        granted = {"numSignatures": len(asked.digests), "hashAlgorithmOID": OID_OF_HASH[asked.hash_name]}
        members["authorization_details"] = [granted | asked.details | {"credentialID": access.key_id}]
    return members
