"""`natsuin init`: a new installation, made once, in a folder of its own."""

import os
import shutil
from pathlib import Path

import click


def make_installation(folder: Path, *, origin: str, name: str = "Natsuin", demo: bool = False) -> str:
    """Make configuration, databases, keys, certificates and log in an empty folder; durable on return.

    Answers with the one-time token for the first registration officer, which is kept nowhere. If anything fails,
    what was made is taken away again.

    Raises:
        Conflict: the folder exists and is not empty; nothing was touched.
        NatsuinError: whatever the parts refuse.
    """
    from natsuin.config import load, write_config
    from natsuin.errors import Conflict
    from natsuin.sam.process import initialise
    from natsuin.storage import create_database, open_database, upgrade_schema

    existed = folder.exists()
    if existed and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} exists and is not an empty folder.", hint="Name a new folder with --dir.")
    before = os.umask(0o077)
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        config = load(write_config(folder, origin=origin, name=name, demo=demo))
        for part in ("web", "sam", "run"):
            (folder / part).mkdir(mode=0o700)
        for tree, url in config.databases:
            create_database(url, name=tree)
            database = open_database(url, name=tree)
            upgrade_schema(database, tree)
            database.close()
        made = initialise(config)
        _hand_out(folder, made.log_vkey, made.root_certificate)
        return made.officer_token
    except BaseException:
        _take_away(folder, existed)
        raise
    finally:
        os.umask(before)


def _hand_out(folder: Path, log_vkey: str, root_certificate: bytes) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_der_x509_certificate

    pem = load_der_x509_certificate(root_certificate).public_bytes(Encoding.PEM)
    for name, content in (("log.vkey", f"{log_vkey}\n".encode()), ("ca.pem", pem)):
        file = folder / name
        file.write_bytes(content)
        file.chmod(0o644)


def _take_away(folder: Path, existed: bool) -> None:
    if not existed:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for part in folder.iterdir():
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


@click.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="A new or empty folder.")
@click.option(
    "--origin", default="http://localhost:8710", show_default=True, help="What people have in their address line."
)
@click.option("--name", default="Natsuin", show_default=True, help="The service's name, also in its certificates.")
@click.option("--demo", is_flag=True, help='Write "not for real use" into every certificate.')
def init(folder: Path, origin: str, name: str, *, demo: bool) -> None:
    """Make a new installation and print the first registration officer's one-time link."""
    token = make_installation(folder.absolute(), origin=origin, name=name, demo=demo)
    click.echo(f"The installation is in {folder}. Start it with:\n")
    click.echo(f"    natsuin serve --config {folder / 'config.toml'}\n")
    click.echo("Then the first registration officer opens this link, which works once and is not kept anywhere:\n")
    click.echo(f"    {origin}/officer/enrol#{token}\n")
    click.echo(f"Give {folder / 'ca.pem'} and {folder / 'log.vkey'} to those who check signatures.")
    click.echo(
        f"Copy {folder / 'sam' / 'master.key'} to a safe place away from the databases: without it no key opens."
    )
