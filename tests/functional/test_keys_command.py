"""`natsuin keys` on the host, over sam's socket."""

import json
import subprocess
import sys
from collections.abc import Callable

from rigs.sam_process import SamProcess
from rigs.web_side import Signer, digests


def run(sam: SamProcess, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "natsuin.cli", "keys", "list", "--config", str(sam.config.file), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def listed(sam: SamProcess, *arguments: str) -> dict[str, dict[str, object]]:
    done = run(sam, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["key_id"]: row for row in rows}


def test_it_lists_every_key_with_its_use_and_warnings(
    fresh_sam: Callable[..., SamProcess], alice: Signer, bob: Signer
) -> None:
    sam = fresh_sam()
    wanted = digests(1)
    sam.web.sign(sam.web.approve(alice, wanted), wanted)
    sam.web.act(bob, "destroy")
    rows = listed(sam)
    used, ended = rows[alice.key.key_id], rows[bob.key.key_id]
    assert (used["state"], used["backend"], used["algorithm"]) == ("active", "software", "p-256")
    assert used["user_id"] == alice.user_id
    assert used["origin"] == "generated"
    assert str(used["last_used"]) >= str(used["created"])
    assert used["warnings"] == ["one_passkey"]
    assert (ended["state"], ended["last_used"], ended["warnings"]) == ("destroyed", None, [])
    table = run(sam).stdout.splitlines()
    assert table[0].split()[0] == "KEY"
    assert {line.split()[0] for line in table[1:]} == set(rows)
    assert len({len(line.split()) for line in table}) == 1


def test_it_finds_what_ends(fresh_sam: Callable[..., SamProcess], alice: Signer, bob: Signer) -> None:
    sam = fresh_sam()
    sam.web.act(bob, "revoke", reason="superseded")
    assert listed(sam, "--ending", "0") == {}
    assert set(listed(sam, "--ending", "36500")) == {alice.key.key_id}


def test_it_needs_sam(fresh_sam: Callable[..., SamProcess]) -> None:
    sam = fresh_sam()
    sam.stop()
    done = run(sam)
    assert done.returncode == 69
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
