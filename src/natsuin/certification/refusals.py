"""Refusals of the certification authority and of its services."""

from natsuin.errors import Conflict, Expired, Malformed, Refused, TooLarge, Unavailable


class RequestMalformed(Malformed):
    """A certificate request is not a request, or its own signature does not verify."""

    code = "certificate_request_malformed"


class RequestTooLarge(TooLarge):
    """A certificate request is longer than any honest one."""

    code = "certificate_request_too_large"


class SubjectDiffers(Refused):
    """A certificate request names somebody else than the person whose certificate is wanted."""

    code = "certificate_subject_differs"


class SubjectNotAllowed(Refused):
    """A name cannot stand in a certificate: empty, too long, or with characters that mislead the reader."""

    code = "certificate_subject_not_allowed"


class KeyNotAllowed(Refused):
    """A public key is of a kind or size that is never certified here, or known to be weak."""

    code = "certificate_key_not_allowed"


class CertificateNotAccepted(Refused):
    """A certificate from outside is not one that may stand for a key here."""

    code = "certificate_not_accepted"


class SignerNotAccepted(Refused):
    """Content from an outside authority is not signed by somebody who may sign such content."""

    code = "signer_not_accepted"


class IssuerExpired(Expired):
    """The issuer's certificate leaves no time in which the wanted certificate could be valid."""

    code = "certificate_issuer_expired"


class KeyDoesNotMatch(Conflict):
    """A private key is used beside a certificate that carries another public key."""

    code = "certificate_key_does_not_match"


class SigningFault(Unavailable):
    """A signature just made does not verify: the key's keeper failed, and nothing was handed out."""

    code = "certificate_signing_fault"
