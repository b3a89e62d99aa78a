"""A real browser with a virtual passkey, before a server that pretends."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

# The tests are imported one by one (importlib mode), so what they share is found only through the path.
sys.path.insert(0, str(Path(__file__).parent))

import preview_data
from preview import Preview, make_app
from visitor import Visitor

CHROMIUM = os.environ.get("NATSUIN_CHROMIUM", "/usr/bin/chromium")
"""The browser that is driven; Debian's package `chromium` by default."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def contract() -> bytes:
    """The document that is signed."""
    return preview_data.contract()


@pytest.fixture
def preview(contract: bytes) -> Iterator[Preview]:
    """A pretended server on a free port of loopback."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    made = Preview(contract, listener.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(make_app(made), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield made
    server.should_exit = True
    thread.join()


@pytest.fixture
def language() -> str:
    """The language of the browser; tests that are about words are parametrized over both."""
    return "ja"


@pytest.fixture
def visitor(browser: Browser, preview: Preview, language: str) -> Iterator[Visitor]:
    """Somebody with a passkey in their device. Fails if the page broke the content policy or threw an error."""
    context = browser.new_context(locale=language, viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.set_default_timeout(15_000)
    devices = context.new_cdp_session(page)
    devices.send("WebAuthn.enable", {"enableUI": False})
    options = {"protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True}
    options |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    authenticator = devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.on("console", lambda message: faults.append(message.text) if "requires 'Trusted" in message.text else None)
    yield Visitor(page, preview, devices, authenticator, faults)
    context.close()
    assert faults == []
