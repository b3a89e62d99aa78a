"""Everything that the signing log tells of, made to happen at sam's boundary: messages, commands on the host, files and
database rows. Each part says which types of entry it drives and finds them; what it knows and must stay out of the log
it remembers as canaries."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin import errors
from natsuin.algorithms import KeyAlgorithm
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.cli.demo.tokens import make_trial_token
from natsuin.key_management import StillKept
from natsuin.log_settings import AnchorsSection
from natsuin.sam import process
from natsuin.sam import protocol as p
from natsuin.sam.process import accept_clock, open_sam
from natsuin.storage import open_database
from rigs.auditors import Auditor
from rigs.key_copies import (
    another_officer,
    archive_key,
    lose_key,
    propose_restore,
    put_back,
    restore_key,
    save_database,
)
from rigs.key_envelopes import ImportingAuthority
from rigs.key_imports import Importing, switch_on
from rigs.log_worlds import NEW_PIN, NOTE, PIN, WRONG, Story, World, rig_log, stranger
from rigs.lost_passkeys import THREE_DAYS, begin, cancel, complete, completion, founded
from rigs.officer_board import drive_officers
from rigs.outside_authority import OutsideAuthority
from rigs.person_acts import drive_person_acts
from rigs.sam_in_process import SamRig, people
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.token_house import NAMES, TokenHouse, natsuin
from rigs.tokens import in_token
from rigs.web_side import Signer, assertion, attestation, digests


def acts(folder: Path) -> World:
    """Registration, every act on a key, signing and what is refused of it, copies, import, erasure."""
    world = World(folder / "log")
    with world.drives("genesis", "officer-invited"):
        rig = SamRig.make(folder)
        rig.sam.log.publish()
    story = Story(rig, world)
    try:
        _registration(story)
        signer = story.person()
        _signing(story, signer)
        _secrets(story, signer)
        _life(story)
        _copies(story, folder)
        _import(story, folder)
        _retention(story, folder)
        _restoration(story, folder)
    finally:
        rig.close()
    world.end(rig.config.sam.database)
    return world


def _registration(story: Story) -> None:
    rig, web = story.rig, story.rig.web
    with story.drives("officer-registered"):
        officer = story.officer(rig.token)
    with story.drives("shutdown", "boot"):
        rig.reopen()
    with story.drives("enrolment-approval-refused"):
        act = web.propose(officer)
        with pytest.raises(errors.ApprovalRefused):
            web.ask(p.ApproveEnrolment(act_id=act.act_id, assertion=assertion(stranger(web), act.challenge)))
    with story.drives("enrolment-refused"):
        invitation = web.invite(officer)
        opened = web.ask(p.OpenInvitation(token=invitation.token))
        sealed = web.seal(p.HPKE_INFO_ENROL, opened.challenge, pin=PIN, recovery_code=new_recovery_code())
        made = attestation(web.device(), bytes(32), opened.user_id)
        with pytest.raises(errors.ApprovalRefused):
            web.ask(p.CompleteEnrolment(token=invitation.token, attestation=made, sealed_secrets=sealed))
    with story.drives("enrolment-approved", "key-created"):
        story.person()


def _signing(story: Story, signer: Signer) -> None:
    web = story.rig.web
    with story.drives("approved", "intent", "outcome"):
        story.sign(signer)
    with story.drives("approval-refused"), pytest.raises(errors.ApprovalRefused):
        web.activate(signer, web.instruct(signer, digests(1)), by=stranger(web))
    with story.drives("secret-refused"):
        story.world.secret.add("wrong PIN", WRONG)
        with pytest.raises(errors.WrongSecret):
            web.activate(signer, web.instruct(signer, digests(1)), pin=WRONG)
    with story.drives("instruction-cancelled"):
        waiting = web.instruct(signer, digests(1))
        web.ask(p.Cancel(instruction_id=waiting.instruction_id, user_id=signer.user_id))
    with story.drives("signing-refused"):
        sad = web.approve(signer, digests(1))
        story.world.secret.add("SAD", sad)
        with pytest.raises(errors.Refused):
            web.sign(sad, digests(1))
    with story.drives("key-stated"):
        web.ask(p.StateKey(user_id=signer.user_id, key_id=signer.key.key_id))


def _secrets(story: Story, signer: Signer) -> None:
    web, world = story.rig.web, story.world
    world.secret.add("PIN", NEW_PIN)

    def change(act: str, secret: dict[str, str], **given: Any) -> None:
        proposed = web.propose_act(signer, act, **given)
        sealed = web.seal(p.HPKE_INFO_CHANGE, proposed.challenge, **secret)
        approval = assertion(signer.device, proposed.challenge)
        web.ask(p.ApproveKeyAct(act_id=proposed.act_id, assertion=approval, sealed_secrets=sealed))

    def reset(by: Any) -> None:
        act = web.ask(p.ProposePINReset(key_id=signer.key.key_id, user_id=signer.user_id))
        new = {"recovery_code": signer.recovery_code, "new_pin": PIN, "new_recovery_code": new_recovery_code()}
        sealed = web.seal(p.HPKE_INFO_PIN_RESET, act.challenge, **new)
        web.ask(p.ApprovePINReset(act_id=act.act_id, assertion=assertion(by, act.challenge), sealed_secrets=sealed))
        signer.recovery_code = new["new_recovery_code"]
        world.knows(signer)

    with story.drives("pin-changed"):
        change("change-pin", {"pin": PIN, "new_pin": NEW_PIN})
    with story.drives("pin-reset-refused"), pytest.raises(errors.ApprovalRefused):
        reset(stranger(web))
    with story.drives("pin-reset"):
        reset(signer.device)
    with story.drives("passkeys-changed"):
        offer = web.ask(p.OfferPasskey(key_id=signer.key.key_id, user_id=signer.user_id))
        made = attestation(web.device(), offer.challenge, signer.user_id)
        world.private.add("passkey", made.credential_id)
        code = new_recovery_code()
        world.secret.add("recovery code", code)
        change("add-passkey", {"pin": PIN, "recovery_code": code}, offer_id=offer.offer_id, attestation=made)


def _life(story: Story) -> None:
    web, signer = story.rig.web, story.person()
    with story.drives("key-act-refused"), pytest.raises(errors.ApprovalRefused):
        web.approve_act(web.propose_act(signer, "suspend"), stranger(web))
    with story.drives("key-suspended"):
        web.act(signer, "suspend", officer=story.officers[0], note=NOTE)
    story.world.private.add("note", NOTE)
    with story.drives("key-resumed"):
        web.act(signer, "resume", officer=story.officers[0], note=NOTE)
    with story.drives("key-destroyed", "key-created"):
        renewed = web.renew(signer)
    with story.drives("key-revoked"):
        web.act(renewed, "revoke", reason="unspecified")


def _copies(story: Story, folder: Path) -> None:
    rig, signer = story.rig, story.person()
    with story.drives("officer-invited", "officer-registered"):
        story.officers.append(another_officer(rig))
    story.world.private.add("officer", story.officers[-1].user_id)
    drive_officers(story)
    drive_person_acts(story)
    with story.drives("key-archived"):
        (made,) = archive_key(rig.web, story.officers, signer.key.key_id)
    rig.sam.close()
    lose_key(Path(rig.config.sam.database.removeprefix("sqlite:///")), signer.key.key_id)
    story.reopen()
    with story.drives("key-backup-refused"):
        act = propose_restore(rig.web, story.officers, signer, made.archive_id)
        over_another = assertion(story.officers[0].device, bytes(32))
        with pytest.raises(errors.ApprovalRefused):
            rig.web.ask(p.ApproveKeyBackup(act_id=act.act_id, assertion=over_another))
    with story.drives("key-restored"):
        restore_key(rig.web, story.officers, signer, made.archive_id)


def _import(story: Story, folder: Path) -> None:
    rig, authority = story.rig, ImportingAuthority()
    with story.drives("import-key-made"):
        switch_on(rig, authority, folder)
    importing = Importing.__new__(Importing)
    importing.rig, importing.authority = rig, authority
    importing.officer, importing.signer = story.officers[0], story.person("山田 太郎")
    key = ec.generate_private_key(ec.SECP256R1())
    story.world.secret.add("imported key", key.private_numbers().private_value.to_bytes(32))
    with story.drives("key-import-refused"):
        act = importing.propose(importing.envelope())
        over_another = assertion(story.officers[0].device, bytes(32))
        with pytest.raises(errors.ApprovalRefused):
            rig.ask(p.ApproveKeyImport(act_id=act.act_id, assertion=over_another))
    with story.drives("key-imported"):
        importing.take_in(importing.envelope(key))
    rig.config = rig.config.model_copy(update={"keys": rig.config.keys.model_copy(update={"import_from": None})})
    with story.drives("import-key-erased"):
        rig.reopen()


def _retention(story: Story, folder: Path) -> None:
    rig = story.rig
    signer = story.person()
    (approved,) = [entry for entry in story.world.entries() if entry["type"] == "approved"][-1:]
    with story.drives("erasure-refused"), pytest.raises(StillKept):
        rig.sam.housekeeping.erasing.erase_person(signer.user_id)
    rig.sam.close()
    words = ["--tx", approved["tx"], "--field", "user", "--ground", "canary court 99", "--out", str(folder / "told")]
    with story.world.drives("log-disclosed"):
        done = natsuin("log", "disclose", "--config", str(folder / "config.toml"), *words)
        assert done.returncode == 0, done.stderr
    story.world.private.add("ground", "canary court 99")
    database = open_database(rig.config.sam.database, name="sam")
    with database.write() as connection:
        # As if years had passed over what is about nobody.
        connection.exec_driver_sql("UPDATE log_opening SET kept_since = 1 WHERE key_id = '' AND fields = X'7b7d'")
    database.close()
    with story.world.drives("erasure"):
        story.reopen()
        rig.sam.log.publish()


def _restoration(story: Story, folder: Path) -> None:
    """kill -9 between an outcome and its record; then DB-2 as it was before all that."""
    rig, signer = story.rig, story.person()
    rig.sam.close()
    running = SamProcess(folder)
    save_database(running.database, folder / "older")
    running.start(NATSUIN_FAULT_AT="sign.after_outcome")
    wanted = digests(1)
    sad = running.web.approve(signer, wanted)
    with pytest.raises(ConnectionLost):
        running.web.sign(sad, wanted)
    running.wait_for_death()
    with story.world.drives("undelivered"):
        story.reopen()
        rig.sam.log.publish()
    rig.sam.close()
    put_back(running.database, folder / "older")
    with story.world.drives("database-restored"):
        story.reopen()
        rig.sam.log.publish()


def town(folder: Path) -> World:
    """Lost passkeys, and a clock that is moved."""
    with founded(folder) as made:
        world, rig = World(rig_log(made.rig)), made.rig
        story = Story(rig, world, made.officers)
        for officer in made.officers:
            world.private.add("officer", officer.user_id)
        signer = story.person()
        with story.drives("replacement-proposed", "replacement-begun"):
            step = begin(rig.web, made.officers, signer.user_id)
        world.secret.add("replacement link", step.token)
        with story.drives("replacement-cancelled"):
            cancel(rig.web, step.replacement.act_id, signer.device)
        step = made.waited(signer)
        world.secret.add("replacement link", step.token)
        with story.drives("replacement-refused"):
            given = {"proofs": [{"key": signer.key.key_id, "slot": "pin", "secret": WRONG}]}
            with pytest.raises(errors.WrongSecret):
                rig.web.ask(completion(rig.web, step.token, signer.user_id, given))
        world.secret.add("wrong PIN", WRONG)
        with story.drives("replacement-completed", "passkeys-replaced"):
            world.knows(complete(rig.web, step.token, signer))
        with story.drives("clock-stepped"):
            made.host.wall.advance(THREE_DAYS)
            rig.sam.time_keeping.look()
        made.host.wall.advance(-THREE_DAYS)
        rig.close()
        with pytest.MonkeyPatch.context() as patched, world.drives("clock-accepted"):
            patched.setattr(process, "SystemClock", lambda: made.host.wall)
            patched.setattr(process, "harden", lambda: None)
            accept_clock(rig.config)
        rig.sam = open_sam(rig.config, clock=made.host.watched(), stop=rig.stopped.append)
    world.end(rig.config.sam.database)
    return world


def outside(folder: Path) -> World:
    """A certificate of an outside authority."""
    rig, authority = SamRig.make(folder), OutsideAuthority("Outside CA")
    world = World(rig_log(rig))
    with closing(rig):
        rig.sam.close()
        (folder / "anchors.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
        ca = rig.config.ca.model_copy(update={"signers": "outside", "outside_anchors": folder / "anchors.pem"})
        rig.config = rig.config.model_copy(update={"ca": ca})
        story = Story(rig, world)
        story.reopen()
        officer, signer = people(rig.web, rig.token)
        world.knows(signer)
        issued = authority.issue(signer.key.certificate_request)
        with story.drives("certificate-installed"):
            rig.web.act(signer, "install-certificate", officer=officer, certificates=(issued,))
    world.end(rig.config.sam.database)
    return world


def rotated(folder: Path) -> tuple[World, World]:
    """The shard that is closed, and the one that goes on."""
    rig = SamRig.make(folder)
    closed, newest = World(rig_log(rig)), World(rig_log(rig) / "shards" / "2027")
    story = Story(rig, closed)
    story.officer(rig.token)
    story.person()
    rig.close()
    with closed.drives("rotated"), newest.drives("genesis"):
        done = natsuin("log", "rotate", "--config", str(folder / "config.toml"), "--name", "2027")
        assert done.returncode == 0, done.stderr
    later = Story(rig, newest, story.officers)
    later.reopen()
    newest.private.add("officer", story.officers[0].user_id)
    later.sign(later.person())
    rig.close()
    for world in (closed, newest):
        world.end(rig.config.sam.database)
    return closed, newest


def reading(folder: Path) -> World:
    """An auditor reads: what for, whom about, and what was opened. And somebody says when all that existed."""
    rig = SamRig.make(folder)
    world = World(rig_log(rig))
    anchors = AnchorsSection(tsa="built-in", folder=folder / "anchors")
    rig.config = rig.config.model_copy(update={"log": rig.config.log.model_copy(update={"anchors": anchors})})
    with closing(rig):
        rig.reopen()
        story = Story(rig, world)
        with story.drives("time-anchor"):
            rig.sam.handlers.anchors.round()  # type: ignore[union-attr]
        story.officer(rig.token)
        signer = story.person()
        auditor = Auditor.register(rig, "Canary Auditor")
        world.private.add("auditor", auditor.who.user_id)
        world.private.add("name", "Canary Auditor")
        with story.drives("audit-refused"):
            act = auditor.propose(NOTE)
            wrong = assertion(stranger(rig.web), act.challenge)
            with pytest.raises(errors.ApprovalRefused):
                rig.web.ask(p.BeginReading(act_id=act.act_id, assertion=wrong))
        world.private.add("purpose", NOTE)
        with story.drives("audit-begun"):
            auditor.begin()
        world.secret.add("reading", auditor.reading)
        with story.drives("audit-read"):
            found = auditor.search(key_id=signer.key.key_id)
            auditor.open(found.entries[0].index)
    world.end(rig.config.sam.database)
    return world


def token(folder: Path) -> World:
    """Ceremonies of the keys around a token, and keys that live in it."""
    (folder / "house").mkdir()
    house = TokenHouse("softhsm2", folder / "house")
    world = World(Path(house.config.sam.log_folder))
    world.found["ceremony"] = house.entries("ceremony")[-1]
    for name in NAMES[1:]:
        # The first one's name is short enough to occur by chance.
        world.private.add("custodian", name)
    for share in house.shares:
        world.secret.add("share", share)
    with world.drives("ceremony", "wrapping-key-made"):
        first, _ = house.wrapping(), house.wrapping()
    with world.drives("wrapping-key-destroyed"):
        house.done(house.retirement(first))
    world.secret.add("master key", house.config.sam.master_key_file.read_bytes())
    world.end(house.config.sam.database)
    return world


def resident(folder: Path) -> World:
    """Keys that somebody with the token's PIN took away, and put in."""
    made = make_trial_token("softhsm2", folder / "token")
    (folder / "n").mkdir()
    rig = SamRig.make(folder / "n", vault=made.vault_section())
    world = World(rig_log(rig))
    world.secret.add("token's PIN", made.pin)
    with closing(rig):
        story = Story(rig, world)
        story.officer(rig.token)
        seal = story.person(resident=True)
        vault = rig.sam.vaults.token
        assert vault is not None
        with story.drives("resident-key-unknown"):
            with vault.generate_resident(KeyAlgorithm.P_256, "somebody's"):
                pass
            rig.sam.housekeeping.round()
        with story.drives("resident-key-finding"):
            script = "for item in session.get_objects({Attribute.ID: arguments[0].encode()}):\n    item.destroy()\n"
            in_token(vault._line._settings, script, seal.key.key_id)
            rig.reopen()
    world.end(rig.config.sam.database)
    return world
