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
from visitor import Visitor, at_the_browser

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file; while it is open an event loop runs in this thread."""
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
    """Somebody with a passkey in their device, before a server that pretends."""
    with at_the_browser(browser, preview.origin, language, preview) as somebody:
        yield somebody
