"""What the vault in a token refuses with, and what befalls it."""

from natsuin.errors import Refused, Tampered, Unavailable


class VaultRefused(Refused):
    """The token, its module or its wrapping key cannot be used as they are. The message names what is missing."""

    code = "vault_refused"


class PINRefused(VaultRefused):
    """The token refused its PIN. It is never tried again, because tokens lock themselves after a few tries."""

    code = "vault_pin_refused"


class AlgorithmNotOffered(Refused):
    """The vault cannot make or use keys of this algorithm."""

    code = "algorithm_not_offered"


class WrappingKeyMissing(Tampered):
    """The token does not hold the wrapping key that a stored key was wrapped with."""

    code = "vault_wrapping_key_missing"


class ResidentKeyMissing(Tampered):
    """The token does not hold the key, or not it alone, that lives in it according to the record."""

    code = "vault_resident_key_missing"


class ResidentNotOffered(Refused):
    """This server has no token for keys to live in."""

    code = "resident_not_offered"


def resident_not_offered() -> ResidentNotOffered:
    """What a vault in software answers to the wish for a key that lives in the token."""
    return ResidentNotOffered(
        "keys live for good only in a token, and this server keeps its keys in software",
        hint="Register the person without that wish.",
    )


class VaultUnavailable(Unavailable):
    """The token cannot be reached now. Nothing was made with any key."""

    code = "vault_unavailable"


class VaultInterrupted(Unavailable):
    """A call did not come to its end, so the token may have signed. What it made, if anything, was thrown away."""

    code = "vault_interrupted"


class PINNotTried(VaultRefused):
    """The PIN was not given to the token, because trying it could lock the token."""

    code = "vault_pin_not_tried"
