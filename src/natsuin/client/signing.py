"""A PDF signed by a person who approves in their browser: the main job of the client, as a list of steps."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from natsuin.algorithms import FACTS, SignatureScheme
from natsuin.client.browser import InBrowser
from natsuin.client.service import Credential, Service
from natsuin.documents import PrepareRequest, embed, prepare
from natsuin.errors import Refused

_OID_OF_HASH = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_USUAL: dict[SignatureScheme, str] = {
    SignatureScheme.RSA_PKCS1_SHA256: "1.2.840.113549.1.1.11",
    SignatureScheme.ECDSA_SHA256: "1.2.840.10045.4.3.2",
    SignatureScheme.ECDSA_SHA384: "1.2.840.10045.4.3.3",
    SignatureScheme.ECDSA_SHA512: "1.2.840.10045.4.3.4",
}
_CURVES = {256: SignatureScheme.ECDSA_SHA256, 384: SignatureScheme.ECDSA_SHA384, 521: SignatureScheme.ECDSA_SHA512}


@dataclass(frozen=True)
class Signed:
    """The signed PDF, PAdES B-T, and whom its certificate names."""

    content: bytes
    signer: str


def sign_pdf(
    content: bytes, service: Service, browser: InBrowser, *, name: str, now: datetime, reason: str = "", key: str = ""
) -> Signed:
    """Have a PDF signed without a visible mark. `name` is told to the person as the document's name; `now` is UTC.

    Raises what the document refuses (`natsuin.documents`), `ServiceRefused`, `Expired`, `Unavailable`.
    """
    # 1. The certificate, with the person's leave: it goes into what is signed.
    credential = service.credential(browser.ask(service, {"scope": "service"}), key)
    scheme, signer = _scheme(credential), _named(credential)
    # 2. The PDF is prepared here, and its digest is all that leaves.
    request = PrepareRequest(
        certificate=credential.certificate,
        chain=credential.chain[:-1],
        scheme=scheme,
        signing_time=now,
        reason=reason,
        name=signer,
    )
    prepared = prepare(content, request)
    hash_name = FACTS[scheme].hash_name
    digest = hashlib.new(hash_name, prepared.dtbs).digest()
    # 3. The person approves exactly this digest, with passkey and PIN.
    asked = {
        "scope": "credential",
        "credentialID": credential.credential_id,
        "numSignatures": "1",
        "hashes": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "hashAlgorithmOID": _OID_OF_HASH[hash_name],
        "description": name,
    }
    token = browser.ask(service, asked)
    # 4. The service signs it.
    signature = service.sign_hash(
        token, credential.credential_id, digest, hash_oid=_OID_OF_HASH[hash_name], algorithm=_USUAL[scheme]
    )
    # 5. Signature and time-stamp go into the PDF; a signature that is not over it is refused.
    return Signed(embed(prepared, signature, time_stamper=service.time_stamp), signer)


def _scheme(credential: Credential) -> SignatureScheme:
    """How this credential signs documents. Raises `Refused` for a kind that this program does not know."""
    key = x509.load_der_x509_certificate(credential.certificate).public_key()
    scheme = None
    if isinstance(key, rsa.RSAPublicKey):
        scheme = SignatureScheme.RSA_PKCS1_SHA256
    elif isinstance(key, ec.EllipticCurvePublicKey):
        scheme = _CURVES.get(key.curve.key_size)
    if scheme is None or _USUAL[scheme] not in credential.algorithms:
        raise Refused("the key does not sign in a way that this program knows")
    return scheme


def _named(credential: Credential) -> str:
    names = x509.load_der_x509_certificate(credential.certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
