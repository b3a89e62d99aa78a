"""What the architecture tests look at: the files of the repository, read once."""

import ast
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class SourceFile:
    """One Python file: `name` is its path below the repository's root."""

    name: str
    text: str
    tree: ast.Module

    @property
    def folder(self) -> str:
        """The part of Natsuin it belongs to (`signing`), empty outside and at the top of `src/natsuin`."""
        parts = self.name.split("/")
        return parts[2] if parts[:2] == ["src", "natsuin"] and len(parts) > 3 else ""


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def repository_files() -> tuple[Path, ...]:
    """Every file that is, or would be, committed."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = sorted(set(listing.stdout.decode().split("\0")) - {""})
    return tuple(path for name in names if (path := ROOT / name).is_file())


@pytest.fixture(scope="session")
def python_files(repository_files: tuple[Path, ...]) -> tuple[SourceFile, ...]:
    """Every Python file of the repository, parsed."""
    files = []
    for path in repository_files:
        if path.suffix == ".py":
            name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            files.append(SourceFile(name, text, ast.parse(text, name)))
    return tuple(files)


@pytest.fixture(scope="session")
def product_files(python_files: tuple[SourceFile, ...]) -> tuple[SourceFile, ...]:
    """The Python files that are installed."""
    return tuple(file for file in python_files if file.name.startswith("src/"))
