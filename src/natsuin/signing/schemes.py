"""Which scheme a request under an approval is signed with."""

from typing import Any

from natsuin.algorithms import FACTS, KeyAlgorithm, SignatureScheme, allowed_by
from natsuin.errors import Malformed, Refused
from natsuin.sam.protocol import Sign

_MODULUS_BITS = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}


class SchemeNotApproved(Refused):
    """The request names a scheme under which the approval may not be used."""

    code = "scheme_not_approved"


def scheme_of(row: dict[str, Any], message: Sign) -> SignatureScheme:
    """The scheme of a request under an instruction. Raises `SchemeNotApproved`, `Malformed` if it names none where it
    must."""
    allowed = allowed_by(row["scheme"])
    named = {scheme.value: scheme for scheme in allowed}
    if message.scheme:
        if message.scheme not in named:
            raise SchemeNotApproved("the signer's approval is not for this signature scheme")
        return named[message.scheme]
    if len(allowed) > 1:
        raise Malformed("the request does not say which scheme of the approved family it wants")
    return next(iter(allowed))


def require_salt(algorithm: KeyAlgorithm, scheme: SignatureScheme, salt_bytes: int | None) -> None:
    """Raise `Malformed` for a salt that cannot be: none but RSASSA-PSS has one, and it and the hash must fit into the
    modulus (RFC 8017, 9.1.1)."""
    if salt_bytes is None:
        return
    if "pss" not in scheme.value:
        raise Malformed("only RSASSA-PSS has a salt")
    encoded = (_MODULUS_BITS[algorithm] - 1 + 7) // 8
    if not 0 <= salt_bytes <= encoded - FACTS[scheme].digest_bytes - 2:
        raise Malformed("the salt does not fit into the key")
