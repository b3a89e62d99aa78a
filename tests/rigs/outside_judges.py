"""Other people's programs, asked about signed documents: poppler's pdfsig, OpenSSL, qpdf, pyHanko. Nothing of Natsuin
is used."""

import io
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext


@dataclass(frozen=True)
class SignatureInFile:
    """One signature of a PDF: the bytes that it covers, and its CMS, DER without the filling zeros."""

    content: bytes
    cms: bytes

    @property
    def signed_data(self) -> cms.SignedData:
        return cms.ContentInfo.load(self.cms)["content"]

    @property
    def signed_attributes(self) -> bytes:
        """DER as it was signed: with the tag of a SET (RFC 5652, 5.4)."""
        return bytes(self.signed_data["signer_infos"][0]["signed_attrs"].untag().dump())

    @property
    def message_digest(self) -> bytes:
        for attribute in self.signed_data["signer_infos"][0]["signed_attrs"]:
            if attribute["type"].native == "message_digest":
                return bytes(attribute["values"][0].native)
        raise AssertionError("there is no message digest")

    @property
    def signer_certificate(self) -> bytes:
        """DER; the one whose serial number the signer's entry names."""
        serial = self.signed_data["signer_infos"][0]["sid"].chosen["serial_number"].native
        for choice in self.signed_data["certificates"]:
            if choice.chosen.serial_number == serial:
                return bytes(choice.chosen.dump())
        raise AssertionError("the signer's certificate is not in the CMS")

    @property
    def value(self) -> bytes:
        return bytes(self.signed_data["signer_infos"][0]["signature"].native)

    @property
    def time_stamp_token(self) -> bytes:
        for attribute in self.signed_data["signer_infos"][0]["unsigned_attrs"]:
            if attribute["type"].native == "signature_time_stamp_token":
                return bytes(attribute["values"][0].dump())
        raise AssertionError("there is no time-stamp")


def signatures_in(pdf: bytes) -> list[SignatureInFile]:
    """Every signature of the form's fields, read with qpdf's library."""
    found = []
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        for one in opened.Root.AcroForm.Fields:
            if one.get("/FT") != "/Sig" or "/V" not in one:
                continue
            start, first, second, last = (int(number) for number in one.V.ByteRange)
            content = pdf[start : start + first] + pdf[second : second + last]
            der = bytes(one.V.Contents)
            size = 4 + int.from_bytes(der[2:4], "big")
            assert der[:2] == b"\x30\x82"
            assert not der[size:].strip(b"\0")
            found.append(SignatureInFile(content, der[:size]))
    return found


def run(*command: Any) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([str(part) for part in command], capture_output=True, timeout=120)


def pdfsig(pdf: bytes, folder: Path, *options: str, root: bytes | None) -> str:
    """What poppler's pdfsig says of `pdf`, with a fresh NSS database that trusts the certificate `root` (PEM)."""
    folder.mkdir(exist_ok=True)
    (folder / "signed.pdf").write_bytes(pdf)
    database = f"sql:{folder}"
    assert run("certutil", "-N", "-d", database, "--empty-password").returncode == 0
    if root is not None:
        (folder / "root.pem").write_bytes(root)
        added = run("certutil", "-A", "-d", database, "-n", "root", "-t", ",C,", "-i", folder / "root.pem")
        assert added.returncode == 0, added.stderr
    return run("pdfsig", "-nssdir", database, *options, folder / "signed.pdf").stdout.decode()


def openssl_cms(signature: SignatureInFile, folder: Path, root: bytes) -> "subprocess.CompletedProcess[bytes]":
    """`openssl cms -verify` of the detached CMS over the covered bytes, the root (PEM) being the only trust."""
    folder.mkdir(exist_ok=True)
    for name, content in (("cms.der", signature.cms), ("content", signature.content), ("ca.pem", root)):
        (folder / name).write_bytes(content)
    return run(
        *("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", folder / "cms.der"),
        *("-content", folder / "content", "-CAfile", folder / "ca.pem", "-purpose", "any", "-out", "/dev/null"),
    )


def openssl_signature(signature: SignatureInFile, folder: Path) -> "subprocess.CompletedProcess[bytes]":
    """`openssl pkeyutl -verify` of the bare signature over the signed attributes, with the certificate's key."""
    folder.mkdir(exist_ok=True)
    certificate, attributes, value = folder / "certificate.der", folder / "attributes", folder / "value"
    certificate.write_bytes(signature.signer_certificate)
    attributes.write_bytes(signature.signed_attributes)
    value.write_bytes(signature.value)
    options = ("-certin", "-keyform", "DER", "-inkey", certificate, "-rawin", "-in", attributes, "-sigfile", value)
    return run("openssl", "pkeyutl", "-verify", *options)


def openssl_time_stamp(signature: SignatureInFile, folder: Path, root: bytes) -> "subprocess.CompletedProcess[bytes]":
    """`openssl ts -verify` of the embedded token over the signature value."""
    folder.mkdir(exist_ok=True)
    token, value = folder / "token.der", folder / "value"
    token.write_bytes(signature.time_stamp_token)
    value.write_bytes(signature.value)
    (folder / "ca.pem").write_bytes(root)
    return run(
        *("openssl", "ts", "-verify", "-token_in", "-in", token, "-data", value, "-CAfile", folder / "ca.pem"),
    )


def qpdf_check(pdf: bytes, folder: Path) -> "subprocess.CompletedProcess[bytes]":
    folder.mkdir(exist_ok=True)
    (folder / "checked.pdf").write_bytes(pdf)
    return run("qpdf", "--check", folder / "checked.pdf")


def pyhanko(pdf: bytes, *roots: bytes, **more: Any) -> list[PdfSignatureStatus]:
    """pyHanko's verdicts on every signature, `roots` (PEM) being the only trust."""
    trusted = [_asn1(x509.load_pem_x509_certificate(root)) for root in roots]
    context = ValidationContext(trust_roots=trusted, allow_fetching=False, **more)
    return [
        validate_pdf_signature(found, signer_validation_context=context, ts_validation_context=context)
        for found in PdfFileReader(io.BytesIO(pdf), strict=False).embedded_signatures
    ]


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def count_of(pattern: str, text: str) -> int:
    return len(re.findall(pattern, text))
