"""A store with many keys. Only the ones that sign are real; the others are rows like them, with their seals."""

import secrets
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import Progress

from natsuin.config import Config, load
from natsuin.key_management import MasterKey, ProviderLayer, Rotation, RowSealer, read_master_key, signing_key
from natsuin.key_management.keys import key_binding
from natsuin.storage import open_database

_BATCH = 2_000


def add_keys(folder: Path, count: int) -> None:
    """Put `count` rows into the table of keys of the installation in `folder`, which is stopped."""
    config = load(folder / "config.toml")
    master = read_master_key(config.sam.master_key_file)
    sealer, provider = RowSealer.from_master(master), ProviderLayer.from_master(master)
    database = open_database(config.sam.database, name="sam")
    try:
        for start in range(0, count, _BATCH):
            rows = [_row(provider) for _ in range(min(_BATCH, count - start))]
            with database.write() as connection:
                connection.execute(signing_key.insert(), [sealer.sealed(signing_key, row) for row in rows])
    finally:
        database.close()


def rotation_rate(config: Config, console: Console) -> tuple[int, float]:
    """Put everything in the database under a new master key: rows, and rows in a second."""
    database = open_database(config.sam.database, name="sam")
    old, new = read_master_key(config.sam.master_key_file), MasterKey(secrets.token_bytes(32))
    begun = perf_counter()
    try:
        with Progress(console=console, transient=True) as bars:
            task = bars.add_task("rows")
            done = Rotation(database, old, new).run(
                lambda table, rows, total: bars.update(task, description=table, completed=rows, total=total)
            )
    finally:
        database.close()
    rows = sum(done.values())
    return rows, rows / (perf_counter() - begun)


def _row(provider: ProviderLayer) -> dict[str, object]:
    values: dict[str, object] = {}
    for column in signing_key.columns:
        kind = column.type.python_type
        values[column.name] = "" if kind is str else 0 if kind is int else b""
    values |= {
        "key_id": secrets.token_hex(16),
        "user_id": secrets.token_hex(16),
        "algorithm": "p-256",
        "state": "active",
        "backend": "software",
        "public_key": secrets.token_bytes(91),
        "passkeys": b"[]",
        "sign_counts": b"{}",
        "certificate": secrets.token_bytes(900),
    }
    values["key_blob"] = provider.close(secrets.token_bytes(200), key_binding(values))
    return values
