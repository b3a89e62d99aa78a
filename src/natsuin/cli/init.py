"""`natsuin init`: a new installation, made once, in a folder of its own."""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natsuin.cli.public_files import write_public_files

if TYPE_CHECKING:
    from natsuin.config import Config
    from natsuin.sam.accounts import Accounts


def make_installation(
    folder: Path,
    *,
    origin: str,
    name: str = "Natsuin",
    demo: bool = False,
    vault: Callable[[], Mapping[str, Any]] | None = None,
    users: Mapping[str, str] | None = None,
) -> str:
    """Make configuration, databases, keys, certificates and log in an empty folder; durable on return.

    `vault` gives the content of the configuration's section [vault] once the folder is there; the token that it names
    gets a new wrapping key. `users` is the content of section [serve]: who web and sam will run as. Their files are
    then theirs, and the rest is root's.

    Answers with the one-time token for the first registration officer, which is kept nowhere. If anything fails,
    what was made is taken away again.

    Raises:
        Conflict: the folder exists and is not empty; nothing was touched.
        ConfigurationRefused: there is no such user, or this process may not give files away.
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
        section = vault() if vault else None
        config = load(write_config(folder, origin=origin, name=name, demo=demo, vault=section, serve=users))
        owners = _owners(config)
        for part in ("web", "sam", "run"):
            (folder / part).mkdir(mode=0o700)
        for tree, url in config.databases:
            create_database(url, name=tree)
            database = open_database(url, name=tree)
            upgrade_schema(database, tree)
            database.close()
        made = initialise(config)
        write_public_files(folder, made.log_vkey, made.root_certificate)
        if owners is not None:
            _give_away(folder, owners)
        return made.officer_token
    except BaseException:
        _take_away(folder, existed)
        raise
    finally:
        os.umask(before)


def _owners(config: "Config") -> "Accounts | None":
    from natsuin.sam.accounts import Accounts
    from natsuin.settings import ConfigurationRefused

    owners = Accounts.of(config.serve)
    if owners is not None and os.geteuid() != 0:
        raise ConfigurationRefused("Only root can give files to other users.", hint="Run `natsuin init` as root.")
    return owners


def _give_away(folder: Path, owners: "Accounts") -> None:
    """Each process's files to its user; the rest stays root's and can be read by both."""
    for part, owner in (("sam", owners.sam), ("log", owners.sam), ("web", owners.web)):
        for path in (folder / part, *(folder / part).rglob("*")):
            os.chown(path, owner.user, owner.group, follow_symlinks=False)
    # The bit 2000 gives what sam makes in the folder, its socket, to web's group, in which sam is not.
    os.chown(folder / "run", owners.sam.user, owners.web.group)
    (folder / "run").chmod(0o2710)
    (folder / "config.toml").chmod(0o644)
    folder.chmod(0o755)


def _take_away(folder: Path, existed: bool) -> None:
    if not existed:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for part in folder.iterdir():
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def new_vault_section(module: Path, label: str, pin_file: Path, **others: Any) -> dict[str, Any]:
    """Section [vault] for a token that gets a wrapping key of its own. `others` are further keys of it."""
    section = {
        "kind": "pkcs11",
        "module": str(module.absolute()),
        "token": label,
        "pin": f"file:{pin_file.absolute()}",
        "wrapping_key": secrets.token_hex(16),
    }
    return section | {key: value for key, value in others.items() if value}


def _from_options(options: dict[str, Any]) -> dict[str, Any]:
    missing = [name for name in ("module", "label", "pin_file") if not options[name]]
    if missing:
        names = {"module": "--module", "label": "--token", "pin_file": "--pin-file"}
        raise click.UsageError(f"--vault pkcs11 needs {', '.join(names[name] for name in missing)}")
    pairs = [setting.partition("=") for setting in options.pop("environment")]
    if any(not equals or not key for key, equals, _ in pairs):
        raise click.UsageError("--environment is written NAME=VALUE")
    return new_vault_section(**options, environment={key: value for key, _, value in pairs})


@click.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="A new or empty folder.")
@click.option(
    "--origin", default="http://localhost:8710", show_default=True, help="What people have in their address line."
)
@click.option("--name", default="Natsuin", show_default=True, help="The service's name, also in its certificates.")
@click.option("--demo", is_flag=True, help='Write "not for real use" into every certificate.')
@click.option("--web-user", default="", help="The user that web will run as: see docs/operating.md. Needs root.")
@click.option("--sam-user", default="", help="The user that sam will run as. Both or neither.")
@click.option("--vault", type=click.Choice(("software", "pkcs11")), default="software", show_default=True)
@click.option("--module", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The PKCS#11 library.")
@click.option("--token", "label", default="", help="The token's label.")
@click.option("--pin-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File with its PIN.")
@click.option("--parameters", default="", help="Handed to the library at its start, if its maker asks for that.")
@click.option("--environment", multiple=True, metavar="NAME=VALUE", help="For the process that loads the library.")
@click.option("--allow-weak-token", is_flag=True, help="For trials only: see docs/hsm.md.")
def init(
    folder: Path,
    origin: str,
    name: str,
    *,
    web_user: str,
    sam_user: str,
    demo: bool,
    **vault_options: Any,
) -> None:
    """Make a new installation and print the first registration officer's one-time link.

    With --vault pkcs11 a wrapping key is made in the token that --module, --token and --pin-file name, and signers'
    keys are made and used in this token.
    """
    section = _from_options(vault_options) if vault_options.pop("vault") == "pkcs11" else None
    ask = (lambda: section) if section else None
    users = {"web_user": web_user, "sam_user": sam_user} if web_user or sam_user else None
    token = make_installation(folder.absolute(), origin=origin, name=name, demo=demo, vault=ask, users=users)
    click.echo(f"The installation is in {folder}. Start it with:\n")
    click.echo(f"    natsuin serve --config {folder / 'config.toml'}\n")
    click.echo("Then the first registration officer opens this link, which works once and is not kept anywhere:\n")
    click.echo(f"    {origin}/officer/enrol#{token}\n")
    click.echo(f"Give {folder / 'ca.pem'} and {folder / 'log.vkey'} to those who check signatures.")
    click.echo(
        f"Copy {folder / 'sam' / 'master.key'} to a safe place away from the databases: without it no key opens."
    )
    click.echo(
        "This master key was seen by one person. Before anybody enrols, make one that nobody has seen, under"
        " custodians: `natsuin ceremony plan --kind rotate`, as docs/ceremonies.md says."
    )
    if section:
        click.echo(
            "Have the token's own backup hold the wrapping key before anybody enrols: without it no key opens either,"
            " and it never leaves the token otherwise."
        )
