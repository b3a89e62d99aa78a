"""`natsuin clients`: the applications that may ask people for authorization, registered on the host."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natsuin.cli.call_backs import deliveries, webhook
from natsuin.cli.supervised import config_option

if TYPE_CHECKING:
    from natsuin.authentication.oauth import AuthMethod, Client, Clients

_SCOPES = ("service", "credential")
_SWITCHES = ("without-pkce", "plain-pkce", "short-verifier", "query-parameters", "only-bound", "approval-elsewhere")
_GRANTS = ("authorization_code", "refresh_token", "client_credentials")


@click.group()
def clients() -> None:
    """Register applications that ask people for authorization (OAuth 2.0, CSC API)."""


clients.add_command(webhook)
clients.add_command(deliveries)


@clients.command()
@config_option
@click.option("--name", required=True, help="What people are shown as the application's name.")
@click.option("--redirect", "redirects", multiple=True, metavar="URI", help="Where answers may go. May be repeated.")
@click.option("--id", "client_id", default="", help="Its client_id; made up, if not said.")
@click.option("--public", is_flag=True, help="It can keep no secret: an application on people's own devices.")
@click.option(
    "--keys", type=click.Path(path_type=Path), help="Its public keys, a JWK Set: it signs instead of a secret."
)
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(("service", "credential")), help="Both, if not said."
)
@click.option("--grant", "grants", multiple=True, type=click.Choice(_GRANTS), help="The first two, if not said.")
@click.option("--account", metavar="ID", help="The account that it acts for by itself, with client_credentials.")
@click.option(
    "--switch",
    "switches",
    multiple=True,
    type=click.Choice(_SWITCHES),
    help="What differs for it; see docs/csc.md.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def add(file: Path, as_json: bool, **wishes: Any) -> None:
    """Register an application. Its secret, if it has one, is printed once and is not kept."""
    from natsuin.authentication.oauth import GRANT_TYPES, SCOPES, NewClient, Switch

    keys = _keys(wishes["keys"])
    made = _clients(file).register(
        NewClient(
            name=wishes["name"],
            redirect_uris=tuple(wishes["redirects"]),
            auth_method=_method(wishes),
            keys=keys,
            scopes=tuple(wishes["scopes"]) or SCOPES,
            grant_types=tuple(wishes["grants"]) or GRANT_TYPES[:2],
            switches=frozenset(Switch(name) for name in wishes["switches"]),
            account_id=wishes["account"],
            client_id=wishes["client_id"],
        )
    )
    if as_json:
        told = {"client_id": made.client.client_id}
        click.echo(json.dumps(told | ({"client_secret": made.secret} if made.secret else {})))
        return
    click.echo(f"client_id      {made.client.client_id}")
    if made.secret:
        click.echo(f"client_secret  {made.secret}\n\nThe secret is shown this once and is not kept here.")


def _method(wishes: dict[str, Any]) -> "AuthMethod":
    from natsuin.authentication.oauth import AuthMethod

    if wishes["public"]:
        return AuthMethod.NONE
    return AuthMethod.BASIC if wishes["keys"] is None else AuthMethod.PRIVATE_KEY


def _keys(file: Path | None) -> Any:
    if file is None:
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise click.ClickException(f"{file} cannot be read as JSON: {cause}") from cause


@clients.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each application and line.")
def list_clients(file: Path, as_json: bool) -> None:
    """List the registered applications."""
    for one in _clients(file).all():
        if as_json:
            click.echo(json.dumps(_row(one), ensure_ascii=False))
        else:
            state = "" if one.active else "  (stopped)"
            click.echo(f"{one.client_id}  {one.name}{state}  {' '.join(one.redirect_uris)}")


@clients.command()
@config_option
@click.argument("client_id")
def stop(file: Path, client_id: str) -> None:
    """Refuse an application everything from now on, also with tokens that it has."""
    _clients(file).set_state(client_id, active=False)
    click.echo("It is stopped.")


@clients.command()
@config_option
@click.argument("client_id")
def resume(file: Path, client_id: str) -> None:
    """Let a stopped application ask again."""
    _clients(file).set_state(client_id, active=True)
    click.echo("It may ask again.")


@clients.command()
@config_option
@click.argument("client_id")
def remove(file: Path, client_id: str) -> None:
    """Forget an application, with all that people granted it."""
    _clients(file).remove(client_id)
    click.echo("It is forgotten.")


def _clients(file: Path) -> "Clients":
    from natsuin.authentication.oauth import Clients
    from natsuin.cli.supervised import take_place
    from natsuin.clock import SystemClock
    from natsuin.config import load
    from natsuin.storage import open_database

    config = load(file)
    take_place("web", config)
    return Clients(open_database(config.web.database, name="web"), SystemClock())


def _row(client: "Client") -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "state": "active" if client.active else "stopped",
        "auth_method": client.auth_method.value,
        "redirect_uris": list(client.redirect_uris),
        "scopes": list(client.scopes),
        "grant_types": list(client.grant_types),
        "switches": sorted(switch.value for switch in client.switches),
        "account": client.account_id,
    }
