"""Keys in a token, in the shape of keys of `cryptography`, so that its certificate builders can sign with them.

Only the public half and `sign` work. Everything else that such a key could be asked for would be the private half.
"""

from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from natsuin.errors import Refused
from natsuin.key_management.hsm.messages import Method
from natsuin.key_management.hsm.methods import ED25519, finished
from natsuin.key_management.vaults.operations import PrivateKey, PublicKey

RawSign: TypeAlias = Callable[[Method, bytes], bytes]
"""Signs one digest, or message for Ed25519, and answers as the token does."""


class NeverLeaves(Refused):
    """The private half of a key in a token was asked for."""

    code = "key_never_leaves"


def token_key(public: PublicKey, sign: RawSign) -> PrivateKey:
    """The key whose public half is `public` and that `sign` signs with."""
    if isinstance(public, rsa.RSAPublicKey):
        return TokenRSAKey(public, sign)
    if isinstance(public, ec.EllipticCurvePublicKey):
        return TokenEllipticKey(public, sign)
    if not isinstance(public, ed25519.Ed25519PublicKey):
        raise NeverLeaves("keys of this kind are not made in tokens")
    return TokenEdwardsKey(public, sign)


class TokenRSAKey(rsa.RSAPrivateKey):
    """RSA, PKCS#1 v1.5 and PSS."""

    def __init__(self, public: rsa.RSAPublicKey, sign: RawSign) -> None:
        self._public = public
        self._sign = sign

    def public_key(self) -> rsa.RSAPublicKey:
        """The public half."""
        return self._public

    @property
    def key_size(self) -> int:
        """Bits of the modulus."""
        return self._public.key_size

    def sign(self, data: Any, padding: padding.AsymmetricPadding, algorithm: Any) -> bytes:
        """A signature over `data`, or over a digest given with `Prehashed`."""
        digest, function = _digest(bytes(data), algorithm)
        return self._sign(_rsa_method(padding, function, self._public), digest)

    def decrypt(self, ciphertext: bytes, padding: padding.AsymmetricPadding) -> NoReturn:
        """Refuses."""
        _refuse()

    def private_numbers(self) -> NoReturn:
        """Refuses."""
        _refuse()

    def private_bytes(self, *_: Any, **__: Any) -> NoReturn:
        """Refuses."""
        _refuse()

    def __copy__(self) -> "TokenRSAKey":
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> "TokenRSAKey":
        return self


class TokenEllipticKey(ec.EllipticCurvePrivateKey):
    """ECDSA on one of the NIST curves."""

    def __init__(self, public: ec.EllipticCurvePublicKey, sign: RawSign) -> None:
        self._public = public
        self._sign = sign

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """Of the public half."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits of the curve."""
        return self._public.key_size

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """A signature, DER."""
        if not isinstance(signature_algorithm, ec.ECDSA):
            raise NeverLeaves("a key in a token makes ECDSA signatures only")
        digest, function = _digest(bytes(data), signature_algorithm.algorithm)
        method = Method("ecdsa", function.name)
        return finished(method, self._sign(method, digest))

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        """Refuses."""
        _refuse()

    def private_numbers(self) -> NoReturn:
        """Refuses."""
        _refuse()

    def private_bytes(self, *_: Any, **__: Any) -> NoReturn:
        """Refuses."""
        _refuse()

    def __copy__(self) -> "TokenEllipticKey":
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> "TokenEllipticKey":
        return self


class TokenEdwardsKey(ed25519.Ed25519PrivateKey):
    """Ed25519."""

    def __init__(self, public: ed25519.Ed25519PublicKey, sign: RawSign) -> None:
        self._public = public
        self._sign = sign

    def public_key(self) -> ed25519.Ed25519PublicKey:
        """The public half."""
        return self._public

    def sign(self, data: Any) -> bytes:
        """A signature over the message."""
        return self._sign(ED25519, bytes(data))

    def private_bytes_raw(self) -> NoReturn:
        """Refuses."""
        _refuse()

    def private_bytes(self, *_: Any, **__: Any) -> NoReturn:
        """Refuses."""
        _refuse()

    def __copy__(self) -> "TokenEdwardsKey":
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> "TokenEdwardsKey":
        return self


def _digest(data: bytes, algorithm: Any) -> tuple[bytes, hashes.HashAlgorithm]:
    if isinstance(algorithm, Prehashed):
        return data, algorithm._algorithm
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize(), algorithm


def _rsa_method(scheme: padding.AsymmetricPadding, function: hashes.HashAlgorithm, key: rsa.RSAPublicKey) -> Method:
    if isinstance(scheme, padding.PKCS1v15):
        return Method("pkcs1", function.name)
    if not isinstance(scheme, padding.PSS):
        raise NeverLeaves("a key in a token makes PKCS#1 v1.5 and PSS signatures only")
    salt: Any = scheme._salt_length
    most = padding.calculate_max_pss_salt_length(key, function)
    if salt is padding.PSS.MAX_LENGTH:
        salt = most
    elif salt is padding.PSS.DIGEST_LENGTH:
        salt = function.digest_size
    if not isinstance(salt, int) or not 0 <= salt <= most or scheme.mgf._algorithm.name != function.name:
        raise Refused("the parameters of the PSS signature are not possible with this key")
    return Method("pss", function.name, salt)


def _refuse() -> NoReturn:
    raise NeverLeaves("the private half of this key never leaves the token")
