"""Files that the configuration names and no backup holds: certificates, keys of TLS, PINs, the token's library."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from natsuin.config import Config

_MADE_BY_NATSUIN = frozenset(
    {"sam.log_folder", "sam.log_state", "sam.archive_folder", "sam.master_key", "anchors.folder"}
)


def missing_files(config: Config) -> list[tuple[str, Path]]:
    """Each key of the configuration that names a file which is not there, in the order of the sections."""
    return [(key, file) for key, file in _named(config, "") if key not in _MADE_BY_NATSUIN and not file.exists()]


def _named(section: BaseModel, above: str) -> Iterator[tuple[str, Path]]:
    for name in type(section).model_fields:
        value, key = getattr(section, name), f"{above}{name}"
        if isinstance(value, BaseModel):
            yield from _named(value, f"{key}.")
        elif isinstance(value, Path):
            yield key, value
        elif isinstance(value, str) and value.startswith("file:"):
            yield key, Path(value.removeprefix("file:"))
        elif isinstance(value, list | tuple):
            for one in value:
                if isinstance(one, BaseModel):
                    yield from _named(one, f"{key}.")
