"""`natsuin import`: what an authority needs to hand over a key, and the envelope in which it does."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natsuin.cli.supervised import config_option

if TYPE_CHECKING:
    from cryptography import x509

_file = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.group("import")
def import_group() -> None:
    """Hand over keys that an authority made, for registered people."""


@import_group.command()
@config_option
def facts(file: Path) -> None:
    """Print, as JSON, what an authority must know of this service. sam must be running."""
    import json

    from natsuin import base64url
    from natsuin.config import load
    from natsuin.errors import Conflict

    told = _ask_sam(load(file))
    if not told.import_key:
        raise Conflict("This service takes in no keys.", hint="Set keys.import_from; see docs/key-import.md.")
    public = {"origin": told.origin, "log": told.log_vkey, "import_key": base64url.encode(told.import_key)}
    click.echo(json.dumps(public, indent=1))


@import_group.command()
@click.option("--for", "facts_file", type=_file, required=True, help="What `natsuin import facts` printed there.")
@click.option("--user", required=True, help="Number of the person's account, told by the officer.")
@click.option("--pkcs12", "key_file", type=_file, required=True, help="The key and its certificate.")
@click.option("--password-file", type=_file, required=True, help="The file's password, in the first line.")
@click.option("--signer", type=_file, required=True, help="PEM: the certificate that signs, then what is above it.")
@click.option("--signer-key", type=_file, required=True, help="PEM: its private key, RSA or elliptic curve.")
@click.option(
    "--days",
    type=click.IntRange(1, 30),
    default=7,
    show_default=True,
    help="How long the envelope is good, at most 30.",
)
@click.option("--no-other-copy", is_flag=True, required=True, help="State that no copy of the key is left elsewhere.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The envelope.")
def seal(**given: Any) -> None:
    """Seal a key to a service and sign the envelope. Run by the authority; needs nothing of the service's."""
    import json

    from natsuin import base64url
    from natsuin.errors import Conflict, Malformed

    out: Path = given["out"]
    if not given["user"].strip():
        raise Malformed("The number of the account is empty.", hint="The officer tells it; it begins with u-.")
    if out.exists():
        raise Conflict(f"{out} exists.", hint="Name another file with --out.")
    try:
        service = json.loads(given["facts_file"].read_text("utf-8"))
        import_key = base64url.decode(service["import_key"])
        chain, key = _signer(given["signer"], given["signer_key"])
        password = given["password_file"].read_text("utf-8").splitlines()[0]
    except (ValueError, TypeError, KeyError, IndexError, OSError) as error:
        raise Malformed(f"A file cannot be used: {error}.", hint="See docs/key-import.md.") from error
    _require_able_to_sign(chain[0], key)
    header = _header(service, given["user"], chain[0], given["days"])
    envelope = _sealed_and_signed(header, given["key_file"].read_bytes(), password, import_key, (chain, key))
    out.touch(mode=0o600, exist_ok=False)
    out.write_bytes(envelope)
    click.echo(f"{out}: good until it is used, for {given['days']} days at most.")


def _ask_sam(config: Any) -> Any:
    import asyncio

    from natsuin.sam.client import SamClient
    from natsuin.sam.protocol import Hello
    from natsuin.sam.transport import TLSFiles

    async def ask() -> Any:
        client = SamClient(config.sam.address, TLSFiles.of(config.sam.client_tls))
        try:
            return await client.call(Hello())
        finally:
            await client.close()

    return asyncio.run(ask())


def _signer(certificates: Path, key: Path) -> "tuple[list[x509.Certificate], Any]":
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return x509.load_pem_x509_certificates(certificates.read_bytes()), load_pem_private_key(key.read_bytes(), None)


def _require_able_to_sign(signer: "x509.Certificate", key: Any) -> None:
    """What the service would refuse about who signs is told here, while the authority can still mend it."""
    from natsuin.certification import KEY_IMPORT_PURPOSE, SignerNotAccepted, require_purpose

    require_purpose(signer, KEY_IMPORT_PURPOSE)
    if key.public_key() != signer.public_key():
        raise SignerNotAccepted(
            "the private key is not that of the certificate that signs",
            hint="Name with --signer-key the key of the first certificate in --signer.",
        )


def _header(service: dict[str, Any], user: str, signer: "x509.Certificate", days: int) -> Any:
    import secrets

    from cryptography.hazmat.primitives import hashes

    from natsuin.clock import SystemClock, milliseconds
    from natsuin.key_management import EnvelopeHeader

    now = SystemClock().now()
    return EnvelopeHeader(
        envelope=secrets.token_hex(16),
        origin=service["origin"],
        log=service["log"],
        user=user,
        signer=signer.fingerprint(hashes.SHA256()).hex(),
        made=milliseconds(now),
        expires=milliseconds(now + timedelta(days=days)),
        other_copies="none",
    )


def _sealed_and_signed(header: Any, file: bytes, password: str, import_key: bytes, signer: tuple[Any, Any]) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    from natsuin.key_management import EnvelopeContent, read_pkcs12, seal_content

    # What sam could not read is told here, where the key still is.
    read_pkcs12(file, password)
    (own, *above), key = signer
    content = seal_content(header, EnvelopeContent(file, password), import_key)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(own, key, hashes.SHA256())
    for certificate in above:
        builder = builder.add_certificate(certificate)
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])
