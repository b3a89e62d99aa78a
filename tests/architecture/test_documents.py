"""Documents and comments point at things that exist, and say the same as the code."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

PATH_IN_PROSE = re.compile(r"(?<![\w./-])(?:src|tests|docs|bench|examples|scripts|requirements|\.ci)/[\w./-]*\w")
NAME_IN_PROSE = re.compile(r"`(natsuin(?:\.\w+)+)(?:\(\))?`")
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|\!\[[^\]]*\]\(([^)\s]+)\)")

GENERATED = ("src/natsuin/web/static/vendor", "src/natsuin/documents/fonts", "tests/browser/screenshots")
"""Made by `make setup` or by tests, so not in the repository."""

GLOSSARY_WORDS = (
    "activation", "approval", "authorization", "checkpoint", "client", "custodian", "digest", "enrolment", "evidence",
    "intent", "key", "officer", "outcome", "passkey", "PIN", "receipt", "recovery code", "released", "SAD", "sam",
    "seal mark", "sealed", "sign instruction", "signer", "signing log", "user", "vault", "web",
)  # fmt: skip


def anchors(markdown: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page, and those written by hand."""
    found: set[str] = set()
    prose = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose, flags=re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"[`*_]|\]\([^)]*\)", "", heading).lower()).replace(" ", "-")
        number = 0
        while (name := slug if number == 0 else f"{slug}-{number}") in found:
            number += 1
        found.add(name)
    return found | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", markdown))


def broken_links(page: Path, root: Path) -> list[str]:
    """Links of one page whose file or anchor does not exist; addresses on the web are not followed."""
    broken = []
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for match in LINK.finditer(prose):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        if not file.exists():
            broken.append(f"{page.relative_to(root)}: {target}: no such file")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
            broken.append(f"{page.relative_to(root)}: {target}: no such heading")
    return broken


def defined_names(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """Names that a module or class body defines or imports."""
    names: dict[str, ast.stmt] = {}
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            names.update(
                {t.id: statement for target in statement.targets for t in ast.walk(target) if isinstance(t, ast.Name)}
            )
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names[statement.target.id] = statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names.update({alias.asname or alias.name: statement for alias in statement.names})
        elif isinstance(statement, ast.If | ast.Try):
            names.update(defined_names(statement.body))
    return names


def resolves(dotted: str, source: Path) -> bool:
    """Whether a dotted name is a module below `source`, or something defined in one."""
    place = source
    parts = dotted.split(".")
    while parts and (place / parts[0]).is_dir():
        place = place / parts.pop(0)
    if parts and (place / f"{parts[0]}.py").is_file():
        place = place / f"{parts.pop(0)}.py"
    elif parts:
        place = place / "__init__.py"
    if not parts:
        return True
    if not place.is_file():
        return False
    body = ast.parse(place.read_text(encoding="utf-8")).body
    for part in parts:
        found = defined_names(body).get(part)
        if found is None:
            return False
        body = found.body if isinstance(found, ast.ClassDef) else []
    return True


def prose_of(path: Path) -> str:
    """The text that people wrote for people in one file: all of a page, the comments and docstrings of a program."""
    if path.suffix not in {".py", ".js", ".mjs", ".css", ".md"}:
        return ""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        strings = [
            ast.get_docstring(n) or ""
            for n in ast.walk(ast.parse(text))
            if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)
        ]
        return "\n".join([*strings, *re.findall(r"#[^\n]*", text)])
    if path.suffix in {".js", ".mjs", ".css"}:
        return "\n".join(re.findall(r"//[^\n]*|/\*.*?\*/", text, flags=re.DOTALL))
    return text


def test_links_lead_somewhere(repository_files, root):
    """A page whose links are dead is not believed in the rest."""
    broken = [line for page in repository_files if page.suffix == ".md" for line in broken_links(page, root)]
    assert not broken, "\n".join(broken)


def test_paths_in_prose_exist(repository_files, root):
    """A comment that names a file names one that is there."""
    missing = [
        f"{path.relative_to(root)}: {found[0]}"
        for path in repository_files
        if path.name != "CHANGELOG.md"
        for found in PATH_IN_PROSE.finditer(prose_of(path))
        if not (root / found[0]).exists() and not found[0].startswith(GENERATED)
    ]
    assert not missing, "\n".join(missing)


def test_names_in_prose_exist(repository_files, root):
    """A docstring or page that names a part of Natsuin names one that is there."""
    missing = [
        f"{path.relative_to(root)}: {found[1]}"
        for path in repository_files
        if path.name != "CHANGELOG.md"
        for found in NAME_IN_PROSE.finditer(prose_of(path))
        if not resolves(found[1], root / "src")
    ]
    assert not missing, "\n".join(missing)


def test_the_version_is_the_same_everywhere(root):
    """The package, the project file and the newest entry of the changelog name one version."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    package = re.search(r'^__version__ = "([^"]+)"', (root / "src/natsuin/__init__.py").read_text(), re.MULTILINE)
    changelog = re.search(r"^## (\d+\.\d+\.\d+\S*)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert package is not None
    assert changelog is not None
    assert package[1] == project == changelog[1]


def test_the_glossary_has_the_projects_words(root):
    """The words that code, pages and log entries use are explained once, with their Japanese."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \| (.+?) \|", (root / "docs/glossary.md").read_text(), re.MULTILINE)
    explained = {word for word, _, _ in rows}
    assert set(GLOSSARY_WORDS) - explained == set()
    assert [word for word, japanese, _ in rows if not re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", japanese)] == []


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "NOTICE"])
def test_the_usual_files_are_there(root, name):
    """What a visitor looks for first."""
    assert (root / name).stat().st_size > 100


def test_make_lists_the_commands_others_rely_on(root):
    """The commands of the design's section 8 keep their names, and `make` alone explains each."""
    makefile = (root / "Makefile").read_text()
    for command in ("setup", "run", "demo", "test", "check", "bench"):
        assert re.search(rf"^{command}:.*## \w+", makefile, re.MULTILINE), command
    assert ".DEFAULT_GOAL := help" in makefile


def test_broken_references_are_seen(tmp_path):
    """The checks themselves, on samples."""
    (tmp_path / "a.md").write_text("# One *two*\n## 鍵 key\n")
    page = tmp_path / "b.md"
    page.write_text(
        "[x](a.md#one-two) [y](a.md#鍵-key) [z](a.md#three) [w](c.md) `[v](d.md)` [u](https://example.org/)\n"
    )
    assert broken_links(page, tmp_path) == ["b.md: a.md#three: no such heading", "b.md: c.md: no such file"]
    package = tmp_path / "natsuin"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "clock.py").write_text("class Clock:\n  def now(self): ...\n")
    assert resolves("natsuin.clock.Clock.now", tmp_path)
    assert not resolves("natsuin.clock.Clock.then", tmp_path)
    assert not resolves("natsuin.watch", tmp_path)
