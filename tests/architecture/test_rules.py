"""Rules of this project that no ready-made linter has."""

import ast
import re
from collections.abc import Iterator

CLOCK_FILES = {"src/natsuin/clock.py"}
WALL_CLOCK = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")} | {
    ("time", name) for name in ("time", "time_ns", "localtime", "gmtime")
}

SECRET_WORDS = {"sad", "token", "mac", "pin", "secret", "secrets", "password", "passphrase", "hmac", "tag", "code"}
PUBLIC_CODES = {"code", "status_code", "reason_code", "exit_code"}
"""Codes that name an error; a `recovery_code` or `one_time_code` is a secret."""

SKIPPERS = {"skip", "skipif", "xfail", "importorskip"}


def wall_clock_reads(tree: ast.Module) -> Iterator[int]:
    """Lines on which the time of day is read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if (name, node.attr) in WALL_CLOCK:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (node.lineno for alias in node.names if ("time", alias.name) in WALL_CLOCK)


def is_secret(node: ast.expr) -> bool:
    """Whether an expression is named like something an attacker would like to guess."""
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    name = name.lower().strip("_")
    return name not in PUBLIC_CODES and name.split("_")[-1] in SECRET_WORDS


def secret_comparisons(tree: ast.Module) -> Iterator[int]:
    """Lines on which a secret is compared with `==`, which stops at the first difference and so tells where."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if any(is_secret(side) for side in sides) and not any(isinstance(side, ast.Constant) for side in sides):
            yield node.lineno


def skips_without_reason(tree: ast.Module) -> Iterator[int]:
    """Lines on which a test is skipped or expected to fail without a whole sentence that says why."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in SKIPPERS - {"skipif"}:
            owner = ast.unparse(node.value)
            call = next((c for c in ast.walk(tree) if isinstance(c, ast.Call) and c.func is node), None)
            if owner in ("pytest", "pytest.mark", "unittest") and call is None:
                yield node.lineno
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in SKIPPERS:
            continue
        if ast.unparse(node.func.value) not in ("pytest", "pytest.mark", "unittest"):
            continue
        reasons = [keyword.value for keyword in node.keywords if keyword.arg in ("reason", "msg")]
        if node.func.attr in ("skip", "xfail"):
            reasons += node.args[:1]
        if not any(is_sentence(reason) for reason in reasons):
            yield node.lineno


def is_sentence(node: ast.expr) -> bool:
    """Whether `node` is a text of at least four words that ends with a full stop."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    last = parts[-1] if parts else None
    text = " ".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)
    return isinstance(last, ast.Constant) and len(text.split()) >= 4 and text.rstrip().endswith(".")


def test_one_file_reads_the_time_of_day(product_files):
    """Everything else is given a clock, so that tests and later validation can set the time."""
    found = [f"{f.name}:{n}" for f in product_files if f.name not in CLOCK_FILES for n in wall_clock_reads(f.tree)]
    assert not found, "\n".join(found)


def test_secrets_are_compared_in_constant_time(product_files):
    """`hmac.compare_digest`, or the verification of the cryptography library."""
    found = [f"{file.name}:{line}" for file in product_files for line in secret_comparisons(file.tree)]
    assert not found, "\n".join(found)


def test_every_skip_says_why(python_files):
    """A test that is silently left out is a promise nobody keeps."""
    tests = [file for file in python_files if file.name.startswith("tests/")]
    found = [f"{file.name}:{line}" for file in tests for line in skips_without_reason(file.tree)]
    assert not found, "\n".join(found)


def test_open_work_names_its_issue(repository_files, root):
    """Something left to do is an issue; a mark in the code points to it."""
    mark = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\):)")
    own = "tests/architecture/test_rules.py"
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in repository_files
        if path.suffix in {".py", ".js", ".mjs", ".css", ".html", ".sh", ".md"}
        and path.relative_to(root).as_posix() != own
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]
    assert not found, "\n".join(found)


def test_suppressions_name_their_rule(python_files):
    """A bare suppression hides the next mistake on its line as well."""
    bare = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?!\S*[:\[])")
    found = [
        f"{file.name}:{number}"
        for file in python_files
        if file.name != "tests/architecture/test_rules.py"
        for number, line in enumerate(file.text.splitlines(), 1)
        if bare.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_rules_see_what_they_forbid():
    """Each rule on a small sample: one line that is forbidden, one that is not."""
    assert list(wall_clock_reads(ast.parse("datetime.now(UTC)\nclock.now()\nimport time\ntime.monotonic()"))) == [1]
    assert set(wall_clock_reads(ast.parse("dt.datetime.now(UTC)\nfrom time import time"))) == {1, 2}
    assert list(secret_comparisons(ast.parse("sad == given\nkind == 'pin'\nself.pin_failures == n"))) == [1]
    assert list(secret_comparisons(ast.parse("a.session_token != b\nerror.code == c\nrecovery_code == x"))) == [1, 3]
    bad = "pytest.skip('later')\npytest.mark.skipif(x)\n@pytest.mark.xfail\ndef f(): ...\npytest.importorskip('a')"
    assert list(skips_without_reason(ast.parse(bad))) != []
    assert set(skips_without_reason(ast.parse(bad))) == {1, 2, 3, 5}
    good = "pytest.skip('This kernel has no user namespaces.')\npytest.mark.skipif(x, reason='Only root may do that.')"
    assert list(skips_without_reason(ast.parse(good))) == []
