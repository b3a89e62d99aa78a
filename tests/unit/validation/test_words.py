"""What a verdict says is said in both languages."""

import ast
import re
from pathlib import Path

from natsuin import validation
from natsuin.validation.wording import details, line

FOLDER = Path(validation.__file__).parent


def named_faults() -> set[str]:
    """The faults that the checks name: what stands for `detail`, for `Found.fault`, or is returned by `gap_fault`."""
    found = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            values: list[ast.expr | None] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Found":
                values = list(node.args[3:4])
            elif isinstance(node, ast.keyword) and node.arg == "detail":
                values = [node.value]
            elif isinstance(node, ast.FunctionDef) and node.name == "gap_fault":
                values = [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
            found |= {one.value for one in values if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found - {""}


def test_every_fault_has_words_in_japanese():
    assert len(named_faults()) > 10
    assert named_faults() == details()


def test_a_fault_is_told_in_the_language_of_its_line():
    told = line("gap", detail="the gap is not a signature")
    assert "the gap is not a signature" in told.text_en
    assert not re.search("[A-Za-z]", told.text_ja)
    assert "sha1" in line("weak_algorithm", detail="sha1").text_ja
