"""The program that docs/evidence.md gives to readers works on real evidence, and refuses what was changed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from natsuin.sam import protocol
from rigs.sam_in_process import SamRig, people
from rigs.web_side import digests


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    rig = SamRig.make(tmp_path_factory.mktemp("sam"))
    try:
        _, signer = people(rig.web, rig.token)
        wanted = digests(2)
        instruction = rig.web.instruct(signer, wanted)
        sad = rig.web.activate(signer, instruction).sad
        for digest in wanted:
            rig.web.sign(sad, (digest,))
        bundle = rig.ask(protocol.Evidence(instruction_id=instruction.instruction_id, user_id=signer.user_id))
    finally:
        rig.close()
    told: dict[str, object] = json.loads(bundle.document)
    return told


def check(evidence: dict[str, object], root: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the page's program."""
    program = re.search(r"```python\n(.*?)```", (root / "docs/evidence.md").read_text(), re.DOTALL)
    assert program is not None
    (folder / "check.py").write_text(program[1])
    (folder / "evidence.json").write_text(json.dumps(evidence))
    command = [sys.executable, "-I", "check.py", "evidence.json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_program_of_the_page_accepts_real_evidence(evidence: dict[str, object], root: Path, tmp_path: Path) -> None:
    result = check(evidence, root, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("logged: signed") == 2


@pytest.mark.parametrize("what", ["record", "log_vkey", "outcome", "salt"])
def test_it_refuses_what_was_changed(evidence: dict[str, object], root: Path, tmp_path: Path, what: str) -> None:
    text = json.dumps(evidence)
    old, new = {
        "record": ("portal", "portaI"),
        "log_vkey": (str(evidence["log_vkey"])[-8:], "AAAAAAA="),
        "outcome": ("index 9\\n", "index 8\\n"),
        "salt": ('"salt": "', '"salt": "A'),
    }[what]
    assert old in text
    assert check(json.loads(text.replace(old, new)), root, tmp_path).returncode == 1


def test_the_page_names_every_field(evidence: dict[str, object], root: Path) -> None:
    page = (root / "docs/evidence.md").read_text()
    named = set(re.findall(r"`([\w.\[\]]+)`", page))
    assert set(evidence) <= named
    uses = evidence["uses"]
    assert isinstance(uses, list)
    assert {f"uses[].{name}" for name in uses[0]} <= named
    assert set(json.loads(str(evidence["record"]))) <= named
