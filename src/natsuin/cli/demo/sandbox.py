"""What an outside application is tried with against a demonstration: a registered client, and a signer who approves.

`csc.json` tells the application where to go and who it is; `signer.json` is the demo signer's passkey and PIN, with
which `natsuin demo approve` answers in that person's place. Both are for demonstrations alone: a real passkey is on a
person's own device, and a real PIN in nobody's file.
"""

import json
import os
from pathlib import Path
from typing import Any

from natsuin.authentication.oauth import AuthMethod, Clients, NewClient
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import SystemClock
from natsuin.config import load
from natsuin.errors import NotFound
from natsuin.storage import open_database

CLIENT, SIGNER = "csc.json", "signer.json"
REDIRECT = "http://127.0.0.1:8711/callback"
"""Where the demo client's answers go. Any other port of 127.0.0.1 is as good."""


def keep_client(folder: Path, origin: str, credential_id: str) -> None:
    """Register an application and write `csc.json`, readable by its owner alone."""
    database = open_database(load(folder / "config.toml").web.database, name="web")
    try:
        wanted = NewClient(name="Demo application", redirect_uris=("http://127.0.0.1/callback", REDIRECT))
        clients = Clients(database, SystemClock())
        made = clients.register(wanted)
        clients.register(
            NewClient(
                name="natsuin sign",
                redirect_uris=("http://127.0.0.1/callback",),
                auth_method=AuthMethod.NONE,
                client_id="natsuin-sign",
            )
        )
    finally:
        database.close()
    members = {
        "v1": f"{origin}/csc/v1",
        "v2": f"{origin}/csc/v2",
        "oauth2": origin,
        "client_id": made.client.client_id,
        "client_secret": made.secret,
        "redirect_uri": REDIRECT,
        "credentialID": credential_id,
    }
    _write(folder / CLIENT, members)


def keep_signer(folder: Path, signer: Visitor) -> None:
    """Write down the demo signer's passkey and PIN, readable by the owner of the folder alone."""
    _write(folder / SIGNER, {"origin": signer.origin, "pin": signer.pin, "passkeys": signer.device.written()})


def signer_of(folder: Path) -> Visitor:
    """The demo signer with their passkey, not signed in. Raises `NotFound`."""
    path = folder / SIGNER
    if not path.exists():
        raise NotFound(
            f"{folder} holds no demonstration with a signer who approves",
            hint="Make one with: natsuin demo --out DIR --serve",
        )
    kept = json.loads(path.read_text())
    signer = Visitor(kept["origin"], pin=kept["pin"])
    signer.device = SoftwareAuthenticator.read(kept["origin"], kept["passkeys"])
    return signer


def _write(path: Path, members: dict[str, Any]) -> None:
    """Whole or not at all: a passkey's counter that goes back is taken for a copied one."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(members, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
