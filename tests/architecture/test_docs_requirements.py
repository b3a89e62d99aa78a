"""docs/requirements.md has a line for each requirement, and every test that a page names exists."""

import ast
import re
from collections import Counter
from pathlib import Path

STATES = {"met", "partly", "not yet", "operator's duty"}
ROW = re.compile(r"^\| R(\d+) \| (.+?) \| (.+?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_requirement_has_its_line(root: Path) -> None:
    page = (root / "docs/requirements.md").read_text(encoding="utf-8")
    rows = ROW.findall(page)
    assert [int(number) for number, *_ in rows] == list(range(1, 107))
    for number, _, state, remark, tests in rows:
        assert state in STATES, f"R{number}"
        assert state != "met" or NAMED_TEST.search(tests), f"R{number} is met and no test shows it"
        assert state != "partly" or remark, f"R{number} does not say what is missing"
    counts = Counter(state for _, _, state, *_ in rows)
    summary = page.split("Of 106:")[1].split("\n")[0]
    told = {state: int(count) for count, state in re.findall(r"(\d+) ([a-z' ]+?)[,.]", summary)}
    assert {state: told.get(state) for state in STATES} == counts


def test_every_test_that_a_page_names_exists(repository_files: tuple[Path, ...], root: Path) -> None:
    missing = []
    for page in repository_files:
        if page.suffix != ".md":
            continue
        for file, name in set(NAMED_TEST.findall(page.read_text(encoding="utf-8"))):
            path = root / file
            body = ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []
            if not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name for node in body):
                missing.append(f"{page.name}: {file}::{name}")
    assert missing == []


def test_every_attack_names_its_test(root: Path) -> None:
    """Every row below `| attack | test |`, and no row that a blank line cut off from its table."""
    page = (root / "docs/trust.md").read_text(encoding="utf-8")
    attacks = re.findall(r"^\| attack \| test \|\n\|---\|---\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert len(attacks) >= 7
    for row in "".join(attacks).splitlines():
        assert NAMED_TEST.search(row), row
    for table in re.findall(r"(?:^|\n\n)((?:\|.*\n)+)", page):
        assert re.match(r"\|.*\n\|(?:---\|)+\n", table), table


def test_every_promise_is_attacked(root: Path) -> None:
    parts = re.split(r"^## (P\d) ", (root / "docs/trust.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert parts[1::2] == ["P1", "P2", "P3", "P4", "P5", "P6"]
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        assert NAMED_TEST.search(text), name
        for word in ("**Claim", "**How.**", "**What would break it.**"):
            assert word in text, f"{name} lacks {word}"
