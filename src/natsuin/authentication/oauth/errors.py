"""What the authorization server refuses, in OAuth 2.0's own words: one class, with the code that its answer carries."""

from natsuin.errors import NotFound, Refused


class OAuthRefused(Refused):
    """A refusal that a client's program reads. `error` is a code of RFC 6749 (4.1.2.1, 5.2), RFC 6750, RFC 9126, RFC
    9396 or the CSC API; the message is its description, and holds nothing that the client may not know."""

    code = "oauth_refused"

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


class UnknownRecipient(Refused):
    """The client or its redirect URI is not registered: the browser is sent nowhere, and the person is told (RFC 6749,
    4.1.2.1)."""

    code = "oauth_unknown_recipient"


class AccessRequestOver(NotFound):
    """The authorization that the address names was answered, is over, or is somebody else's."""

    code = "access_request_over"
