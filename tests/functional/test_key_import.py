"""Keys that an authority made: how they enter, by whose approval, and what they are afterwards."""

import contextlib
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from natsuin import base64url, errors
from natsuin.algorithm_policy import AlgorithmPolicy, AlgorithmRefused, Choice
from natsuin.algorithms import FACTS, KeyAlgorithm, SignatureScheme
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.cli.import_keys import import_group
from natsuin.config import ConfigurationRefused
from natsuin.key_backup import ArchiveSeal
from natsuin.key_backup.archive import Archive
from natsuin.key_management import (
    EnvelopeMalformed,
    ImportOff,
    signing_key,
    verify_signature,
)
from natsuin.key_management.keys import key_binding
from natsuin.key_management.vaults import load_public_key
from natsuin.sam import protocol as p
from natsuin.sam.key_imports import authorities_of
from natsuin.sam.permissions import PermissionsLoose, check_permissions
from natsuin.sam.process import open_sam
from rigs.key_envelopes import PASSWORD, ImportingAuthority, der, key_file
from rigs.key_imports import Importing, switch_on, told_since
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, assertion, digests


@pytest.fixture(scope="module")
def importing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Importing]:
    folder = tmp_path_factory.mktemp("sam")
    rig, authority = SamRig.make(folder), ImportingAuthority()
    switch_on(rig, authority, folder)
    yield Importing(rig, authority)
    rig.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        lambda: rsa.generate_private_key(65537, 3072),
        lambda: ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["p-256", "p-521", "rsa-3072", "ed25519"],
)
def test_an_imported_key_signs_and_says_where_it_comes_from(importing: Importing, make: Any) -> None:
    private_key, owner = make(), importing.signer
    certificate = importing.authority.certify(private_key.public_key())
    size = importing.rig.sam.log.size
    key = importing.take_in(importing.envelope(private_key, certificate))
    assert (key.origin, key.backend, key.state, key.user_id) == ("imported", "software", "active", owner.user_id)
    assert (key.certificate, key.chain) == (der(certificate), (der(importing.authority.certificate),))
    told = [entry for entry in told_since(importing.rig, size) if entry["type"] == "key-imported"]
    assert [(each["key"], each["algorithm"], each["backend"]) for each in told] == [
        (key.key_id, key.algorithm, "software")
    ]
    scheme = SignatureScheme(key.schemes[0])
    facts = FACTS[scheme]
    wanted = (b"x" * facts.digest_bytes,)
    approved = wanted if facts.prehashed else (hashlib.sha512(wanted[0]).digest(),)
    web = importing.rig.web
    signer = Signer(owner.user_id, key, owner.device, owner.pin)
    signed = web.sign(web.approve(signer, approved, scheme=scheme.value), wanted)
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    verify_signature(load_public_key(spki), wanted[0], signed.signatures[0], scheme)
    listed = {each.key_id: each.origin for each in web.ask(p.ListKeys(user_id=owner.user_id)).keys}
    assert (listed[key.key_id], listed[owner.key.key_id]) == ("imported", "generated")
    renewed = web.renew(signer)
    assert (renewed.key.origin, renewed.key.predecessor) == ("generated", key.key_id)


def test_the_evidence_tells_the_origin(importing: Importing) -> None:
    key = importing.take_in(importing.envelope())
    owner = Signer(importing.signer.user_id, key, importing.signer.device, importing.signer.pin)
    web, wanted = importing.rig.web, digests(1)
    instruction = web.instruct(owner, wanted)
    web.sign(web.activate(owner, instruction).sad, wanted)
    bundle = web.ask(p.Evidence(instruction_id=instruction.instruction_id, user_id=owner.user_id))
    assert msgspec.json.decode(bundle.document)["key"]["origin"] == "imported"


