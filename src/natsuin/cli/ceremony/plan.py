"""The plan of a ceremony: one small file that everybody who takes part has read, and agrees to by its hash."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from natsuin.errors import Malformed

Name = Field(min_length=1, max_length=100, pattern=r"^\P{C}+$")

_NO_REASON = "Write why."
TEMPLATE = """\
# A ceremony for Natsuin's master key. Everybody named here reads this file before it is run.
kind = "{kind}"
# split: shares of the present key.  rotate: a new key, and shares of it.  recover: the key from shares.
reason = "{reason}"
threshold = {threshold}
custodians = [{custodians}]
witnesses = []
""".replace("{reason}", _NO_REASON)


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["split", "rotate", "recover"]
    reason: str = Name
    threshold: int = Field(ge=2, le=16)
    custodians: tuple[str, ...] = Field(min_length=2, max_length=16)
    witnesses: tuple[str, ...] = Field(max_length=16)


@dataclass(frozen=True)
class Plan:
    """A plan that was read. `sha256` is hexadecimal, of the file's bytes."""

    kind: str
    reason: str
    threshold: int
    custodians: tuple[str, ...]
    witnesses: tuple[str, ...]
    text: str
    sha256: str


def read_plan(file: Path) -> Plan:
    """The plan in `file`.

    Raises:
        Malformed: it cannot be read, or says something that no ceremony can do.
    """
    try:
        content = file.read_bytes()
        told = _Content.model_validate(tomllib.loads(content.decode("utf-8")))
    except OSError as error:
        raise Malformed(f"the plan cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Malformed("the plan is not TOML in UTF-8", hint="Make one with `natsuin ceremony plan`.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Malformed(f"the plan's {place}: {first['msg']}") from error
    if told.reason == _NO_REASON:
        raise Malformed("the plan does not say why", hint="Write the reason, and who witnesses it, if anybody does.")
    if told.threshold > len(told.custodians) or len(set(told.custodians)) != len(told.custodians):
        raise Malformed("the plan needs more custodians than it names, or names one twice")
    return Plan(
        told.kind,
        told.reason,
        told.threshold,
        told.custodians,
        told.witnesses,
        content.decode(),
        hashlib.sha256(content).hexdigest(),
    )
