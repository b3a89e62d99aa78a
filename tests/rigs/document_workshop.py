"""A small public key infrastructure and sample PDFs for the tests of documents and validation.

Everything is made fresh with `cryptography`, `asn1crypto` and `pikepdf`, not with the code under
test, but for `Workshop.signed`.
"""

import hashlib
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import pikepdf
from asn1crypto import algos, cms, core, keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

from natsuin.algorithms import FACTS, SIGNS_MESSAGES, SignatureScheme
from natsuin.documents import Placement, PrepareRequest, SealAppearance, embed, prepare

NOW = datetime.now(UTC).replace(microsecond=0)
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def distinguished(name):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "捺印 試験"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def usage(*names):
    return x509.KeyUsage(**{one: one in names for one in _USAGES})


@dataclass
class Person:
    """A key with its certificate."""

    key: object
    certificate: x509.Certificate

    @property
    def der(self):
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, scheme, message):
        if scheme in SIGNS_MESSAGES:
            return self.key.sign(message)
        kind = getattr(hashes, FACTS[scheme].hash_name.upper())()
        if scheme.startswith("rsa-pss"):
            return self.key.sign(message, padding.PSS(padding.MGF1(kind), kind.digest_size), kind)
        if scheme.startswith("rsa"):
            return self.key.sign(message, padding.PKCS1v15(), kind)
        return self.key.sign(message, ec.ECDSA(kind))


@cache
def key_for(scheme):
    if scheme.startswith("rsa"):
        return _rsa()
    if scheme is SignatureScheme.ED25519:
        return ed25519.Ed25519PrivateKey.generate()
    if scheme is SignatureScheme.ML_DSA_65:
        return mldsa.MLDSA65PrivateKey.generate()
    curve = {"sha256": ec.SECP256R1, "sha384": ec.SECP384R1, "sha512": ec.SECP521R1}[FACTS[scheme].hash_name]
    return ec.generate_private_key(curve())


@cache
def _rsa():
    return rsa.generate_private_key(65537, 3072)


