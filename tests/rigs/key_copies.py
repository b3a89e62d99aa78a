"""What two officers and a signer do to copy a key and to bring it back, over any way to reach sam."""

import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from natsuin.key_management import FIRST_ROLES
from natsuin.sam import protocol as p
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide, assertion


def another_officer(rig: SamRig) -> Officer:
    """Invited on the host, as `natsuin officer invite` does."""
    return rig.web.register_officer(rig.sam.handlers.officers.invite("Second officer", FIRST_ROLES))


def by_officers(web: WebSide, act: p.Act, officers: Sequence[Officer]) -> p.KeyBackupStep:
    """Each officer approves; the last answer."""
    for officer in officers:
        step = web.ask(p.ApproveKeyBackup(act_id=act.act_id, assertion=assertion(officer.device, act.challenge)))
    return step


def archive_key(web: WebSide, officers: Sequence[Officer], key_id: str = "") -> tuple[p.KeyArchiveInformation, ...]:
    names = tuple(officer.user_id for officer in officers)
    return by_officers(web, web.ask(p.ProposeKeyArchive(officer_ids=names, key_id=key_id)), officers).archives


def propose_restore(web: WebSide, officers: Sequence[Officer], signer: Signer, archive_id: str) -> p.Act:
    names = tuple(officer.user_id for officer in officers)
    return web.ask(p.ProposeKeyRestore(officer_ids=names, archive_id=archive_id, user_id=signer.user_id))


def by_signer(web: WebSide, act: p.Act, signer: Signer, *, pin: str = "") -> p.KeyBackupStep:
    sealed = web.seal(p.HPKE_INFO_RESTORE, act.challenge, pin=pin or signer.pin)
    return web.ask(
        p.ApproveKeyBackup(act_id=act.act_id, assertion=assertion(signer.device, act.challenge), sealed_pin=sealed)
    )


def restore_key(web: WebSide, officers: Sequence[Officer], signer: Signer, archive_id: str) -> p.KeyInformation:
    act = propose_restore(web, officers, signer, archive_id)
    by_officers(web, act, officers)
    key = by_signer(web, act, signer).key
    assert key is not None
    return key


def lose_key(database: Path, key_id: str) -> None:
    """What a damaged disk, or somebody with write access to DB-2, can do."""
    _execute(database, "DELETE FROM key_slot WHERE key_id = ?", key_id)
    _execute(database, "DELETE FROM signing_key WHERE key_id = ?", key_id)


def damage_key(database: Path, key_id: str) -> None:
    """One flipped bit in the encrypted key."""
    _execute(database, "UPDATE signing_key SET key_blob = CAST(key_blob || x'00' AS BLOB) WHERE key_id = ?", key_id)


def _execute(database: Path, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(database)
    with connection:
        connection.execute(statement, values)
    connection.close()


def save_database(database: Path, place: Path) -> None:
    """A copy of a DB-2 that nobody has open."""
    place.mkdir()
    for file in database.parent.glob(f"{database.name}*"):
        shutil.copy2(file, place / file.name)


def put_back(database: Path, place: Path) -> None:
    """DB-2 as it was saved, whole and genuine."""
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    for file in place.iterdir():
        shutil.copy2(file, database.parent / file.name)
