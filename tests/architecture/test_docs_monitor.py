"""docs/monitor.md agrees with the monitor's alarms, settings, metrics and fault points."""

import base64
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from natsuin.monitor import KINDS, Memory, MonitorSettings
from natsuin.monitor.metrics import Metrics
from natsuin.webhooks import signature


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs/monitor.md").read_text("utf-8")


def section(page: str, heading: str) -> str:
    return page.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def keys_of(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, about in model.model_fields.items():
        kinds = [kind for kind in (about.annotation, *get_args(about.annotation)) if isinstance(kind, type)]
        nested = next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
        if nested is not None:
            found |= keys_of(nested, f"{prefix}{name}.")
        elif about.is_required():
            found[f"{prefix}{name}"] = "required"
        else:
            found[f"{prefix}{name}"] = "none" if about.default is None else f"`{written(about.default)}`"
    return found


def written(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def test_every_alarm_is_explained(page: str) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| \S.* \| \S.* \|$", section(page, "Alarms"), re.MULTILINE)
    assert dict(rows) == {name: kind.severity.word for name, kind in KINDS.items()}
    assert len(rows) == len(KINDS)
    order = ["critical", "warning", "notice"]
    assert [severity for _, severity in rows] == sorted((severity for _, severity in rows), key=order.index)


def test_every_setting_is_explained(page: str) -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+?) \| \S", section(page, "Settings"), re.MULTILINE)
    assert dict(rows) == keys_of(MonitorSettings)
    assert len(rows) == len(keys_of(MonitorSettings))


def test_every_setting_is_read(product_files: Any) -> None:
    """Each name is used somewhere besides its definition."""
    text = "".join(
        file.text for file in product_files if file.folder in ("monitor", "cli") or "mail_server" in file.name
    )
    for key in keys_of(MonitorSettings):
        assert re.search(rf"\.{key.rpartition('.')[2]}\b", text), key


def test_every_metric_is_explained(page: str, tmp_path: Path) -> None:
    rows = re.findall(r"^\| `(natsuin_[a-z_]+)` \| (.+?) \| \S", section(page, "Metrics"), re.MULTILINE)
    memory = Memory.open(tmp_path / "state")
    told = Metrics(memory).page().decode()
    memory.close()
    names = set(re.findall(r"^# TYPE (\w+) ", told, re.MULTILINE))
    assert {name for name, _ in rows} == names


def test_the_fault_points_are_named(page: str, root: Path) -> None:
    points: set[str] = set()
    for path in (root / "src/natsuin/monitor").glob("*.py"):
        points |= set(re.findall(r'faults\.point\("([a-z_.]+)"\)', path.read_text("utf-8")))
    assert set(re.findall(r"`(monitor\.\w+)`", section(page, "When it crashes"))) == points
    assert len(points) == 4


def test_the_code_for_receivers_works(page: str) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102  It is what the page tells people to use.
    key, body = base64.b64decode("MDEyMzQ1Njc4OWFiY2RlZg=="), b'{"version":1}'
    headers = {"webhook-id": "a.1", "webhook-timestamp": "5", "webhook-signature": signature(key, "a.1", 5, body)}
    assert names["is_genuine"](headers, body, key)
    assert not names["is_genuine"](headers, body + b" ", key)
    assert not names["is_genuine"]({**headers, "webhook-timestamp": "6"}, body, key)