def test_an_envelope_is_good_once(importing: Importing) -> None:
    envelope = importing.envelope()
    waiting = importing.propose(envelope)
    importing.officer_approves(waiting)
    key = importing.take_in(envelope)
    importing.refused(errors.AlreadyUsed, envelope, "before")
    # What was proposed before the other one was taken in comes too late.
    with pytest.raises(errors.AlreadyUsed):
        importing.owner_approves(waiting)
    owner = Signer(importing.signer.user_id, key, importing.signer.device)
    importing.rig.web.act(owner, "destroy")
    importing.refused(errors.AlreadyUsed, envelope, "before")


def test_an_older_database_does_not_make_an_envelope_good_again(importing: Importing) -> None:
    envelope = importing.envelope()
    key = importing.take_in(envelope)
    with importing.rig.sam.database.write() as connection:
        for table, column in (("key_slot", "key_id"), ("certificate", "key_id"), ("used_envelope", "key_id")):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE {column} = '{key.key_id}'")  # noqa: S608  # own id
        connection.exec_driver_sql(f"DELETE FROM signing_key WHERE key_id = '{key.key_id}'")  # noqa: S608  # own id
    importing.refused(errors.AlreadyUsed, envelope, "before")


def test_algorithms_end_for_imports_too(importing: Importing) -> None:
    key = rsa.generate_private_key(65537, 2048)
    foundation = importing.rig.sam.handlers.keys.foundation
    choice = Choice(refused_keys=frozenset({KeyAlgorithm.RSA_2048}))
    imports = importing.rig.sam.handlers.key_imports
    narrow = replace(imports, foundation=replace(foundation, policy=AlgorithmPolicy(choice)))
    message = {"officer_id": importing.officer.user_id, "user_id": importing.signer.user_id}
    with pytest.raises(AlgorithmRefused):
        narrow.propose(
            p.ProposeKeyImport(envelope=importing.envelope(key), key_id=importing.signer.key.key_id, **message)
        )
    late = importing.authority.certify(key.public_key(), days=3650)
    importing.refused(AlgorithmRefused, importing.envelope(key, late), "2030-12-31")


def test_both_must_approve_in_turn_with_their_own_passkeys(importing: Importing) -> None:
    stranger = importing.rig.web.enrol(importing.rig.web.invite(importing.officer, name="鈴木 一郎"))
    nobody = Officer(importing.officer.user_id, stranger.device)
    importing.refused(errors.Forbidden, importing.envelope(), officer_id=importing.signer.user_id)
    importing.refused(errors.Forbidden, importing.envelope(), officer_id="")
    act = importing.propose(importing.envelope())
    with pytest.raises(errors.Forbidden):
        importing.owner_approves(act)
    with pytest.raises(errors.Refused):
        importing.officer_approves(act, nobody)
    importing.officer_approves(act)
    with pytest.raises(errors.AlreadyUsed):
        importing.officer_approves(act)
    with pytest.raises(errors.ApprovalRefused):
        importing.owner_approves(act, by=stranger)
    # Five refusals end an act, whoever is right afterwards.
    with pytest.raises(errors.ApprovalRefused):
        importing.owner_approves(act, by=stranger)
    with pytest.raises(errors.AlreadyUsed):
        importing.owner_approves(act)
    assert importing.rig.web.ask(p.ListKeys(user_id=stranger.user_id)).keys[1:] == ()


def test_the_owner_approves_this_record_with_passkey_and_pin(importing: Importing) -> None:
    envelope = importing.envelope()
    first, second = importing.propose(envelope), importing.propose(importing.envelope())
    for act in (first, second):
        importing.officer_approves(act)
    web, owner = importing.rig.web, importing.signer
    sealed = web.seal(p.HPKE_INFO_IMPORT, second.challenge, pin=owner.pin, recovery_code=new_recovery_code())
    mixed = assertion(owner.device, first.challenge)
    with pytest.raises(errors.ApprovalRefused):
        web.ask(p.ApproveKeyImport(act_id=second.act_id, assertion=mixed, sealed_secrets=sealed))
    with pytest.raises(errors.WrongSecret, match="9 tries left"):
        importing.owner_approves(first, pin="wrong horse 8")
    with pytest.raises(errors.AlreadyUsed):
        importing.owner_approves(first)
    with pytest.raises(errors.NotFound):
        importing.officer_approves(p.Act(act_id="0" * 32, record=b"", challenge=b"", credential_ids=(), expires_at=0))
    # The envelope itself was not used up by a mistyped PIN.
    importing.take_in(envelope)


