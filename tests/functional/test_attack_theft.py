"""What a thief gets: database and log without the master key open nothing, nor does the master key without the PIN
(P3)."""

import sqlite3
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from natsuin.errors import Tampered, WrongSecret
from natsuin.key_management.keys import key_binding
from natsuin.key_management.master_key import MasterKey, MasterKeyMissing
from natsuin.key_management.provider_layer import ProviderLayer
from natsuin.key_management.vaults.software import SoftwareVault
from natsuin.key_management.wrapping import Slot, decrypt, open_slot, unwrap_for_signer
from natsuin.sam.process import open_sam
from rigs.sam_process import SamProcess
from rigs.web_side import Signer


@pytest.fixture
def stolen(installation: object, tmp_path: Path) -> SamProcess:
    return installation.stopped.copy(tmp_path / "stolen")  # type: ignore[attr-defined]


def row_of(stolen: SamProcess, query: str) -> dict[str, object]:
    with sqlite3.connect(stolen.database) as connection:
        connection.row_factory = sqlite3.Row
        return dict(connection.execute(query).fetchone())


def test_without_the_master_key_sam_does_not_open(stolen: SamProcess) -> None:
    stolen.config.sam.master_key_file.write_bytes(bytes(32))
    with pytest.raises(MasterKeyMissing, match="does not belong"):
        open_sam(stolen.config)


def test_without_the_master_key_a_key_stays_closed_even_with_the_pin(stolen: SamProcess, alice: Signer) -> None:
    row = row_of(stolen, f"SELECT * FROM signing_key WHERE key_id = '{alice.key.key_id}'")  # noqa: S608
    slot = row_of(stolen, f"SELECT * FROM key_slot WHERE key_id = '{alice.key.key_id}' AND name = 'pin'")  # noqa: S608
    binding = key_binding(row)
    signer_key = open_slot("pin", Slot(slot["salt"], slot["wrapped"]), alice.pin, binding)  # type: ignore[arg-type]
    guess = MasterKey(bytes(32))
    with pytest.raises(Tampered):
        ProviderLayer.from_master(guess).open(row["key_blob"], binding)  # type: ignore[arg-type]
    # Even without the provider's outer layer the vault's own holds.
    master = MasterKey(stolen.config.sam.master_key_file.read_bytes())
    closed = ProviderLayer.from_master(master).open(row["key_blob"], binding)  # type: ignore[arg-type]
    inner = unwrap_for_signer(closed, signer_key, binding)
    with pytest.raises(Tampered), SoftwareVault(guess).open(inner, binding):
        pass


def test_with_the_master_key_a_key_stays_closed_without_the_pin(stolen: SamProcess, alice: Signer) -> None:
    master = MasterKey(stolen.config.sam.master_key_file.read_bytes())
    row = row_of(stolen, f"SELECT * FROM signing_key WHERE key_id = '{alice.key.key_id}'")  # noqa: S608
    binding = key_binding(row)
    closed = ProviderLayer.from_master(master).open(row["key_blob"], binding)  # type: ignore[arg-type]
    with pytest.raises(Tampered), SoftwareVault(master).open(closed, binding):
        pass
    for slot_name in ("pin", "recovery"):
        slot = row_of(stolen, f"SELECT * FROM key_slot WHERE key_id = '{alice.key.key_id}' AND name = '{slot_name}'")  # noqa: S608
        with pytest.raises(WrongSecret):
            open_slot(slot_name, Slot(slot["salt"], slot["wrapped"]), "guess 99", binding)  # type: ignore[arg-type]
    for purpose in ("row-seal", "software-vault"):
        with pytest.raises(InvalidTag):
            decrypt(master.derive(purpose), closed, binding)


def test_nothing_secret_lies_in_the_files(stolen: SamProcess, alice: Signer, bob: Signer) -> None:
    """Canaries: PINs and recovery codes of the people enrolled are in no file of the installation, in any spelling."""
    canaries = [word.encode() for signer in (alice, bob) for word in (signer.pin, signer.recovery_code)]
    files = [file for file in stolen.folder.rglob("*") if file.is_file()]
    assert len(files) > 8
    for file in files:
        content = file.read_bytes()
        assert not any(canary in content for canary in canaries), file.name


def test_the_log_names_nobody(stolen: SamProcess, alice: Signer) -> None:
    for file in stolen.config.sam.log_folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for word in (b"Alice", b"Bob", alice.user_id.encode(), "例示".encode()):
                assert word not in content
