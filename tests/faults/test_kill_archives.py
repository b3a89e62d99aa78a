"""kill -9 while a key is archived, brought back or taken in: nothing half-made stays, and every repeated request is
answered (P5, P6).

The order is entry, row, file for an archive, and entry, row for a key; each place between two of them is tried.
"""

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin import errors
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.sam import protocol as p
from natsuin.sam.process import invite_officer
from rigs.key_copies import archive_key, by_officers, by_signer, lose_key, propose_restore, restore_key
from rigs.key_envelopes import ImportingAuthority
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.shared_acts import envelope_for
from rigs.web_side import Officer, Signer, WebSide, assertion, digests


@pytest.fixture
def sam(fresh_sam: Callable[..., SamProcess]) -> SamProcess:
    return fresh_sam()


@pytest.fixture
def officers(sam: SamProcess, officer: Officer) -> list[Officer]:
    """Two; the second is invited on the host, while sam is stopped."""
    sam.stop()
    token = invite_officer(sam.config, "Second officer")
    sam.start()
    return [officer, sam.web.register_officer(token)]


def proposed(web: WebSide, officers: list[Officer], key_id: str = "") -> p.Act:
    names = tuple(officer.user_id for officer in officers)
    return web.ask(p.ProposeKeyArchive(officer_ids=names, key_id=key_id))


def dies_at(sam: SamProcess, point: str, request: Callable[[], object]) -> None:
    with pytest.raises(ConnectionLost):
        request()
    assert sam.wait_for_death() == -9, point
    sam.start()


def restart(sam: SamProcess, point: str) -> WebSide:
    sam.stop()
    sam.start(NATSUIN_FAULT_AT=point)
    return sam.web


def archives(sam: SamProcess) -> tuple[p.KeyArchiveInformation, ...]:
    """What DB-2 tells; there is no file besides, and each is the one that the row names."""
    listed = sam.web.ask(p.ListKeyArchives()).archives
    files = {path.name: path.read_bytes() for path in sam.config.sam.archive_folder.glob("*")}
    assert set(files) == {f"{one.archive_id}.natsuin-key" for one in listed}
    for one in listed:
        assert hashlib.sha256(files[f"{one.archive_id}.natsuin-key"]).digest() == one.sha256
        assert one.here
    return listed


@pytest.mark.parametrize(("point", "kept"), [("archive.after_entry", 0), ("archive.after_row", 1)])
def test_killed_while_a_key_is_archived(
    sam: SamProcess, officers: list[Officer], alice: Signer, point: str, kept: int
) -> None:
    web = restart(sam, point)
    act = proposed(web, officers, alice.key.key_id)
    by_officers(web, act, officers[:1])
    dies_at(sam, point, lambda: by_officers(web, act, officers[1:]))
    assert len(archives(sam)) == kept
    with pytest.raises(errors.AlreadyUsed):
        by_officers(sam.web, act, officers[1:])
    assert sam.web.ask(p.ListWaitingActs(officer_id=officers[0].user_id)).acts == ()
    archive_key(sam.web, officers, alice.key.key_id)
    assert [one.copy for one in sorted(archives(sam), key=lambda one: one.copy)] == list(range(1, kept + 2))
    restored(sam, officers, alice)


@pytest.mark.parametrize(("point", "kept"), [("archive.after_entry:2", 1), ("archive.after_row:1", 1)])
def test_killed_while_all_keys_are_archived(sam: SamProcess, officers: list[Officer], point: str, kept: int) -> None:
    """Some are done: asked again, the rest follow and none is made twice."""
    web = restart(sam, point)
    act = proposed(web, officers)
    by_officers(web, act, officers[:1])
    dies_at(sam, point, lambda: by_officers(web, act, officers[1:]))
    done = {one.key_id for one in archives(sam)}
    assert len(done) == kept
    rest = {one.key_id for one in archive_key(sam.web, officers)}
    assert rest
    assert not rest & done
    assert archive_key(sam.web, officers) == ()
    archives(sam)


