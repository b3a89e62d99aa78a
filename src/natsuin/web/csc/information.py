"""info: what this service says of itself. Nothing stands in it that does not work."""

from collections.abc import Sequence
from typing import Any

from natsuin.algorithms import SCHEMES_OF, KeyAlgorithm
from natsuin.authentication.oauth import OF_DATA, OF_DOCUMENTS, OF_ORIGINALS
from natsuin.web.csc.algorithms import RSASSA_PSS, SCHEME_OF_OID
from natsuin.web.csc.documents import ENVELOPES, FORMAT, LEVELS
from natsuin.web.settings import WebSettings

SPECS_1 = "1.0.4.0"
LOGO = "/static/icons/seal.png"
_OAUTH_1 = ("oauth2/authorize", "oauth2/token", "oauth2/revoke")
_OAUTH_2 = ("oauth2/authorize", "oauth2/pushed_authorize", "oauth2/token", "oauth2/revoke")


def information(
    settings: WebSettings, *, generation: int, methods: Sequence[str], offered: Sequence[str]
) -> dict[str, Any]:
    """The answer of `info`. `methods` are the names of those offered, `offered` the kinds of key that are made."""
    name, origin, section = settings.name, settings.origin, settings.csc
    told: dict[str, Any] = {
        "specs": SPECS_1 if generation == 1 else section.specs,
        "name": name,
        "logo": origin + LOGO,
        "region": section.region,
        "lang": section.language,
        "description": section.description or f"{name}: remote signing with the signer's own approval",
        "authType": ["oauth2code", "oauth2client"],
        "oauth2": origin + ("/csc/v1" if generation == 1 else ""),
    }
    if generation == 1:
        return told | {"methods": [*_OAUTH_1, *methods]}
    schemes = {scheme for kind in offered for scheme in SCHEMES_OF[KeyAlgorithm(kind)]}
    algorithms = [oid for oid, scheme in SCHEME_OF_OID.items() if scheme in schemes]
    if any("pss" in scheme.value for scheme in schemes):
        algorithms.append(RSASSA_PSS)
    return told | {
        "supportsRar": True,
        "supportedHashTypes": [OF_DATA, OF_DOCUMENTS, OF_ORIGINALS],
        "asynchronousOperationMode": True,
        "methods": [*_OAUTH_2, *methods],
        "validationInfo": False,
        "signAlgorithms": {"algos": algorithms, "algoParams": [""] * len(algorithms)},
        # These are signDoc's; signHash signs any digest.
        "signature_formats": {"formats": [FORMAT], "envelope_properties": [list(ENVELOPES)]},
        "conformance_levels": list(LEVELS),
    }
