"""A running server's log, read by strangers over HTTP: verified, followed, and proofs made from it."""

import shutil
from pathlib import Path

from click.testing import CliRunner

from natsuin.cli.log import log
from natsuin.signing_log import PublicLog, verify_log, verify_receipt
from natsuin.signing_log.sources import open_source
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
