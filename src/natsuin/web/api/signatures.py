"""The hot call: sign approved digests. A plain route that decodes with msgspec and, for a warm session, asks no
database."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from natsuin import base64url
from natsuin.errors import Malformed
from natsuin.sam.protocol import MAX_DIGESTS
from natsuin.web.callers import Access
from natsuin.web.hash_signing import HashSigning
from natsuin.web.problems import UnsupportedMediaType
from natsuin.web.routing import ApiRoutes, caller_of


class SignBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A SAD, and approved digests in base64url (messages for Ed25519)."""

    sad: str
    digests: list[str]


class SignAnswer(msgspec.Struct, frozen=True):
    """Signatures in the order of the request, and the log's receipt for all of them."""

    signatures: list[str]
    receipt: str


_decoder = msgspec.json.Decoder(SignBody)
_encoder = msgspec.json.Encoder()


class SignatureAPI:
    """`/api/signatures`."""

    def __init__(self, hash_signing: HashSigning) -> None:
        self._hash_signing = hash_signing

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the route."""
        routes.add_plain("POST", "/api/signatures", self.sign, access=Access.SIGNER)

    async def sign(self, request: Request) -> Response:
        """Sign. The identical request again gives the recorded answer."""
        if request.headers.get("content-type") != "application/json":
            raise UnsupportedMediaType("the body must be application/json")
        body = decode_sign_body(await request.body())
        signed = await self._hash_signing.sign(
            caller_of(request).user_id,
            base64url.decode(body.sad),
            tuple(base64url.decode(text) for text in body.digests),
        )
        answer = SignAnswer([base64url.encode(signature) for signature in signed.signatures], signed.receipt)
        return Response(_encoder.encode(answer), media_type="application/json")


def decode_sign_body(body: bytes) -> SignBody:
    """The body, read in one way only. Raises `Malformed`.

    Nothing in it needs an escape, so escapes are refused; then a key that stands there twice can be seen by counting.
    """
    if b"\\" in body or body.count(b'"sad"') != 1 or body.count(b'"digests"') != 1:
        raise Malformed("the body is not JSON that can be read in one way only")
    try:
        decoded = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise Malformed("the body is not what this address takes") from cause
    if not 1 <= len(decoded.digests) <= MAX_DIGESTS:
        raise Malformed(f"there must be 1 to {MAX_DIGESTS} digests")
    return decoded
