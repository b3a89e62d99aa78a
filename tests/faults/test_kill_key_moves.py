"""kill -9 while a key is moved, and databases put back to before a move: the log's word about a key's end stands (P6).

Between the entry and the row of a move sam may die; a backup of DB-2 may be older than a revocation. The next start
makes good what the log tells.
"""

import shutil
from collections.abc import Callable

import pytest

from natsuin import errors
from natsuin.sam import protocol as p
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.web_side import Officer, Signer, WebSide, digests

ENDS = {"suspend": "suspended", "destroy": "destroyed", "revoke": "revoked"}


def state(web: WebSide, signer: Signer) -> str:
    return web.ask(p.ListKeys(user_id=signer.user_id)).keys[0].state


@pytest.mark.parametrize("act", list(ENDS))
def test_killed_between_entry_and_row(fresh_sam: Callable[..., SamProcess], alice: Signer, act: str) -> None:
    sam = fresh_sam(NATSUIN_FAULT_AT="key_move.after_entry")
    with pytest.raises(ConnectionLost):
        sam.web.act(alice, act, **({"reason": "unspecified"} if act == "revoke" else {}))
    assert sam.wait_for_death() == -9
    sam.start()
    assert state(sam.web, alice) == ENDS[act]
    sam.stop()
    sam.start()
    assert state(sam.web, alice) == ENDS[act]


def test_killed_while_a_key_is_renewed(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam(NATSUIN_FAULT_AT="renewal.after_created")
    with pytest.raises(ConnectionLost):
        sam.web.renew(alice)
    sam.wait_for_death()
    sam.start()
    web = sam.web
    assert state(web, alice) == "active"
    assert len(web.ask(p.ListKeys(user_id=alice.user_id)).keys) == 1
    new = web.renew(alice)
    wanted = digests(1)
    web.sign(web.approve(new, wanted), wanted)


@pytest.mark.parametrize("act", list(ENDS))
def test_a_database_from_before_the_move(
    fresh_sam: Callable[..., SamProcess], alice: Signer, officer: Officer, act: str
) -> None:
    """What was ended stays ended although DB-2 is put back, whole and genuine, to before its end."""
    sam = fresh_sam()
    wanted = digests(1)
    sad = sam.web.approve(alice, wanted)
    sam.stop()
    older = sam.folder / "older"
    shutil.copytree(sam.folder / "sam", older)
    sam.start()
    by = officer if act != "destroy" else None
    sam.web.act(alice, act, officer=by, **({"reason": "keyCompromise"} if act == "revoke" else {}))
    sam.stop()
    for file in sam.database.parent.glob("db2.sqlite*"):
        file.unlink()
    for file in older.glob("db2.sqlite*"):
        shutil.copy2(file, sam.database.parent / file.name)
    sam.start()
    web = sam.web
    assert state(web, alice) == ENDS[act]
    # The start that noticed the older database closed every approval in it.
    with pytest.raises(errors.Expired):
        web.sign(sad, wanted)
    with pytest.raises(errors.Conflict, match=ENDS[act]):
        web.instruct(alice, wanted)
