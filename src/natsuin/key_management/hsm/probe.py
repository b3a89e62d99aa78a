"""What a token can really do. The list of its mechanisms is a claim; a key made, wrapped, unwrapped and used is a
fact."""

import hashlib
from dataclasses import replace

from natsuin.algorithms import FACTS, KeyAlgorithm, SignatureScheme
from natsuin.errors import NatsuinError
from natsuin.key_management.hsm.cryptoki import Mechanism, PKCS11Error, Token, name_of
from natsuin.key_management.hsm.keys import RSA_BITS, Lane, generate, use
from natsuin.key_management.hsm.methods import finished, method_of
from natsuin.key_management.hsm.refusals import VaultRefused
from natsuin.key_management.hsm.wrapping_key import check_wrapping_key, find_wrapping_key
from natsuin.key_management.vaults.operations import load_public_key, verify_signature

WRAPPING = (Mechanism.AES_KEY_WRAP_KWP, Mechanism.AES_KEY_WRAP_PAD)
"""In the order of preference. Which of the two is RFC 5649 differs from maker to maker, so each is tried."""
REQUIRED = (KeyAlgorithm.P_256, KeyAlgorithm.P_384)
"""What the built-in authority's own keys need."""
_RSA = (Mechanism.RSA_PKCS_KEY_PAIR_GEN, Mechanism.RSA_PKCS, Mechanism.RSA_PKCS_PSS)
_EC = (Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA)
_EDWARDS = (Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.EDDSA)
_RSA_SCHEMES = (SignatureScheme.RSA_PKCS1_SHA256, SignatureScheme.RSA_PSS_SHA384)
_TRIALS: dict[KeyAlgorithm, tuple[tuple[Mechanism, ...], tuple[SignatureScheme, ...]]] = {
    KeyAlgorithm.P_256: (_EC, (SignatureScheme.ECDSA_SHA256,)),
    KeyAlgorithm.P_384: (_EC, (SignatureScheme.ECDSA_SHA384,)),
    KeyAlgorithm.P_521: (_EC, (SignatureScheme.ECDSA_SHA512,)),
    KeyAlgorithm.RSA_3072: (_RSA, _RSA_SCHEMES),
    KeyAlgorithm.RSA_4096: (_RSA, ()),
    KeyAlgorithm.ED25519: (_EDWARDS, (SignatureScheme.ED25519,)),
}
"""What each algorithm needs and how it is tried. RSA-4096 is not: making such a key takes long, and the token has shown
RSA and states its largest size."""


def find_lane(token: Token, given: Lane, wrapping_key: bytes) -> Lane:
    """`given` with the first mechanism by which a P-256 key can be wrapped, unwrapped and used, locked while it is open
    if the token knows that. Raises `VaultRefused`."""
    _require(token, (Mechanism.AES_KEY_GEN, *_EC), KeyAlgorithm.P_256)
    failures = []
    for mechanism in WRAPPING:
        if mechanism not in token.slot.get_mechanisms():
            failures.append(f"CKM_{mechanism.name} is missing")
            continue
        for locks in (True, False):
            lane = replace(given, mechanism=mechanism, locks_open_keys=locks)
            try:
                _try(lane, KeyAlgorithm.P_256, wrapping_key)
            except PKCS11Error as error:
                failure = f"CKM_{mechanism.name} failed ({name_of(error)})"
            else:
                return lane
        failures.append(failure)
    raise VaultRefused(
        f"the token cannot wrap and unwrap keys: {'; '.join(failures)}",
        hint="Natsuin needs one of the two; see docs/hsm.md.",
    )


def find_algorithms(token: Token, lane: Lane, wrapping_key: bytes) -> tuple[str, ...]:
    """The algorithms that work from beginning to end. Raises `VaultRefused` if one of `REQUIRED` does not."""
    found = []
    for algorithm, (mechanisms, _) in _TRIALS.items():
        try:
            _require(token, mechanisms, algorithm)
            _try(lane, algorithm, wrapping_key)
        except VaultRefused:
            if algorithm in REQUIRED:
                raise
        except (PKCS11Error, NatsuinError) as error:
            if algorithm in REQUIRED:
                reason = name_of(error) if isinstance(error, PKCS11Error) else error.message
                raise VaultRefused(f"the token cannot do {algorithm.value}: {reason}") from error
        else:
            found.append(algorithm.value)
    return tuple(found)


def require_guarded(lane: Lane, wrapping_key: bytes, *, allow_weak: bool) -> tuple[str, ...]:
    """Look at a wrapping key; answers with the weaknesses that were tolerated. Raises `VaultRefused`,
    `WrappingKeyMissing`."""
    weaknesses = check_wrapping_key(find_wrapping_key(lane.session, wrapping_key), lane.mechanism)
    if weaknesses and not allow_weak:
        raise VaultRefused(
            f"the token does not guard its wrapping key: {', '.join(weaknesses)}",
            hint="Use another token. For trials only, set vault.allow_weak_token; see docs/hsm.md.",
        )
    return weaknesses


def require_round_trip(lane: Lane, wrapping_key: bytes) -> None:
    """Put a P-256 key under a wrapping key, take it out and use it. Raises `VaultRefused`."""
    try:
        _try(lane, KeyAlgorithm.P_256, wrapping_key)
    except PKCS11Error as error:
        raise VaultRefused(
            f"the token does not give back what lies under the wrapping key {wrapping_key.hex()} ({name_of(error)})",
            hint="See that this is the right token, or restore the key from the maker's backup.",
        ) from error


def _require(token: Token, mechanisms: tuple[Mechanism, ...], algorithm: KeyAlgorithm) -> None:
    offered = token.slot.get_mechanisms()
    missing = [f"CKM_{mechanism.name}" for mechanism in mechanisms if mechanism not in offered]
    if missing:
        raise VaultRefused(
            f"the token lacks {', '.join(missing)}, needed for {algorithm.value}", hint="See docs/hsm.md."
        )
    if (
        algorithm in RSA_BITS
        and (token.slot.get_mechanism_info(mechanisms[0]).max_key_length or 0) < RSA_BITS[algorithm]
    ):
        raise VaultRefused(f"the token makes no RSA keys of {RSA_BITS[algorithm]} bits")


def _try(lane: Lane, algorithm: KeyAlgorithm, wrapping_key: bytes) -> None:
    schemes = _TRIALS[algorithm][1]
    if not schemes:
        return
    made = generate(lane, algorithm, wrapping_key)
    for scheme in schemes:
        method = method_of(scheme)
        dtbs = hashlib.new(FACTS[scheme].hash_name, b"natsuin probe").digest()
        (signature,) = use(lane, made, method, [dtbs])
        verify_signature(load_public_key(made.public_key), dtbs, finished(method, signature), scheme)
