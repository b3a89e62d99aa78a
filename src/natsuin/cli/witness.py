"""`natsuin witness`: a witness of other people's signing logs, which needs nothing else of an installation."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from natsuin.errors import NatsuinError


@click.group(invoke_without_command=True)
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The witness's settings, which `natsuin witness init` made.",
)
@click.pass_context
def witness(context: click.Context, file: Path | None) -> None:
    """Run a witness (立会人) until SIGTERM: it cosigns the checkpoints of logs that take nothing back."""
    if context.invoked_subcommand is None:
        if file is None:
            raise click.UsageError("give --config FILE, or make a witness with `natsuin witness init`")
        _run(file)


@witness.command()
@click.option("--dir", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Its folder.")
@click.option("--name", required=True, help="Its name for ever, such as witness.example.jp/w1.")
@click.option("--port", type=click.IntRange(0, 65535), default=8720, show_default=True)
def init(folder: Path, name: str, port: int) -> None:
    """Make a witness with a new key, and print the verifier key that the operators of logs need."""
    from natsuin.witness import make_witness

    file, vkey = make_witness(folder, name, port=port)
    click.echo(f"Made: {file}\nVerifier key: {vkey}\nWrite the logs into the file, then run")
    click.echo(f"    natsuin witness --config {file}")


def _run(file: Path) -> None:
    from natsuin.clock import SystemClock
    from natsuin.errors import Conflict
    from natsuin.logs import configure_logs
    from natsuin.sam.hardening import harden
    from natsuin.signing_log import parse_verifier_key
    from natsuin.witness import Witness, WitnessServer, WitnessState, load_settings, read_key

    configure_logs()
    harden()
    settings = load_settings(file)
    keys = [parse_verifier_key(log.vkey) for log in settings.logs]
    key = read_key(settings.key_file)
    state = WitnessState.open(settings.state_file)
    try:
        judge = Witness(settings.name, key, {each.name: each for each in keys}, state, SystemClock())
        try:
            server = WitnessServer(judge, settings.host, settings.port, stop=_stop)
        except OSError as error:
            raise Conflict(f"the address {settings.host}:{settings.port} cannot be used: {error.strerror}") from error
        server.run()
    finally:
        state.close()


def _stop(error: "NatsuinError") -> None:
    import structlog

    from natsuin.cli.exit_codes import exit_code_of

    structlog.get_logger("natsuin.witness").critical("stopping", code=error.code, reason=error.message)
    os._exit(exit_code_of(error))
