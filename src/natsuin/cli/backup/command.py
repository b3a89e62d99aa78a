"""The command `natsuin backup` and its subcommands."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from natsuin.cli.progress import progress_bars
from natsuin.cli.supervised import config_option

if TYPE_CHECKING:
    from natsuin.cli.backup.examination import Findings
    from natsuin.key_management import MasterKey

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
identity_option = click.option("--identity", type=_FILE, help="age identity that opens the backup.")
master_key_option = click.option("--master-key", "master_key", type=_FILE, help="The master key of that installation.")


@click.group()
def backup() -> None:
    """Copy a whole installation while it signs; check, rehearse and restore copies.

    The master key is never in a backup: keep it elsewhere.
    """


@backup.command()
@click.argument("file", type=click.Path(path_type=Path))
def key(file: Path) -> None:
    """Make an age identity in FILE. Keep it away from this host; its public key is the recipient of backups."""
    from natsuin.cli.backup.encryption import make_identity

    click.echo(f"recipient: {make_identity(file)}")
    click.echo(
        f"{file} opens every backup made for this recipient. Keep it apart from the backups, and from this host."
    )


@backup.command()
@config_option
@click.option("--to", "target", type=_FOLDER, required=True, help="Folder in which backups are kept.")
@click.option("--recipient", "recipients", multiple=True, help="age1...: encrypt for this public key. May be repeated.")
@click.option("--clear", is_flag=True, help="Do not encrypt: people's documents then lie there readable.")
def create(file: Path, target: Path, recipients: tuple[str, ...], *, clear: bool) -> None:
    """Make one consistent backup of both databases, key archives, log and configuration. The service may run."""
    from natsuin.cli.backup.creation import create_backup
    from natsuin.config import load
    from natsuin.errors import Refused
    from natsuin.key_management import read_master_key

    if bool(recipients) == clear:
        raise Refused("say whether to encrypt", hint="Give --recipient age1..., or --clear. See `natsuin backup key`.")
    config = load(file)
    master = read_master_key(config.sam.master_key_file)
    with progress_bars() as progress:
        place = create_backup(config, master, target.absolute(), recipients, progress=progress)
    click.echo(str(place))
    click.echo("It does not hold the master key. Without that key nobody can restore it.")


@backup.command(name="list")
@click.argument("folder", type=_FOLDER)
@click.option(
    "--config", "file", type=_FILE, help="Also tell when this installation last made a backup, and last rehearsed."
)
def list_backups(folder: Path, file: Path | None) -> None:
    """List the backups in FOLDER, oldest first."""
    from natsuin.cli.backup.listing import tell_backups, tell_last_times
    from natsuin.config import load

    for line in tell_backups(folder):
        click.echo(line)
    if file is not None:
        for line in tell_last_times(load(file)):
            click.echo(line)


@backup.command()
@click.argument("folder", type=_FOLDER)
@identity_option
@master_key_option
@click.pass_context
def check(context: click.Context, folder: Path, identity: Path | None, master_key: Path | None) -> None:
    """Check a backup: hashes and log; with the master key also databases, keys and archives.

    Exit status: 0 all is well, 1 something is not.
    """
    from natsuin.cli.backup.encryption import read_identity
    from natsuin.cli.backup.examination import examine_contents, examine_files, unpack
    from natsuin.cli.backup.manifest import read_manifest
    from natsuin.cli.backup.scratch import scratch_folder

    manifest = read_manifest(folder)
    with progress_bars() as progress:
        found = examine_files(folder, manifest, progress=progress)
        problems = list(found.problems)
        if master_key is not None and not problems:
            with scratch_folder("natsuin-check-") as scratch:
                unpack(folder, manifest, scratch / "unpacked", read_identity(identity))
                found = examine_contents(scratch / "unpacked", manifest, _master(master_key), progress=progress)
                problems += found.problems
    _tell(found, problems)
    context.exit(1 if problems else 0)


@backup.command()
@click.argument("folder", type=_FOLDER)
@config_option
@identity_option
@click.pass_context
def rehearse(context: click.Context, folder: Path, file: Path, identity: Path | None) -> None:
    """Restore a backup into a scratch folder, to see that it works, and remember when that was.

    Exit status: 0 all is well, 1 something is not.
    """
    from natsuin.cli.backup.encryption import read_identity
    from natsuin.cli.backup.manifest import read_manifest
    from natsuin.cli.backup.rehearsal import rehearse as do_rehearse
    from natsuin.config import load
    from natsuin.key_management import read_master_key

    config = load(file)
    master = read_master_key(config.sam.master_key_file)
    with progress_bars() as progress:
        found = do_rehearse(folder, read_manifest(folder), config, master, read_identity(identity), progress=progress)
    _tell(found, list(found.problems))
    context.exit(1 if found.problems else 0)


@backup.command()
@click.argument("folder", type=_FOLDER)
@click.option("--dir", "target", type=_FOLDER, required=True, help="A new or empty folder.")
@click.option("--master-key", "master_key", type=_FILE, required=True, help="The master key; it is copied into place.")
@identity_option
@click.option("--log", "log", type=_FOLDER, help="A newer copy of the log's public files.")
@click.option("--newest-checkpoint", "checkpoint", type=_FILE, help="The newest checkpoint that anybody has.")
@click.option("--nothing-newer", is_flag=True, help="Say that nobody has anything of the log that is newer.")
def restore(
    folder: Path,
    target: Path,
    master_key: Path,
    identity: Path | None,
    log: Path | None,
    checkpoint: Path | None,
    *,
    nothing_newer: bool,
) -> None:
    """Restore a backup into an empty folder. Approvals, invitations and acts that were open then are closed."""
    from natsuin.cli.backup.encryption import read_identity
    from natsuin.cli.backup.manifest import read_manifest
    from natsuin.cli.backup.named_files import missing_files
    from natsuin.cli.backup.restoration import NewestLog, place_master_key, restore_backup
    from natsuin.config import load

    manifest = read_manifest(folder)
    newest = NewestLog(log, checkpoint.read_text("utf-8") if checkpoint else None, nothing_newer)
    target = target.absolute()
    with progress_bars() as progress:
        size = restore_backup(
            folder, manifest, target, _master(master_key), read_identity(identity), newest, progress=progress
        )
    config = load(target / "config.toml")
    place_master_key(master_key, config)
    click.echo(f"Restored into {target}. The log goes on from entry {size}.")
    if log is None:
        click.echo("Receipts of later entries, if there are any, contradict it from now on: tell those who hold them.")
    if missing := missing_files(config):
        click.echo("It names files that no backup holds, and that are not here. Put them into their places first:\n")
        click.echo("".join(f"    {key}: {file}\n" for key, file in missing))
    click.echo(f"Start it with:\n\n    natsuin serve --config {target / 'config.toml'}")


def _master(file: Path) -> "MasterKey":
    from natsuin.key_management import read_master_key

    return read_master_key(file)


def _tell(found: "Findings", problems: list[str]) -> None:
    for problem in problems:
        click.echo(f"PROBLEM: {problem}", err=True)
    click.echo(f"{found.files} files, {found.log_size} log entries")
    if found.opened:
        click.echo(f"{found.keys} keys and {found.archives} key archives open as far as they can without their signers")
    else:
        click.echo("Contents were not looked at: give --master-key, and --identity if it is encrypted.")