def test_a_suspended_key_guards_no_other(importing: Importing) -> None:
    web, owner = importing.rig.web, importing.signer
    act = importing.propose(importing.envelope())
    importing.officer_approves(act)
    web.act(owner, "suspend")
    try:
        importing.refused(errors.Conflict, importing.envelope())
        with pytest.raises(errors.Conflict):
            importing.owner_approves(act)
    finally:
        web.act(owner, "resume")


def test_switching_import_off_ends_it_and_erases_its_key(tmp_path: Path) -> None:
    rig, authority = SamRig.make(tmp_path), ImportingAuthority()
    importing = Importing(rig, authority)
    stray = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = stray.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert rig.web.info.import_key == b""
    importing.refused(ImportOff, importing.envelope(import_key=point))
    switch_on(rig, authority, tmp_path)
    first = rig.web.info.import_key
    envelope = importing.envelope()
    act = importing.propose(envelope)
    importing.officer_approves(act)
    rig.reopen()
    assert rig.web.info.import_key == first
    rig.config = rig.config.model_copy(update={"keys": rig.config.keys.model_copy(update={"import_from": None})})
    rig.reopen()
    assert rig.web.info.import_key == b""
    importing.refused(ImportOff, envelope)
    with pytest.raises(ImportOff):
        importing.owner_approves(act)
    switch_on(rig, authority, tmp_path)
    assert rig.web.info.import_key not in (b"", first)
    importing.refused(EnvelopeMalformed, envelope, "does not open")
    kinds = [entry["type"] for entry in told_since(rig, 0)]
    assert [kind for kind in kinds if kind.startswith("import-key")] == [
        "import-key-made",
        "import-key-erased",
        "import-key-made",
    ]
    rig.close()


def test_what_cannot_be_trusted_refuses_the_start(tmp_path: Path) -> None:
    rig, authority = SamRig.make(tmp_path), ImportingAuthority()
    rig.sam.close()
    file = tmp_path / "authorities.pem"
    keys = rig.config.keys.model_copy(update={"import_from": file})
    config = rig.config.model_copy(update={"keys": keys})
    for content in (b"", b"nothing", authority.signer.public_bytes(Encoding.PEM)):
        file.write_bytes(content)
        with pytest.raises(ConfigurationRefused, match=r"keys\.import_from"):
            authorities_of(config)
    with pytest.raises(ConfigurationRefused, match=r"keys\.import_from"):
        open_sam(config)
    file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    token = config.vault.model_copy(update={"kind": "pkcs11"})
    with pytest.raises(ConfigurationRefused, match="kept in software"):
        authorities_of(config.model_copy(update={"vault": token}))
    assert authorities_of(config) == (der(authority.certificate),)
    file.chmod(0o666)
    with pytest.raises(PermissionsLoose, match="authorities"):
        check_permissions(config)


