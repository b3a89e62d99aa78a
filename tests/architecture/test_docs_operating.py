"""docs/operating.md agrees with the configuration, exit codes and refusals of the code; the two READMEs agree."""

import json
import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from natsuin import signing_log
from natsuin.cli import COMMANDS, exit_codes
from natsuin.config import Config, TLSSection
from natsuin.errors import NatsuinError, by_code
from natsuin.key_management import MasterKeyMissing
from natsuin.sam.hardening import HardeningRefused
from natsuin.sam.permissions import PermissionsLoose
from natsuin.sam.transport import TransportRefused
from natsuin.storage import DatabaseCorrupt, DatabaseMissing, DatabaseUnsafe

REFUSALS_OF_OTHERS = (
    MasterKeyMissing,
    HardeningRefused,
    PermissionsLoose,
    TransportRefused,
    DatabaseCorrupt,
    DatabaseMissing,
    DatabaseUnsafe,
)


def operating(root: Path) -> str:
    return (root / "docs/operating.md").read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """The text below one heading of the second level."""
    return page.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def keys_of(model: type[BaseModel], prefix: str) -> dict[str, str]:
    """Every key with its default as the page writes it."""
    found: dict[str, str] = {}
    for name, about in model.model_fields.items():
        kinds = [kind for kind in (about.annotation, *get_args(about.annotation)) if isinstance(kind, type)]
        nested = next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
        if nested is not None and nested is not TLSSection:
            found |= keys_of(nested, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = "required" if about.is_required() else written(about.default)
    return found


def written(value: Any) -> str:
    return "none" if value is None else f"`{json.dumps(value)}`"


def test_every_key_of_the_configuration_is_explained(root: Path) -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+?) \| \S", section(operating(root), "Configuration"), re.MULTILINE)
    expected = keys_of(Config, "") | keys_of(TLSSection, "sam.server_tls.")
    assert dict(rows) == expected
    assert len(rows) == len(expected)


def test_every_exit_code_is_explained(root: Path) -> None:
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)` \| .+ \| (yes|no) \|$", section(operating(root), "Exit codes"), re.MULTILINE
    )
    told = {name: (int(code), again == "no") for code, name, again in rows}
    codes = {name: value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert told == {name: (code, code in exit_codes.REFUSING) for name, code in codes.items()}


def test_every_refusal_is_explained(root: Path) -> None:
    part = section(operating(root), "When sam refuses to start")
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \| .+ \| .+ \|$", part, re.MULTILINE))
    known = by_code()
    assert set(rows) <= set(known)
    for code, told in rows.items():
        assert exit_codes.exit_code_of(known[code]("told")) == int(told), code
    names = re.findall(r"`(\w+)`", str(signing_log.SigningLog.open.__doc__))
    kinds = [kind for name in names if isinstance(kind := getattr(signing_log, name, None), type)]
    of_the_log = {kind.code for kind in kinds if issubclass(kind, NatsuinError)}
    assert len(of_the_log) > 8
    assert of_the_log | {kind.code for kind in REFUSALS_OF_OTHERS} <= set(rows)


def test_commands_in_pages_exist(repository_files: tuple[Path, ...], root: Path) -> None:
    used = re.compile(r"(?:`|^ {4}|/)natsuin ((?:[a-z]+ ?)+)", re.MULTILINE)
    unknown = [
        f"{page.name}: natsuin {found[1]}"
        for page in repository_files
        if page.suffix == ".md" and page.is_relative_to(root)
        for found in used.finditer(page.read_text(encoding="utf-8"))
        if found[1].split()[0] not in COMMANDS
    ]
    assert unknown == []


def test_both_readmes_say_the_same(root: Path) -> None:
    pages = [(root / name).read_text(encoding="utf-8") for name in ("README.md", "README.ja.md")]
    commands = [re.findall(r"^ {4}(\S[^#\n]*?) *(?:#.*)?$", page, re.MULTILINE) for page in pages]
    assert commands[0] == commands[1]
    assert len(commands[0]) > 8
    links = [re.findall(r"\]\(([\w/.-]+\.md|[A-Z]+)\)", page) for page in pages]
    assert set(links[0]) - {"README.ja.md"} == set(links[1]) - {"README.md"}
    assert [page.count("\n## ") for page in pages] == [7, 7]
    assert re.findall(r"```text\n1\..*?```", pages[0], re.DOTALL) == re.findall(
        r"```text\n1\..*?```", pages[1], re.DOTALL
    )
