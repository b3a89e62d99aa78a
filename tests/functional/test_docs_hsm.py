"""The set-ups with SoftHSM2 and NSS in docs/hsm.md, run as they stand there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from natsuin.config import load
from rigs.sam_process import SamProcess
from rigs.web_side import digests

PAGE = Path(__file__).parents[2] / "docs/hsm.md"


@pytest.mark.parametrize(
    ("title", "count", "label"), [("SoftHSM2", 5, "signing"), ("NSS's soft token", 4, "NSS Certificate DB")]
)
def test_the_commands_of_the_page_make_an_installation_that_signs(
    tmp_path: Path, title: str, count: int, label: str
) -> None:
    part = PAGE.read_text(encoding="utf-8").split(f"## {title}, step by step")[1].split("\n## ")[0]
    commands = re.findall(r"^ {4}(\S.*)$", part, re.MULTILINE)
    assert len(commands) == count
    script = "\n".join(commands).replace("DIR", str(tmp_path)).replace("PORT", "8710")
    natsuin = Path(__file__).parents[2] / ".venv/bin"
    path = f"{natsuin}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "natsuin"
    config = load(folder / "config.toml")
    assert (config.vault.kind, config.vault.token) == ("pkcs11", label)
    (token,) = re.findall(r"officer/enrol#(\S+)", done.stdout)
    sam = SamProcess(folder).start()
    try:
        web = sam.web
        signer = web.enrol(web.invite(web.register_officer(token), algorithm="p-256"))
        assert signer.key.backend == "pkcs11"
        wanted = digests(2)
        assert len(web.sign(web.approve(signer, wanted), wanted).signatures) == 2
    finally:
        sam.stop()
