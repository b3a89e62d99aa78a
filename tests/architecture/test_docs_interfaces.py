"""The pages about interfaces list what the code has: routes, messages, log entries, places where tests kill."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from starlette.routing import BaseRoute, Mount

from natsuin.config import load, write_config
from natsuin.sam import protocol
from natsuin.signing_log import FAULT_POINTS
from natsuin.web import create_app
from natsuin.web.callers import Access
from natsuin.web.routing import ACCESS

WRITERS = {"record": 0, "add": 0, "entry": 0}
"""Methods of the journal that write an entry, and where its type stands among the arguments."""

COMMITTED_ELSEWHERE = {
    "pin-changed": ("src/natsuin/key_management/secret_changes.py", "_private"),
    "passkeys-changed": ("src/natsuin/key_management/secret_changes.py", "_private"),
    "pin-reset": ("src/natsuin/key_management/pin_reset.py", "_private"),
    "intent": ("src/natsuin/signing/reservation.py", "_private"),
    "key-imported": ("src/natsuin/key_management/key_import.py", "_private"),
    "key-restored": ("src/natsuin/key_backup/restoring.py", "_private"),
    "passkeys-replaced": ("src/natsuin/key_management/lost_passkey/completion.py", "_private"),
    **dict.fromkeys(
        ("replacement-proposed", "replacement-begun", "replacement-completed", "replacement-cancelled"),
        ("src/natsuin/key_management/lost_passkey/states.py", "_private"),
    ),
    "erasure": ("src/natsuin/key_management/opening_decisions.py", "_private"),
    **dict.fromkeys(
        ("invitation-withdrawn", "person-ended"), ("src/natsuin/key_management/person_acts.py", "_private")
    ),
    "signing-refused": ("src/natsuin/signing/reservation.py", "_private_of_refusal"),
    **dict.fromkeys(
        ("certificate-installed", "key-suspended", "key-resumed", "key-revoked", "key-destroyed"),
        ("src/natsuin/key_management/key_acts.py", "_private"),
    ),
}
"""Types whose committed fields come from a function: its file and name."""


def page(root: Path, name: str) -> str:
    return (root / "docs" / name).read_text(encoding="utf-8")


# --- Routes ----------------------------------------------------------------------------------------------------------


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, str]]:
    """Method, path and access of each route of the application."""
    for route in routes:
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/...", Access.PUBLIC.value
        elif (inner := getattr(route, "original_router", None)) is not None:
            yield from routes_of(inner.routes)
        else:
            known: Any = route
            access = getattr(known, "access", None) or Access(known.openapi_extra[ACCESS])
            yield from ((method, known.path, access.value) for method in known.methods - {"HEAD"})


def test_every_route_is_listed_with_its_access(root: Path, tmp_path: Path) -> None:
    nothing: Any = None
    app = create_app(load(write_config(tmp_path, origin="http://localhost:8710")), nothing, nothing)
    rows = re.findall(r"^\| ([A-Z]+) \| `(\S+)` \| ([a-z-]+) \| \S", page(root, "http-api.md"), re.MULTILINE)
    routes = list(routes_of(app.routes))
    assert set(rows) == set(routes)
    assert len(rows) == len(routes) > 40


# --- Messages --------------------------------------------------------------------------------------------------------


def test_every_message_is_listed_with_its_answer(root: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| .+ \| .+ \|$", page(root, "protocol.md"), re.MULTILINE)
    assert [name for name, _ in rows] == [kind.__name__ for kind in get_args(protocol.Request)]
    answers = {kind.__name__ for kind in get_args(protocol.Response)} - {"Failure"}
    assert {answer for _, answer in rows} == answers
    for name, kind in vars(protocol).items():
        if not name.startswith("HPKE_INFO_"):
            continue
        assert f"`{kind.rstrip(bytes(1)).decode()}`" in page(root, "http-api.md")


# --- Log entries -----------------------------------------------------------------------------------------------------


def keys_in(node: ast.AST | None, function: ast.AST) -> set[str]:
    """Names in a dict literal, or in every dict literal that `function` puts into the variable that `node` names."""
    if isinstance(node, ast.Dict):
        return {key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    if not isinstance(node, ast.Name):
        return set()
    found: set[str] = set()
    for statement in ast.walk(function):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            if node.id in names and isinstance(statement.value, ast.Dict):
                found |= keys_in(statement.value, function)
    return found


def entries_in(tree: ast.Module) -> Iterator[tuple[str, set[str], set[str]]]:
    """Type, public and committed fields of every entry that a module writes."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            owner = ast.unparse(call.func.value)
            if call.func.attr not in WRITERS or not owner.endswith("journal"):
                continue
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            public = call.args[1] if len(call.args) > 1 else given.get("public")
            for kind in kinds_in(call.args[WRITERS[call.func.attr]], tree):
                yield kind, keys_in(public, function), keys_in(given.get("private"), function)


def kinds_in(node: ast.expr, tree: ast.Module) -> list[str]:
    """The types that an argument may be: written out, or looked up in a dict literal of the same module."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    assert isinstance(node, ast.Subscript), f"{ast.unparse(node)}: the type is not written out"
    table = next(
        statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == ast.unparse(node.value)
    )
    assert isinstance(table, ast.Dict)
    return [ast.literal_eval(value) for value in table.values]


def returned_by(path: Path, name: str) -> set[str]:
    """Names in the dict literal that a function returns."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    returned = next(node for node in ast.walk(function) if isinstance(node, ast.Return))
    return keys_in(returned.value, function)


def test_every_log_entry_is_listed_with_its_fields(root: Path) -> None:
    written: dict[str, tuple[set[str], set[str]]] = {}
    for path in sorted((root / "src/natsuin").rglob("*.py")):
        for kind, public, private in entries_in(ast.parse(path.read_text(encoding="utf-8"))):
            known = written.setdefault(kind, (set(), set()))
            known[0].update(public)
            known[1].update(private)
    for kind, (file, name) in COMMITTED_ELSEWHERE.items():
        written[kind][1].update(returned_by(root / file, name))
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \| \S.* \|$", page(root, "log.md"), re.MULTILINE)
    told = {kind: (set(re.findall(r"`(\w+)`", a)), set(re.findall(r"`(\w+)`", b))) for kind, a, b in rows}
    assert told == written


# --- Places where tests kill -----------------------------------------------------------------------------------------


def test_every_fault_point_is_in_the_path_of_one_signature(root: Path) -> None:
    parts = "creation|sign|log|secret|key_move|renewal|archive|restore|import|recovery|rotation|replacement|shard"
    parts += "|wrapping|erasing|witness|backup|person_end"
    named = set(re.findall(rf"`((?:{parts})\.\w+)`", page(root, "one-signature.md")))
    points: set[str] = set()
    for path in (root / "src/natsuin").rglob("*.py"):
        points.update(re.findall(r'faults\.point\("([a-z_.]+)"\)', path.read_text(encoding="utf-8")))
    assert set(FAULT_POINTS) <= points
    # The monitor signs nothing; its points stand on its own page, which test_docs_monitor.py compares.
    assert named == {point for point in points if not point.startswith("monitor.")}
