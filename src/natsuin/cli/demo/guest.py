"""The person who tries the portal of a demonstration: the invitation that is kept for them, and what they do next.

The link is written down, because a demonstration that goes on has no officer any more who could make another one. In
a real installation it is shown once and kept nowhere.
"""

import json
import os
from enum import StrEnum
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

FILE = "invitation.txt"
_UNFIT = {"invitation_used": "used", "invitation_expired": "expired"}


class Invitation(StrEnum):
    """How it stands with the invitation."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    LOST = "lost"


def keep(folder: Path, address: str) -> None:
    """Write the link into the folder, readable by its owner alone."""
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(address + "\n")


def kept(folder: Path) -> str:
    """The link, or an empty text."""
    path = folder / FILE
    return path.read_text().strip() if path.exists() else ""


def state_of(origin: str, address: str) -> Invitation:
    """Ask the running server whether the invitation still opens. Asking does not use it up."""
    _, _, token = address.partition("#")
    if not token:
        return Invitation.LOST
    body = json.dumps({"token": token}).encode()
    headers = {"Content-Type": "application/json", "X-Natsuin": "1"}
    try:
        with urlopen(Request(f"{origin}/api/enrol/open", body, headers), timeout=10):  # noqa: S310  # loopback
            return Invitation.OPEN
    except HTTPError as refusal:
        with refusal:
            code = json.load(refusal).get("code", "")
        return Invitation(_UNFIT.get(code, "lost"))
    except (OSError, ValueError):
        return Invitation.LOST


def next_steps(origin: str, folder: Path, state: Invitation, address: str) -> list[str]:
    """What to do now, line by line: as a signer, then as an officer or auditor."""
    return [*_as_signer(origin, folder, state, address), "", *_as_officer(folder)]


def _as_officer(folder: Path) -> list[str]:
    """The officer of the story was a program, whose passkey is gone; another one is invited on the host."""
    invite = f".venv/bin/natsuin officer invite --config {folder / 'config.toml'} --name 'NAME'"
    return [
        "Officers register people and look after keys; auditors read the signing log. To become one:",
        "  1. Stop the portal (Ctrl-C), and make an invitation (for an auditor with --role auditor at the end):",
        f"     {invite}",
        "  2. Start the portal again as you did before, open the link that was printed, and register a passkey.",
        "     One browser is signed in as one person at a time: use another profile to be signer and officer at once.",
    ]


def _as_signer(origin: str, folder: Path, state: Invitation, address: str) -> list[str]:
    if state is Invitation.OPEN:
        return [
            "Try it yourself, in a browser on this machine:",
            "  1. Open this invitation, which works once, and enrol with a passkey and a PIN of your own:",
            f"     {address}",
            "  2. Add a PDF under Documents, place your seal mark, approve it with PIN and passkey.",
            f"  3. Check it at {origin}/verify, or as {origin}/help/check says.",
        ]
    if state is Invitation.USED:
        return [
            "Somebody enrolled with the invitation of this demonstration. If that was you:",
            f"  Sign in with your passkey at {origin}/ and go on where you were.",
            f"  To begin anew with a new invitation, stop it and delete the folder {folder}.",
        ]
    return [
        "There is no invitation left to enrol with" + (": its time is over." if state is Invitation.EXPIRED else "."),
        f"  Who enrolled before signs in at {origin}/.",
        f"  To begin anew with a new invitation, stop it and delete the folder {folder}.",
    ]
