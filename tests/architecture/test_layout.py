"""The layout of the design: which folders there are, and that others use a folder through its face only.

Who may import whom is written as import contracts in `pyproject.toml`; here is what those cannot say.
"""

import ast
import tomllib
from collections.abc import Iterator

FUNCTIONS = {"authentication", "user_management", "signing", "signing_log", "key_management", "key_backup"}
FOLDERS = FUNCTIONS | {
    "documents",
    "validation",
    "certification",
    "sam",
    "web",
    "cli",
    "storage",
    "monitor",
    "witness",
    "client",
}
SAM_SIDE = ("signing", "signing_log", "key_management", "key_backup")
WITHOUT_FACE = {"sam"}
"""sam's face stays empty, so that web can import the client and the messages without the rest."""

INNER_FACES = {"natsuin.authentication.oauth"}
"""Folders within a folder that are a thing of their own, with a face that says what they offer."""

INNER_IMPORTS_ALLOWED: dict[tuple[str, str], str] = {
    (
        "src/natsuin/sam/vault_worker.py",
        "natsuin.key_management.hsm.worker",
    ): "The process that is logged in to a token loads nothing of key management but this.",
}
"""(importing file, inner module) -> the reason why it does not go through the face."""


def imported_modules(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each import of Natsuin's own: the module, and the names taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names if alias.name.split(".")[0] == "natsuin")
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "natsuin":
            yield node.module or "", tuple(alias.name for alias in node.names)


def face_names(tree: ast.Module) -> set[str]:
    """What a face offers: the strings in its `__all__`."""
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return set(ast.literal_eval(node.value)) if node.value is not None else set()
    return set()


def past_the_face(importer: str, own_folder: str, tree: ast.Module, faces: dict[str, set[str]]) -> list[str]:
    """Imports in one file that reach into another folder past its face."""
    complaints = []
    for module, names in imported_modules(tree):
        parts = module.split(".")
        folder = parts[1] if len(parts) > 1 else ""
        if folder not in FOLDERS - WITHOUT_FACE or folder == own_folder:
            continue
        if (importer, module) in INNER_IMPORTS_ALLOWED:
            continue
        if len(parts) > 2 and module not in INNER_FACES:
            complaints.append(f"{importer}: {module} is an inner file of {folder}; import from natsuin.{folder}")
        face = ".".join(parts[1:])
        missing = [name for name in names if face in faces and name not in faces[face]]
        complaints += [f"{importer}: {name} is not in __all__ of natsuin.{folder}" for name in missing]
    return complaints


def test_only_the_designs_folders_exist(product_files):
    """A new top-level folder is a decision for the design, not a drawer that appears."""
    assert {file.folder for file in product_files} - FOLDERS - {""} == set()


def test_no_drawers(python_files):
    """A file or folder named for being useful collects everything."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    found = [file.name for file in python_files if drawers & set(file.name.removesuffix(".py").split("/"))]
    assert not found, "\n".join(found)


def test_unit_tests_mirror_the_product(root):
    """The tests of a folder, or of a file beside the folders, are found under its own name."""
    unit = root / "tests/unit"
    names = {path.stem for path in unit.iterdir() if path.name != "__pycache__"}
    parts = FOLDERS | {path.stem for path in (root / "src/natsuin").glob("*.py")}
    assert {name.removeprefix("test_") for name in names} - parts - {"conftest"} == set()


def test_every_face_says_what_it_offers(product_files):
    """Each folder opens with a docstring and, where others import from it, an explicit `__all__`."""
    faces = {file.folder: file for file in product_files if file.name == f"src/natsuin/{file.folder}/__init__.py"}
    folders = {file.folder for file in product_files} - {""}
    assert folders - set(faces) == set(), "folders without __init__.py"
    assert [name for name, file in faces.items() if not ast.get_docstring(file.tree) and name not in WITHOUT_FACE] == []
    silent = [name for name, file in faces.items() if not face_names(file.tree) and name not in WITHOUT_FACE]
    assert silent == [], "faces without __all__"


def test_other_folders_use_the_face_only(product_files):
    """What is not in a folder's face can be changed without asking anyone."""
    faces = {
        file.folder: face_names(file.tree)
        for file in product_files
        if file.name == f"src/natsuin/{file.folder}/__init__.py"
    }
    for inner in INNER_FACES:
        name = f"src/{inner.replace('.', '/')}/__init__.py"
        [face] = [file for file in product_files if file.name == name]
        faces[inner.removeprefix("natsuin.")] = face_names(face.tree)
    complaints = [c for file in product_files for c in past_the_face(file.name, file.folder, file.tree, faces)]
    assert not complaints, "\n".join(complaints)


def test_inner_imports_that_are_allowed_still_exist(product_files):
    """An exception nobody uses is removed."""
    used = {(file.name, module) for file in product_files for module, _ in imported_modules(file.tree)}
    assert set(INNER_IMPORTS_ALLOWED) - used == set()


def test_the_contracts_name_every_folder_of_the_sam_side(root, product_files):
    """A folder of the sam side that is added later must be closed to the web side as well."""
    contracts = {
        contract["id"]: contract
        for contract in tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    }
    existing = {f"natsuin.{folder}" for folder in {file.folder for file in product_files} & set(SAM_SIDE)}
    assert existing - set(contracts["web-side"]["forbidden_modules"]) == set()
    assert existing - {"natsuin.signing_log"} - set(contracts["web-no-keys"]["forbidden_modules"]) == set()


def test_reaching_past_a_face_is_seen():
    """The rule itself, on a sample."""
    tree = ast.parse(
        "from natsuin.storage.engines import WAIT\nfrom natsuin.storage import Database, secret\n"
        "import natsuin.errors\nfrom natsuin.sam.protocol import Act\n"
    )
    complaints = past_the_face("a.py", "signing", tree, {"storage": {"Database"}})
    assert len(complaints) == 2
    assert "inner file" in complaints[0]
    assert "secret is not in __all__" in complaints[1]
    assert past_the_face("b.py", "storage", ast.parse("from natsuin.storage.engines import WAIT"), {}) == []
