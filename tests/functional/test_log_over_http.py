"""A running server's log, read by strangers over HTTP: verified, followed, and proofs made from it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from click.testing import CliRunner

from natsuin.cli.log import log
from natsuin.signing_log import PublicLog, WholeLog, verify_log, verify_receipt
from natsuin.signing_log.sources import open_source
from rigs.token_house import natsuin
from rigs.whole_server import WholeServer


def test_strangers_verify_and_prove_over_http(whole_server: WholeServer, tmp_path: Path) -> None:
    url, vkey = f"{whole_server.origin}/log", (whole_server.folder / "log.vkey").read_text().strip()
    report = verify_log(url, vkey)
    assert report.entries >= 2, "the log's beginning, and sam's start"
    with PublicLog(url, vkey) as public:
        assert b'"genesis"' in verify_receipt(public.receipt(0).tlog_proof(), vkey).leaf
        assert public.consistency(report.checkpoint).old == report.entries
    whole_server.visitor().close()
    arguments = ["verify", url, "--vkey", vkey, "--remember", str(tmp_path / "memory")]
    for _ in range(2):
        result = CliRunner().invoke(log, arguments)
        assert (result.exit_code, result.stdout.startswith("valid: ")) == (0, True), result.output


def test_a_stranger_copies_the_log_and_checks_without_the_server(whole_server: WholeServer, tmp_path: Path) -> None:
    vkey, copy = (whole_server.folder / "log.vkey").read_text().strip(), tmp_path / "copy"
    arguments = ["copy", f"{whole_server.origin}/log", "--vkey", vkey, "--to", str(copy)]
    result = CliRunner().invoke(log, arguments)
    assert (result.exit_code, result.stdout.startswith("Copied and verified: ")) == (0, True), result.output
    assert verify_log(copy, vkey).checkpoint == (copy / "checkpoint").read_text()
    again = CliRunner().invoke(log, arguments)
    assert (again.exit_code, "is there already" in again.stderr) == (2, True), "a copy is never written over"


def test_a_reader_that_has_seen_enough_is_no_failure(whole_server: WholeServer) -> None:
    command = [sys.executable, "-m", "natsuin.cli", "log", "find", str(whole_server.folder / "log"), "--vkey"]
    command.append((whole_server.folder / "log.vkey").read_text().strip())
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        told = running.stderr.read()
    assert (running.returncode, told) == (2, "")


def test_all_shards_are_read_over_http(tmp_path: Path) -> None:
    """A rotated installation serves every shard; whoever has the key of one finds the others."""
    server = WholeServer.make(tmp_path / "n")
    first = (server.folder / "log.vkey").read_text().strip()
    for name in ("2027", "2028"):
        done = natsuin("log", "rotate", "--config", str(server.folder / "config.toml"), "--name", name)
        assert done.returncode == 0, done.stderr
    newest = (server.folder / "log.vkey").read_text().strip()
    server.start()
    try:
        url = f"{server.origin}/log"
        for vkey in (first, newest):
            with WholeLog.open(url, vkey) as whole:
                assert [shard.name for shard in whole.shards] == ["", "2027", "2028"]
                assert [json.loads(content)["type"] for _, content in whole.entries()].count("rotated") == 2
            verified = CliRunner().invoke(log, ["verify", url, "--vkey", vkey, "--json"])
            assert len(json.loads(verified.stdout)["earlier"]) == 2, verified.output
            found = CliRunner().invoke(log, ["find", url, "--vkey", vkey, "--type", "genesis"])
            assert [line.split()[0] for line in found.stdout.splitlines()] == ["0", "2027:0", "2028:0"]
        with urlopen(f"{server.origin}/api/service", timeout=30) as answer:  # noqa: S310  # loopback
            facts = json.load(answer)
        assert (facts["log_vkey"], facts["earlier_log_vkeys"][0]) == (newest, first)
        with urlopen(f"{url}/shards/2027/checkpoint", timeout=30) as answer:  # noqa: S310  # loopback
            assert answer.headers["cache-control"] == "no-cache"
    finally:
        server.stop()


def test_the_folder_alone_is_the_whole_log(whole_server: WholeServer, tmp_path: Path) -> None:
    """Copied to any other place, without the server and its state, it verifies as it does at home."""
    vkey = (whole_server.folder / "log.vkey").read_text().strip()
    copied = Path(shutil.copytree(whole_server.config.sam.log_folder, tmp_path / "elsewhere"))
    home = verify_log(copied, vkey)
    assert verify_log(f"{whole_server.origin}/log", vkey, since=home.checkpoint).entries >= home.entries


def test_the_built_in_authority_stamps_a_checkpoint(whole_server: WholeServer, tmp_path: Path) -> None:
    """It proves nothing to outsiders, but an operator can try everything with it."""
    root = tmp_path / "root.cer"
    root.write_bytes(open_source(f"{whole_server.origin}/pki").read("root.cer", 65536))
    common = [f"{whole_server.origin}/log", "--vkey", str(whole_server.folder / "log.vkey"), "--trust", str(root)]
    folder = str(tmp_path / "anchors")
    made = CliRunner().invoke(log, ["anchor", *common, "--tsa", f"{whole_server.origin}/tsa", "--out", folder])
    assert (made.exit_code, made.stdout[:5]) == (0, "made:"), made.output
    checked = CliRunner().invoke(log, ["anchors", *common, "--folder", folder])
    assert (checked.exit_code, checked.stdout[:6]) == (0, "holds:"), checked.output
