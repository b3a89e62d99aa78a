"""The web process as an operator sees it: it says when it is ready, serves without sam what needs no sam, and stops."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from natsuin.cli.demo.story import free_port
from natsuin.config import write_config
from natsuin.storage import create_database, open_database, upgrade_schema

START = "import sys; from natsuin.config import load; from natsuin.web import serve; serve(load(sys.argv[1]))"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A web process without a sam, and its address. The last test of this file stops it."""
    tmp_path = tmp_path_factory.mktemp("web")
    port = free_port()
    file = write_config(tmp_path, origin=f"http://localhost:{port}", demo=True)
    file.write_text(file.read_text().replace("port = 8710", f"port = {port}"))
    (tmp_path / "web").mkdir(mode=0o700)
    url = f"sqlite:///{tmp_path / 'web' / 'db1.sqlite'}"
    create_database(url, name="web")
    database = open_database(url, name="web")
    upgrade_schema(database, "web")
    database.close()
    started = subprocess.Popen([sys.executable, "-c", START, str(file)], stderr=subprocess.PIPE, text=True)
    yield started, f"http://localhost:{port}"
    started.kill()
    started.wait()


def read_until(process: subprocess.Popen[str], event: str) -> dict:
    assert process.stderr is not None
    for line in process.stderr:
        entry = json.loads(line)
        if entry["event"] == event:
            return entry
    raise AssertionError(f"the process ended without {event}")


def status(url: str) -> int:
    return httpx2.get(url, timeout=60).status_code


def test_a_port_that_is_taken_is_named(process):
    running, url = process
    assert read_until(running, "ready")["process"] == "web"
    config = Path(running.args[-1])
    second = subprocess.run(
        [sys.executable, "-c", START, str(config)], capture_output=True, text=True, timeout=120, check=False
    )
    assert second.returncode != 0
    assert "address already in use" in second.stderr
    assert "Traceback" not in second.stderr
    assert status(f"{url}/healthz") == 200


def test_it_starts_without_sam_and_stops_when_told(process):
    running, url = process
    assert status(f"{url}/healthz") == 200
    assert status(f"{url}/") == 200
    assert status(f"{url}/readyz") == 503
    assert status(f"{url}/pki/root.cer") == 503
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=60) == 0
    assert running.stderr is not None
    for line in running.stderr:
        json.loads(line)
