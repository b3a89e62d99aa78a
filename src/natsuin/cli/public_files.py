"""What an installation has to hand out: `log.vkey`, with which log and receipts are checked, and `ca.pem`."""

from pathlib import Path


def write_public_files(folder: Path, log_vkey: str, root_certificate: bytes) -> None:
    """Write both into `folder`, readable for everybody. The certificate is DER."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_der_x509_certificate

    pem = load_der_x509_certificate(root_certificate).public_bytes(Encoding.PEM)
    for name, content in (("log.vkey", f"{log_vkey}\n".encode()), ("ca.pem", pem)):
        file = folder / name
        file.write_bytes(content)
        file.chmod(0o644)
