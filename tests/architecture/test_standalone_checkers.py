"""The two programs that a reader copies out, one file each, share helpers by repeating them: the copies stay equal."""

import ast
from pathlib import Path

from tests.architecture.conftest import SourceFile

FOLDER = "src/natsuin/validation/"
OWN = {
    "FORMAT": "each reads a format of its own",
    "LARGEST": "a statement has as many entries as a key, evidence those of one instruction",
    "TEXTS": "each says its own findings",
    "Line": "one calls it a finding, the other a statement, which is the other's file",
    "wrong": "the docstring names the file",
    "require": "only statements tell more about a finding than its code",
    "main": "each has arguments of its own",
}
"""Names that both have and that mean something else in each, with the reason."""


def definitions(file: SourceFile) -> dict[str, str]:
    """What stands at the top level of a file, by name, without comments and layout."""
    found = {}
    for node in file.tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = ast.dump(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.dump(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = ast.dump(node)
    return found


def test_helpers_with_one_name_are_one_text(product_files: tuple[SourceFile, ...]) -> None:
    files = {Path(file.name).name: file for file in product_files if file.name.startswith(FOLDER)}
    evidence, statement = (definitions(files[f"check_{what}.py"]) for what in ("evidence", "statement"))
    differing = {name for name in evidence.keys() & statement.keys() if evidence[name] != statement[name]}
    assert differing == OWN.keys()
    assert {"Verdict", "parse_json", "padded", "sha256"} <= evidence.keys() & statement.keys()
