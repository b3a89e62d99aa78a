"""Somebody at the browser with a passkey in their device."""

import os
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import CDPSession, Page
from preview import Preview


@dataclass
class Visitor:
    """A person at the browser. `faults` collects what the page reported on its console."""

    page: Page
    preview: Preview
    devices: CDPSession
    authenticator: str
    faults: list[str]

    def go(self, path: str) -> Page:
        self.page.goto(self.preview.origin + path)
        return self.page

    def picture(self, name: str) -> None:
        """Keep a picture of the page in the folder that NATSUIN_SCREENSHOTS names, if any."""
        if folder := os.environ.get("NATSUIN_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def refuse_passkeys(self) -> None:
        """From now on the person is not recognised by their device."""
        self.devices.send("WebAuthn.setUserVerified", {"authenticatorId": self.authenticator, "isUserVerified": False})
