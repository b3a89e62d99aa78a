"""Acts of key import: who may approve them, when they end, what is left of them, and which key may guard another."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from natsuin import errors
from natsuin.clock import FixedClock, milliseconds
from natsuin.key_management import KeyImports
from natsuin.key_management.tables import key_import
from natsuin.sam import protocol as p
from rigs.key_envelopes import ImportingAuthority
from rigs.key_imports import Importing, switch_on
from rigs.sam_in_process import SamRig
from rigs.web_side import assertion

A_DAY = timedelta(hours=24, seconds=1)


@pytest.fixture(scope="module")
def importing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Importing]:
    folder = tmp_path_factory.mktemp("sam")
    rig, authority = SamRig.make(folder), ImportingAuthority()
    switch_on(rig, authority, folder)
    yield Importing(rig, authority)
    rig.close()


def imports_later(importing: Importing) -> KeyImports:
    """The same imports a day later."""
    imports = importing.rig.sam.handlers.key_imports
    clock = FixedClock(imports.foundation.clock.now() + A_DAY)
    return replace(imports, foundation=replace(imports.foundation, clock=clock))


def kept_envelope(importing: Importing, act_id: str) -> bytes:
    foundation = importing.rig.sam.handlers.keys.foundation
    with foundation.database.read() as connection:
        row = foundation.find(connection, key_import, act_id=act_id)
    assert row is not None
    return bytes(row["envelope"])


def test_an_act_ends_after_a_day_and_its_envelope_is_forgotten(importing: Importing) -> None:
    act = importing.propose(importing.envelope())
    late = imports_later(importing)
    approval = p.ApproveKeyImport(act_id=act.act_id, assertion=assertion(importing.officer.device, act.challenge))
    with pytest.raises(errors.Expired):
        late.approve(approval)
    assert kept_envelope(importing, act.act_id)
    until = milliseconds(late.foundation.clock.now()) + 86_400_000
    owner = {"user_id": importing.signer.user_id, "key_id": importing.signer.key.key_id}
    envelope = importing.envelope(expires=until)
    late.propose(p.ProposeKeyImport(envelope=envelope, officer_id=importing.officer.user_id, **owner))
    assert kept_envelope(importing, act.act_id) == b""


def test_one_approves_as_oneself(importing: Importing) -> None:
    act = importing.propose(importing.envelope())
    officer, owner = importing.officer, importing.signer

    def approve(by: str) -> p.KeyImportStep:
        given = assertion(officer.device, act.challenge)
        return importing.rig.ask(p.ApproveKeyImport(act_id=act.act_id, assertion=given, by=by))

    with pytest.raises(errors.ApprovalRefused, match="not your passkey"):
        approve(owner.user_id)
    with pytest.raises(errors.NotFound):
        approve("0" * 32)
    assert approve(officer.user_id).waiting_for == (owner.user_id,)


def test_a_key_for_one_instruction_guards_no_other(importing: Importing) -> None:
    made = importing.rig.web.act(importing.signer, "one-time", secrets={"pin": importing.signer.pin}).made
    assert made is not None
    importing.refused(errors.Conflict, importing.envelope(), "one instruction", key_id=made.key_id)


def test_two_certificates_with_one_serial_number_do_not_enter(importing: Importing) -> None:
    """Who revokes one of them would revoke the other."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    first, second = (
        importing.envelope(key, importing.authority.certify(key.public_key(), serial=0x5EA1)) for key in keys
    )
    importing.take_in(first)
    with pytest.raises(errors.Conflict, match="serial number"):
        importing.take_in(second)
