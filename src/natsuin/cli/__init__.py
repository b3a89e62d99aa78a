"""The command `natsuin`. Each subcommand is a module of its own, loaded only when it is asked for.

Errors are told as one line `error: ...` and a hint, and end with a code of `natsuin.cli.exit_codes`; a traceback is
shown only when NATSUIN_DEBUG=1 is set, because it may quote what must stay secret.
"""

import importlib
import os
import sys
from typing import Any, Final

import click

from natsuin import __version__
from natsuin.cli.exit_codes import UNEXPECTED, exit_code_of
from natsuin.errors import NatsuinError

__all__ = ["main"]

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("natsuin.cli.init:init", "Make a new installation in a folder."),
    "serve": ("natsuin.cli.serve:serve", "Run both processes, web and sam, on this host."),
    "web": ("natsuin.cli.web:web", "Run the process that faces the network."),
    "sam": ("natsuin.cli.sam:sam", "Run the process that holds the keys (signature activation module)."),
    "upgrade": ("natsuin.cli.upgrade:upgrade", "Bring the databases to this version's schema."),
    "officer": ("natsuin.cli.officer:officer", "Invite registration officers, from the host."),
    "clients": ("natsuin.cli.clients:clients", "Register applications that ask people for signatures."),
    "keys": ("natsuin.cli.keys:keys", "List the signers' keys, with what ends soon."),
    "import": ("natsuin.cli.import_keys:import_group", "Hand over keys that an authority made (run by the authority)."),
    "ceremony": ("natsuin.cli.ceremony:ceremony", "Split, change or recover the master key with its custodians."),
    "backup": ("natsuin.cli.backup.command:backup", "Copy a whole installation, check copies, restore one."),
    "clock": ("natsuin.cli.clock:clock", "Settle a difference between the host's clock and the signing log."),
    "demo": ("natsuin.cli.demo.command:demo", "Enrol a signer, sign a PDF, verify it: the whole path in one command."),
    "sign": ("natsuin.cli.sign:sign", "Have a PDF signed at a service, with your approval in the browser."),
    "verify": ("natsuin.cli.verify:verify", "Check a signed PDF."),
    "algorithms": ("natsuin.cli.algorithms:algorithms", "Show which kinds of key may be used, and until when."),
    "log": ("natsuin.cli.log:log", "Check a signing log, search it, make proofs from it."),
    "monitor": ("natsuin.cli.monitor:monitor", "Follow signing logs and raise alarms, from a host of your own."),
    "witness": ("natsuin.cli.witness:witness", "Witness other people's signing logs (a server of its own)."),
    "evidence": ("natsuin.cli.evidence:evidence", "Check the evidence of a signature."),
}
"""Name, where the command is, and the line that `natsuin --help` shows without loading it."""


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only to run it or to show its own help."""

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Load one."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, context: click.Context) -> Any:
        """Run a subcommand; tell an error instead of raising it."""
        try:
            return super().invoke(context)
        except NatsuinError as error:
            _tell(error.message, error.hint)
            _debug()
            context.exit(exit_code_of(error))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            _tell(f"something unexpected happened ({type(error).__name__}).", "NATSUIN_DEBUG=1 shows where.")
            _debug()
            context.exit(UNEXPECTED)


def _tell(message: str, hint: str) -> None:
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)


def _debug() -> None:
    if os.environ.get("NATSUIN_DEBUG") == "1":
        import traceback

        traceback.print_exc(file=sys.stderr)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="natsuin")
def main() -> None:
    """Natsuin (捺印): a remote signing server."""
