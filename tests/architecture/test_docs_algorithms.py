"""docs/algorithms.md shows the table of algorithms as it is."""

import re
from datetime import date
from pathlib import Path

from natsuin.algorithm_policy import Act, table
from natsuin.algorithms import FACTS, SignatureScheme


def written(day: date | None, none: str = "no end") -> str:
    return none if day is None else day.isoformat()


def test_the_page_shows_every_kind_of_key_with_its_days(root: Path) -> None:
    page = (root / "docs/algorithms.md").read_text(encoding="utf-8")
    expected = [
        "| "
        + " | ".join(
            [
                f"`{algorithm.value}`",
                str(rule.strength),
                rule.standing.value,
                *(written(table().last_day(act, algorithm)) for act in Act),
                written(rule.transition, "-"),
            ]
        )
        + " |"
        for algorithm, rule in table().rules.items()
    ]
    assert re.findall(r"^\| `[a-z0-9-]+` \| \d+ \| .+ \|$", page, re.MULTILINE) == expected
    assert len(expected) > 7


def test_the_page_shows_every_hash_function_with_its_schemes(root: Path) -> None:
    page = (root / "docs/algorithms.md").read_text(encoding="utf-8")
    schemes = {
        name: sorted(scheme.value for scheme in SignatureScheme if FACTS[scheme].hash_name == name)
        for name in table().hashes
    }
    expected = [
        f"| `{name}` | {written(day)} | {', '.join(f'`{scheme}`' for scheme in schemes[name])} |"
        for name, day in table().hashes.items()
    ]
    assert re.findall(r"^\| `sha\d+` \| .+ \|$", page, re.MULTILINE) == expected
