"""`natsuin sign`: have a PDF signed at a service, with the approval in one's own browser."""

import webbrowser
from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--server", required=True, metavar="URL", help="The service's address, such as https://sign.example.jp.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write; else beside FILE.")
@click.option("--reason", default="", help="Written into the signature.")
@click.option("--key", default="", metavar="ID", help="Which key, if not the first that can sign.")
@click.option("--client-id", default="natsuin-sign", show_default=True, help="As what the operator registered this.")
@click.option("--no-browser", is_flag=True, help="Print the addresses to visit instead of opening them.")
def sign(file: Path, *, server: str, out: Path | None, reason: str, key: str, client_id: str, no_browser: bool) -> None:
    """Have FILE signed by yourself, at a service where you have a key.

    The browser opens twice: to let this program see your certificate, and to approve the signature with your passkey
    and PIN. The PDF stays on this machine; the service gets the digest of what is signed.
    """
    from natsuin.client import InBrowser, Service, sign_pdf
    from natsuin.clock import SystemClock

    target = out or file.with_name(f"{file.stem}-signed.pdf")
    if target.exists():
        raise click.UsageError(f"{target} exists already; name another file with --out.")

    def show(address: str) -> None:
        opened = not no_browser and webbrowser.open(address)
        words = "Answer in the browser" if opened else "Visit this address in a browser on this machine"
        click.echo(f"{words}:\n{address}", err=True)

    service = Service(server, client_id=client_id)
    try:
        signed = sign_pdf(
            file.read_bytes(), service, InBrowser(show), name=file.name, now=SystemClock().now(), reason=reason, key=key
        )
    finally:
        service.close()
    with target.open("xb") as written:
        written.write(signed.content)
    click.echo(f"{target}: signed by {signed.signer}")
