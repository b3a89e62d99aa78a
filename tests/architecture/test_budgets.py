"""Budgets of size: a file, a function and a list of parameters that one can take in at a glance."""

import ast
from collections.abc import Iterator

FILE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 7
FOLDER_DEPTH = 3

MIGRATIONS = "src/natsuin/storage/migrations/"
"""A migration is a list of tables, written once and never changed, in the folders that alembic wants."""

EXEMPTIONS: dict[str, tuple[int, str]] = {
    "src/natsuin/validation/check_evidence.py": (1418, "Who checks evidence copies this one file, and nothing else."),
    "src/natsuin/validation/check_statement.py": (793, "Who checks a statement copies this one file."),
    "src/natsuin/sam/protocol.py": (776, "The whole boundary between the processes is read in one place."),
}
"""What is over its budget: name -> (its size now, the reason). Sizes may only shrink; what fits has no line here."""


def function_sizes(tree: ast.Module) -> Iterator[tuple[str, int, int]]:
    """Each function's dotted name, number of lines without decorators, and number of parameters without self."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, int, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{prefix}{child.name}"
                arguments = child.args
                names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
                count = len(names) - (1 if names[:1] in (["self"], ["cls"]) else 0)
                yield name, (child.end_lineno or child.lineno) - child.lineno + 1, count
                yield from walk(child, f"{name}.")
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")
            else:
                yield from walk(child, prefix)

    return walk(tree, "")


def over_budget(sizes: dict[str, int], gate: int) -> list[str]:
    """Complaints about `sizes` above `gate`, or above its exemption, or about an exemption that can shrink."""
    complaints = []
    for name, size in sizes.items():
        allowed, _ = EXEMPTIONS.get(name, (gate, ""))
        if size > allowed:
            complaints.append(f"{name}: {size}, at most {allowed}")
        elif name in EXEMPTIONS and size < allowed:
            complaints.append(f"{name}: now {size}, so lower or remove its exemption ({allowed})")
    return complaints


def test_files_are_short(python_files):
    """A file that must be scrolled for minutes hides its mistakes."""
    sizes = {file.name: file.text.count("\n") for file in python_files if not file.name.startswith(MIGRATIONS)}
    complaints = over_budget(sizes, FILE_LINES)
    assert not complaints, "\n".join(complaints)


def test_functions_are_short(python_files):
    """A function fits on one screen."""
    files = [file for file in python_files if not file.name.startswith(MIGRATIONS)]
    sizes = {f"{file.name}::{name}": lines for file in files for name, lines, _ in function_sizes(file.tree)}
    complaints = over_budget(sizes, FUNCTION_LINES)
    assert not complaints, "\n".join(complaints)


def test_functions_take_few_parameters(python_files):
    """More than seven things at once belong into an object with a name; pytest's fixtures count as well."""
    sizes = {f"{file.name}::{name}()": count for file in python_files for name, _, count in function_sizes(file.tree)}
    complaints = over_budget(sizes, PARAMETERS)
    assert not complaints, "\n".join(complaints)


def test_folders_are_shallow(product_files):
    """Three levels below `natsuin` are enough to say where a thing is."""
    files = [file for file in product_files if not file.name.startswith(MIGRATIONS)]
    deep = [file.name for file in files if file.name.count("/") - 1 > FOLDER_DEPTH]
    assert not deep, "\n".join(deep)


def test_every_exemption_has_a_reason_and_is_needed(python_files):
    """An exemption for something that is gone would let the next one in unseen."""
    present = {file.name for file in python_files}
    for file in python_files:
        for name, _, _ in function_sizes(file.tree):
            present |= {f"{file.name}::{name}", f"{file.name}::{name}()"}
    assert [name for name in EXEMPTIONS if name not in present] == []
    assert [name for name, (_, reason) in EXEMPTIONS.items() if len(reason.split()) < 4] == []


def test_sizes_are_counted_right():
    """The counter itself: decorators and self do not count, nested functions are named by their outer one."""
    tree = ast.parse("class A:\n  @property\n  def b(self, c, *, d=1):\n    def e(): pass\n    return e\n")
    assert list(function_sizes(tree)) == [("A.b", 3, 2), ("A.b.e", 1, 0)]
    assert over_budget({"x": 61, "y": 60}, 60) == ["x: 61, at most 60"]
