"""The command `natsuin demo`."""

import signal
import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console

from natsuin.cli.demo import guest, sandbox
from natsuin.cli.demo.story import MARK, Demonstration, free_port, sample_contract
from natsuin.cli.demo.tokens import KINDS
from natsuin.errors import Malformed, Unavailable

PORTAL = "http://localhost:8710"


@click.group(invoke_without_command=True, subcommand_metavar="[approve URL --out DIR]")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), help="Folder to fill (required).")
@click.option("--serve", is_flag=True, help="Go on serving the portal at http://localhost:8710 until stopped.")
@click.option(
    "--vault",
    type=click.Choice(("software", *KINDS)),
    default="software",
    show_default=True,
    help="Where keys are made: in software, or in a token made for the demonstration.",
)
@click.option("--document", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="PDF to sign.")
@click.pass_context
def demo(context: click.Context, folder: Path | None, *, serve: bool, vault: str, document: Path | None) -> None:
    """Enrol a signer, sign a PDF, verify it, and leave everything in a folder."""
    if context.invoked_subcommand is not None:
        return
    if folder is None:
        raise click.UsageError("Missing option '--out'.", context)
    _run(folder, serve=serve, vault=vault, document=document)


@demo.command()
@click.argument("url")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Folder of the demonstration, which must be running.",
)
def approve(url: str, folder: Path) -> None:
    """Answer an application's authorization URL as the demo signer: sign in, and approve with passkey and PIN what it
    asks for.

    Prints the address that the browser would be sent to, with the code for the application.
    """
    signer = sandbox.signer_of(folder)
    if not url.startswith(signer.origin + "/"):
        raise Malformed("the URL is not one of this demonstration", hint=f"It must begin with {signer.origin}/.")
    try:
        signer.sign_in()
        click.echo(signer.authorize(url.removeprefix(signer.origin)))
    finally:
        # Whatever came of it, the passkey's counter went on.
        sandbox.keep_signer(folder, signer)
        signer.close()


def _run(folder: Path, *, serve: bool, vault: str, document: Path | None) -> None:
    console = Console(highlight=False, soft_wrap=True)
    origin = PORTAL if serve else f"http://localhost:{free_port()}"
    shown = Demonstration(folder.absolute(), origin, console.print, vault)
    again = serve and (folder / MARK).exists() and (folder / "signed.pdf").exists()
    if again and shown.is_running():
        console.print(f"The demonstration in {folder} is running already, started by another command.\n")
        _say_next(console, shown)
        return
    shown.require_free_port()
    contract = document or sample_contract()
    if contract.read_bytes()[:5] != b"%PDF-":
        raise Malformed(f"{contract.name} is not a PDF", hint="Give a PDF with --document FILE.")
    if again:
        console.print(
            f"{folder} holds an earlier demonstration, which goes on with its people, keys, documents and log.\n"
            "Nothing is enrolled or signed anew."
        )
        server, code = shown.start(), 0
    else:
        token = shown.prepare()
        server = shown.start()
        try:
            shown.run(token, contract)
            code = shown.verify(console)
        except BaseException:
            _stop(server)
            raise
    _tell(console, folder)
    if serve:
        if server.poll() is not None:
            raise Unavailable("the server stopped", hint=f"Its last words are in {folder / 'serve.log'}.")
        console.print(f"\n[bold]The portal is at {origin}[/bold]  (stop with Ctrl-C)\n")
        _say_next(console, shown)
        code = _wait(server) or code
    else:
        _stop(server)
    sys.exit(code)


def _say_next(console: Console, shown: Demonstration) -> None:
    address = guest.kept(shown.folder)
    state = guest.state_of(shown.origin, address)
    for line in guest.next_steps(shown.origin, shown.folder, state, address):
        console.print(line, soft_wrap=True, markup=False)


def _tell(console: Console, folder: Path) -> None:
    console.print("\nWhere everything is:")
    files = (
        ("signed.pdf", "the signed document (PAdES B-T, with a visible seal)"),
        ("signed.pdf.tlog-proof", "its receipt from the signing log"),
        ("evidence.json", "who approved what, how, and what the log says"),
        ("statement.json", "everything that the key did, and nothing else"),
        ("ca.pem", "the trust anchor of this demonstration"),
        ("root.crl", "its revocation list, and issuing.crl that of the authority below it"),
        ("log.vkey", "the key that the log is checked with"),
        ("log/", "the signing log: checkpoint and tiles"),
        ("config.toml", "the configuration"),
        ("csc.json", "for trying an application: addresses of the CSC API, a registered client, the credential"),
    )
    width = max(len(str(folder / name)) for name, _ in files)
    for name, what in files:
        console.print(f"  {folder / name!s:{width}}  [dim]{what}[/dim]", soft_wrap=True)


def _wait(server: "subprocess.Popen[bytes]") -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(server)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