@dataclass
class Workshop:
    """Root, issuing authority, signers and a time-stamp authority."""

    name: str = "試験"
    root: Person = field(init=False)
    issuing: Person = field(init=False)
    stamper: Person = field(init=False)

    def __post_init__(self):
        self.root = self.person(
            f"{self.name} Root",
            extensions=[(x509.BasicConstraints(True, None), True), (usage("key_cert_sign", "crl_sign"), True)],
        )
        self.issuing = self.person(
            f"{self.name} Issuing",
            by=self.root,
            extensions=[(x509.BasicConstraints(True, 0), True), (usage("key_cert_sign", "crl_sign"), True)],
        )
        self.stamper = self.person(
            f"{self.name} TSA",
            by=self.root,
            extensions=[
                (usage("digital_signature"), True),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
            ],
        )

    def person(self, name, *, key=None, by=None, extensions=(), start=None, days=730):
        key = key or ec.generate_private_key(ec.SECP256R1())
        start = start or NOW - timedelta(days=1)
        issuer = by.certificate.subject if by else distinguished(name)
        signing_key = by.key if by else key
        builder = (
            x509.CertificateBuilder()
            .subject_name(distinguished(name))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return Person(key, builder.sign(signing_key, hashes.SHA256()))

    def signer(self, name="山田 太郎", *, scheme=SignatureScheme.ECDSA_SHA256, **options):
        options.setdefault(
            "extensions", [(usage("content_commitment"), True), (x509.BasicConstraints(False, None), True)]
        )
        return self.person(name, key=key_for(scheme), by=self.issuing, **options)

    def request(self, person, *, scheme=SignatureScheme.ECDSA_SHA256, **options):
        options.setdefault("name", "山田 太郎")
        options.setdefault("signing_time", NOW)
        return PrepareRequest(certificate=person.der, chain=(self.issuing.der,), scheme=scheme, **options)

    def signed(self, pdf, person=None, *, scheme=SignatureScheme.ECDSA_SHA256, stamped=True, **options):
        """`pdf` signed through the code under test, with this workshop's keys."""
        person = person or self.signer(scheme=scheme)
        prepared = prepare(pdf, self.request(person, scheme=scheme, **options))
        value = person.sign(scheme, prepared.dtbs)
        return embed(prepared, value, time_stamper=self.stamp if stamped else None)

    def signed_by_others(self, pdf, *, lock=None, box=(50, 50, 150, 100), **metadata):
        """`pdf` signed by pyHanko itself, as another product would."""
        person = self.signer("他社 利用者")
        key = person.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        signer = signers.SimpleSigner(
            signing_cert=asn1_x509.Certificate.load(person.der),
            signing_key=keys.PrivateKeyInfo.load(key),
            cert_registry=SimpleCertificateStore.from_certs([asn1_x509.Certificate.load(self.issuing.der)]),
        )
        metadata.setdefault("subfilter", SigSeedSubFilter.PADES)
        made = signers.sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf)),
            signers.PdfSignatureMetadata(field_name="Other", md_algorithm="sha256", **metadata),
            signer=signer,
            new_field_spec=SigFieldSpec("Other", on_page=0, box=box, field_mdp_spec=lock),
        )
        return made.getvalue()

    def certified(self, pdf, *, level):
        """`pdf` certified by its author, leaving changes of `level` (1 to 3) open."""
        return self.signed_by_others(pdf, certify=True, docmdp_permissions=MDPPerm(level))

    def stamp(self, request_der, *, time=None, **changes):
        """Answer a TimeStampReq; `changes` make wrong answers: status, imprint, nonce, signer, break_signature."""
        request = tsp.TimeStampReq.load(request_der)
        if changes.get("status", 0):
            return tsp.TimeStampResp({"status": {"status": changes["status"]}}).dump()
        imprint = request["message_imprint"].copy()
        if "imprint" in changes:
            imprint["hashed_message"] = changes["imprint"]
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4.5",
                "message_imprint": imprint,
                "serial_number": 7,
                "gen_time": time or NOW,
                "nonce": changes.get("nonce", request["nonce"].native),
            }
        )
        signer = changes.get("signer", self.stamper)
        token = _token(info, signer, broken=changes.get("break_signature", False), more=changes.get("certificates", ()))
        return tsp.TimeStampResp({"status": {"status": 0}, "time_stamp_token": token}).dump()


def _token(info, signer, *, broken, more):
    certificate = asn1_x509.Certificate.load(signer.der)
    content = info.dump()
    identifier = tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(signer.der).digest()}]})
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(content).digest()]}),
            cms.CMSAttribute({"type": "signing_certificate_v2", "values": [identifier]}),
        ]
    )
    value = signer.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256()))
    if broken:
        value = signer.key.sign(attributes.dump() + b"!", ec.ECDSA(hashes.SHA256()))
    information = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {"issuer_and_serial_number": {"issuer": certificate.issuer, "serial_number": certificate.serial_number}}
            ),
            "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
            "signed_attrs": attributes,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
            "signature": value,
        }
    )
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "certificates": [certificate, *(asn1_x509.Certificate.load(one) for one in more)],
            "signer_infos": [information],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": signed})


def sample_pdf(*, pages=1, rotate=0, media=(0, 0, 595, 842), crop=None, text="Contract text", unit=None, **save):
    """A PDF with a line of text on each page, made by qpdf through pikepdf."""
    pdf = pikepdf.new()
    for number in range(pages):
        pdf.add_blank_page(page_size=(media[2] - media[0], media[3] - media[1]))
        page = pdf.pages[number]
        page.MediaBox = pikepdf.Array(list(media))
        if crop:
            page.CropBox = pikepdf.Array(list(crop))
        if rotate:
            page.Rotate = rotate
        if unit:
            page.obj.UserUnit = unit
        line = f"BT /F1 14 Tf 72 700 Td ({text} {number + 1}) Tj ET".encode()
        page.Contents = pdf.make_stream(line)
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
    out = io.BytesIO()
    pdf.save(out, **{"compress_streams": False} | save)
    return out.getvalue()


SEAL = SealAppearance("山田 太郎", ("電子署名", "山田 太郎", "2026-11-22 20:30 JST"))
PLACE = Placement(0, 380, 100, 180, 70)
