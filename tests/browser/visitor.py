"""Somebody at the browser with a passkey in their device."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, expect
from preview import Preview

PATIENCE_MILLISECONDS = 60_000
"""How long every act and every expectation waits for what it needs: a loaded machine is slow, not wrong."""

_AUTHENTICATOR = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
_POLICY_WORDS = ("Content Security", "requires 'Trusted")


@dataclass
class Visitor:
    """A person at the browser. `faults` collects thrown errors and breaches of the content policy."""

    page: Page
    origin: str
    devices: CDPSession
    authenticator: str
    faults: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.origin + path)
        return self.page

    def picture(self, name: str) -> None:
        """Keep a picture of the page in the folder that NATSUIN_SCREENSHOTS names, if any."""
        if folder := os.environ.get("NATSUIN_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def refuse_passkeys(self) -> None:
        """From now on the person is not recognised by their device."""
        self.devices.send("WebAuthn.setUserVerified", {"authenticatorId": self.authenticator, "isUserVerified": False})

    def _hear(self, text: str) -> None:
        if any(words in text for words in _POLICY_WORDS):
            self.faults.append(text)


@dataclass
class PreviewVisitor(Visitor):
    """A visitor of a server that pretends."""

    preview: Preview = field(kw_only=True)


@contextmanager
def at_the_browser(browser: Browser, origin: str, language: str, preview: Preview | None = None) -> Iterator[Visitor]:
    """Somebody new, with a device of their own. Fails at the end if the page broke its policy or threw an error."""
    context = browser.new_context(locale=language, viewport={"width": 1280, "height": 860}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    devices = context.new_cdp_session(page)
    devices.send("WebAuthn.enable", {"enableUI": False})
    authenticator = devices.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR})["authenticatorId"]
    visitor = (
        PreviewVisitor(page, origin, devices, authenticator, preview=preview)
        if preview
        else Visitor(page, origin, devices, authenticator)
    )
    page.on("pageerror", lambda error: visitor.faults.append(str(error)))
    page.on("console", lambda message: visitor._hear(message.text))
    try:
        yield visitor
    finally:
        context.close()
    assert visitor.faults == []