def restored(sam: SamProcess, officers: list[Officer], signer: Signer) -> None:
    """The newest archive brings the key back, and it signs."""
    newest = max(archives(sam), key=lambda one: (one.key_id == signer.key.key_id, one.copy))
    lose_key(sam.database, signer.key.key_id)
    restore_key(sam.web, officers, signer, newest.archive_id)
    wanted = digests(1)
    sam.web.sign(sam.web.approve(signer, wanted), wanted)


def test_killed_while_a_key_is_brought_back(sam: SamProcess, officers: list[Officer], alice: Signer) -> None:
    (made,) = archive_key(sam.web, officers, alice.key.key_id)
    lose_key(sam.database, alice.key.key_id)
    web = restart(sam, "restore.after_entry")
    act = propose_restore(web, officers, alice, made.archive_id)
    by_officers(web, act, officers)
    (waiting,) = web.ask(p.ListWaitingActs(user_id=alice.user_id)).acts
    assert (waiting.act_id, waiting.kind) == (act.act_id, "restore")
    dies_at(sam, "restore.after_entry", lambda: by_signer(web, act, alice))
    # The entry stands and the key does not: it is neither there in part, nor does the approval count again.
    assert sam.web.ask(p.ListKeys(user_id=alice.user_id)).keys == ()
    assert sam.web.ask(p.ListWaitingActs(user_id=alice.user_id)).acts == ()
    with pytest.raises(errors.AlreadyUsed):
        by_signer(sam.web, act, alice)
    restored(sam, officers, alice)


def test_killed_while_a_key_is_taken_in(sam: SamProcess, officer: Officer, alice: Signer) -> None:
    authority = ImportingAuthority()
    sam.stop()
    (sam.folder / "authorities.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (sam.folder / "authorities.pem").chmod(0o600)
    with (sam.folder / "config.toml").open("a") as file:
        file.write('\n[keys]\nimport_from = "authorities.pem"\n')
    sam.start(NATSUIN_FAULT_AT="import.after_entry")
    web = sam.web
    envelope = envelope_for(authority, web.info, alice.user_id, "Alice")
    act = approved_import(web, officer, alice, envelope)
    dies_at(sam, "import.after_entry", lambda: take_in(web, act, alice))
    assert len(sam.web.ask(p.ListKeys(user_id=alice.user_id)).keys) == 1
    assert sam.web.ask(p.ListWaitingActs(user_id=alice.user_id)).acts == ()
    with pytest.raises(errors.AlreadyUsed):
        take_in(sam.web, act, alice)
    # The log tells of the envelope, so it is spent; the authority makes another one.
    with pytest.raises(errors.AlreadyUsed):
        approved_import(sam.web, officer, alice, envelope)
    another = envelope_for(authority, sam.web.info, alice.user_id, "Alice")
    key = take_in(sam.web, approved_import(sam.web, officer, alice, another), alice).key
    assert key is not None
    assert key.origin == "imported"
    imported = Signer(alice.user_id, key, alice.device, alice.pin, alice.recovery_code)
    wanted = digests(1)
    sam.web.sign(sam.web.approve(imported, wanted), wanted)


def approved_import(web: WebSide, officer: Officer, signer: Signer, envelope: bytes) -> p.Act:
    about = {"officer_id": officer.user_id, "user_id": signer.user_id, "key_id": signer.key.key_id}
    act = web.ask(p.ProposeKeyImport(envelope=envelope, **about))
    web.ask(p.ApproveKeyImport(act_id=act.act_id, assertion=assertion(officer.device, act.challenge)))
    return act


def take_in(web: WebSide, act: p.Act, signer: Signer) -> p.KeyImportStep:
    sealed = web.seal(p.HPKE_INFO_IMPORT, act.challenge, pin=signer.pin, recovery_code=new_recovery_code())
    approval = assertion(signer.device, act.challenge)
    return web.ask(p.ApproveKeyImport(act_id=act.act_id, assertion=approval, sealed_secrets=sealed))