def test_the_commands_of_an_authority_make_an_envelope_that_is_taken(importing: Importing, tmp_path: Path) -> None:
    authority, info = importing.authority, importing.rig.web.info
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.certify(key.public_key())
    told = {"origin": info.origin, "log": info.log_vkey, "import_key": base64url.encode(info.import_key)}
    files = {
        "sam.json": msgspec.json.encode(told),
        "key.p12": key_file(key, certificate),
        "password": PASSWORD.encode() + b"\n",
        "signer.pem": authority.signer.public_bytes(Encoding.PEM) + authority.certificate.public_bytes(Encoding.PEM),
        "signer.key": authority.signer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "envelope"
    arguments = ["import", "seal", "--for", "sam.json", "--user", importing.signer.user_id, "--pkcs12", "key.p12"]
    arguments += [
        "--password-file",
        "password",
        "--signer",
        "signer.pem",
        "--signer-key",
        "signer.key",
        "--out",
        "envelope",
    ]
    program = [sys.executable, "-m", "natsuin.cli"]
    refused = subprocess.run([*program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (refused.returncode, out.exists()) == (2, False)
    assert "--no-other-copy" in refused.stderr
    subprocess.run([*program, *arguments, "--no-other-copy"], cwd=tmp_path, capture_output=True, check=True)
    assert out.stat().st_mode & 0o777 == 0o600
    taken = importing.take_in(out.read_bytes())
    assert (taken.origin, taken.certificate) == ("imported", der(certificate))
    again = subprocess.run([*program, *arguments, "--no-other-copy"], cwd=tmp_path, capture_output=True, check=False)
    assert again.returncode == 73


def test_what_the_service_would_refuse_is_told_to_the_authority_and_leaves_no_file(tmp_path: Path) -> None:
    authority, password = ImportingAuthority(), tmp_path / "password"
    key = ec.generate_private_key(ec.SECP256R1())
    private = authority.signer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.p12").write_bytes(key_file(key, authority.certify(key.public_key())))
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    told = {"origin": "http://localhost", "log": "log", "import_key": base64url.encode(point)}
    (tmp_path / "sam.json").write_bytes(msgspec.json.encode(told))
    (tmp_path / "signer.pem").write_bytes(authority.signer.public_bytes(Encoding.PEM))
    (tmp_path / "other.pem").write_bytes(ImportingAuthority().signer.public_bytes(Encoding.PEM))
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "signer.key").write_bytes(private)
    fixed = "import seal --for sam.json --user u --pkcs12 key.p12 --password-file password --signer-key signer.key"
    arguments = [*fixed.split(), "--no-other-copy", "--out", "envelope"]
    mistakes = [
        ("wrong", ["--signer", "signer.pem"], "password is another one"),
        (PASSWORD, ["--signer", "ca.pem"], "not one for this purpose"),
        (PASSWORD, ["--signer", "other.pem"], "not that of the certificate"),
        (PASSWORD, ["--signer", "signer.pem", "--days", "31"], "--days"),
        (PASSWORD, ["--signer", "signer.pem", "--user", ""], "account is empty"),
    ]
    with contextlib.chdir(tmp_path):
        for typed, mistake, why in mistakes:
            password.write_text(typed)
            result = CliRunner().invoke(import_group, [*arguments[1:], *mistake])
            said = result.stderr + str(result.exception)
            assert result.exit_code != 0, mistake
            assert why in said, said
            assert not (tmp_path / "envelope").exists(), mistake
        password.write_text(PASSWORD)
        result = CliRunner().invoke(import_group, [*arguments[1:], "--signer", "signer.pem"])
    assert result.exit_code == 0, result.exception


def test_an_archive_keeps_the_origin(importing: Importing) -> None:
    key = importing.take_in(importing.envelope())
    foundation = importing.rig.sam.handlers.keys.foundation
    with foundation.database.read() as connection:
        row = foundation.find(connection, signing_key, key_id=key.key_id)
    assert row is not None
    seal = ArchiveSeal(bytes(32), "provider")
    archive = Archive("a" * 32, 1, 0, 0, row, row["key_blob"], {})
    assert seal.open(seal.close(archive)).key.binding == key_binding(row)
    assert key_binding({**row, "origin": "generated"}) != key_binding(row)


def test_one_envelope_at_once_makes_one_key(importing: Importing) -> None:
    envelope = importing.envelope()
    acts = [importing.propose(envelope) for _ in range(3)]
    for act in acts:
        importing.officer_approves(act)
    before = len(importing.rig.web.ask(p.ListKeys(user_id=importing.signer.user_id)).keys)

    def approve(act: p.Act) -> bool:
        try:
            return importing.owner_approves(act).key is not None
        except errors.Refused:
            return False

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(approve, acts)) == 1
    assert len(importing.rig.web.ask(p.ListKeys(user_id=importing.signer.user_id)).keys) == before + 1
