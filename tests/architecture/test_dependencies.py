"""What Natsuin is built on: pinned by hash, from no named address, under licences that let anyone use it."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

LOCKS = ("uv.txt", "build.txt", "run.txt", "dev.txt")

FORBIDDEN = {
    "ecdsa": "leaks keys through timing, and says so itself; cryptography does the same work",
    "python-jose": "unmaintained, with known confusions of algorithms",
    "rsa": "pure Python without constant time; cryptography does the same work",
    "pykcs11": "GPL, which an Apache-2.0 program cannot carry; python-pkcs11 does the same work",
    "pymerkle": "GPL, which an Apache-2.0 program cannot carry",
    "endesive": "brings pykcs11 along",
}

COPYLEFT_DECISIONS = {
    "psycopg": "LGPL-3.0-only: used unchanged as a separate library that anyone may replace",
    "psycopg-binary": "LGPL-3.0-only: the compiled part of psycopg",
}
"""Runtime packages under a GPL-family licence, each with the reason why it is all right."""


def normal(name: str) -> str:
    """A package name in its comparable form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(path: Path) -> dict[str, Requirement]:
    """The packages that a lock file pins."""
    lines = [line.rstrip(" \\") for line in path.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    return {normal(requirement.name): requirement for requirement in map(Requirement, lines)}


def licence_of(package: metadata.PackageMetadata) -> str:
    """Everything a package says about its licence, in one line."""
    classifiers = [c for c in package.get_all("Classifier", []) if c.startswith("License")]
    stated = package.get("License-Expression") or (package.get("License") or "").split("\n")[0]
    if not stated and (files := package.get_all("License-File")):
        # Some packages say it in their licence file alone, whose first line names it.
        distribution = metadata.distribution(package["Name"])
        stated = (distribution.read_text(f"licenses/{files[0]}") or "").strip().split("\n")[0]
    return "; ".join([stated, *classifiers])


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(root, name):
    """A changed package is refused, and nobody is sent to a registry they did not choose."""
    text = (root / "requirements" / name).read_text()
    assert not re.search(r"://|--index-url|--extra-index-url|--find-links| @ ", text)
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert [block.split()[0] for block in blocks if "==" not in block or "--hash=sha256:" not in block] == []


def test_the_web_assets_are_locked_by_hash_without_addresses(root):
    """The same for what npm fetches."""
    text = (root / "package-lock.json").read_text()
    assert "://" not in text
    assert "resolved" not in text
    assert text.count('"integrity": "sha512-') == text.count('"node_modules/')


def test_the_lock_files_hold_what_the_project_asks_for(root):
    """A dependency that was added without `make locks` would be missing on the next fresh machine."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    for asked, lock in (
        (project["project"]["dependencies"], "run.txt"),
        (project["dependency-groups"]["dev"], "dev.txt"),
    ):
        pins = locked(root / "requirements" / lock)
        for requirement in map(Requirement, asked):
            pin = pins.get(normal(requirement.name))
            assert pin is not None, f"{requirement} is not in requirements/{lock}; run make locks"
            version = str(pin.specifier).removeprefix("==")
            assert requirement.specifier.contains(version), f"{requirement} against {pin}; run make locks"


def test_development_runs_what_production_runs(root):
    """Tests against other versions than those shipped would prove little."""
    development = locked(root / "requirements/dev.txt")
    for name, pin in locked(root / "requirements/run.txt").items():
        assert development[name].specifier == pin.specifier, name


def test_forbidden_packages_stay_out(root):
    """Packages that the project decided against, each with its reason."""
    for lock in LOCKS:
        for name in locked(root / "requirements" / lock):
            assert name not in FORBIDDEN, f"{name}: {FORBIDDEN[name]}"


def test_no_runtime_package_is_copyleft_without_a_decision(root):
    """Anyone may build on Natsuin, also in a product of their own."""
    undecided = {}
    for name, requirement in locked(root / "requirements/run.txt").items():
        if requirement.marker and not requirement.marker.evaluate():
            continue
        licence = licence_of(metadata.metadata(name))
        if re.search(r"GPL|General Public", licence) and name not in COPYLEFT_DECISIONS:
            undecided[name] = licence
    assert undecided == {}


def test_every_runtime_package_states_a_licence(root):
    """No stated licence is no permission."""
    silent = [
        name
        for name, requirement in locked(root / "requirements/run.txt").items()
        if (not requirement.marker or requirement.marker.evaluate())
        and not licence_of(metadata.metadata(name)).strip("; ")
    ]
    assert silent == []
