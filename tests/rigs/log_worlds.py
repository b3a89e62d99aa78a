"""An installation whose log is watched: what was made to happen there and found, and what must stay out of it."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from natsuin.storage import open_database
from rigs.canaries import Canaries
from rigs.invariants import entries_of
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide, attestation, digests

PIN, WRONG, NEW_PIN = "canary-pin-731", "canary-wrong-294", "canary-new-518"
PERSON, PURPOSE, DOCUMENT, NOTE = "Canary Signer 山田", "canary purpose 812", "canary-file-77.pdf", "canary note 365"


@dataclass
class World:
    """One installation's log: what was driven and found there, what it commits to, and what must not be in it."""

    folder: Path
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    openings: list[bytes] = field(default_factory=list)
    """What is committed to, as DB-2 has it."""
    secret: Canaries = field(default_factory=Canaries)
    """Must be nowhere in the log, nor in an opening."""
    private: Canaries = field(default_factory=Canaries)
    """Must not be in the log; entries may commit to it."""

    def entries(self) -> list[dict[str, Any]]:
        return entries_of(self.folder)

    @contextmanager
    def drives(self, *kinds: str, log: Callable[[], Any] | None = None) -> Iterator[None]:
        """Within the block each of `kinds` is written, once at least. `log` publishes what was written."""
        before = len(self._now(log))
        yield
        new = self._now(log)[before:]
        for kind in kinds:
            told = [entry for entry in new if entry["type"] == kind]
            assert told, f"{kind} was not written; there are {[entry['type'] for entry in new]}"
            self.found[kind] = told[-1]

    def _now(self, log: Callable[[], Any] | None) -> list[dict[str, Any]]:
        if log is not None:
            log()
        return self.entries() if (self.folder / "checkpoint").exists() else []

    def knows(self, signer: Signer) -> None:
        """A person: their number, what identifies them, and their secrets."""
        for name, value in (("PIN", signer.pin), ("recovery code", signer.recovery_code)):
            if value:
                self.secret.add(name, value)
        self.private.add("user", signer.user_id)
        for passkey in signer.key.passkeys:
            self.private.add("passkey", passkey)

    def end(self, database: str) -> None:
        """Read what the log commits to."""
        opened = open_database(database, name="sam")
        try:
            with opened.read() as connection:
                self.openings = [row[0] for row in connection.exec_driver_sql("SELECT fields FROM log_opening")]
        finally:
            opened.close()


@dataclass
class Story:
    """A sam in this process, with people, and what it drives."""

    rig: SamRig
    world: World
    officers: list[Officer] = field(default_factory=list)

    def drives(self, *kinds: str) -> Any:
        return self.world.drives(*kinds, log=lambda: self.rig.sam.log.publish())

    def reopen(self) -> None:
        self.rig.sam = open_sam(self.rig.config, stop=self.rig.stopped.append)

    def officer(self, token: str) -> Officer:
        self.world.secret.add("officer's invitation", token)
        made = self.rig.web.register_officer(token)
        self.world.private.add("officer", made.user_id)
        self.officers.append(made)
        return made

    def person(self, name: str = PERSON, **wishes: Any) -> Signer:
        web = self.rig.web
        invitation = web.invite(self.officers[0], name=name, **wishes)
        self.world.secret.add("invitation", invitation.token)
        signer = web.enrol(invitation, pin=PIN)
        self.world.knows(signer)
        self.world.private.add("name", name)
        self.world.private.add("identity evidence", "file 12")
        return signer

    def sign(self, signer: Signer) -> None:
        web, wanted = self.rig.web, digests(2)
        documents = tuple(
            p.DocumentLabel(name=DOCUMENT, size=77, sha256=secrets.token_bytes(32)) for _ in range(len(wanted))
        )
        instruction = web.instruct(signer, wanted, purpose=PURPOSE, documents=documents)
        approved = web.activate(signer, instruction)
        web.sign(approved.sad, wanted)
        self.world.secret.add("SAD", approved.sad)
        for each in documents:
            self.world.private.add("document", each.sha256)
        for name, value in (("instruction", instruction.instruction_id), ("purpose", PURPOSE), ("name", DOCUMENT)):
            self.world.private.add(name, value)
        for digest in wanted:
            self.world.private.add("digest", digest)


def stranger(web: WebSide) -> SoftwareAuthenticator:
    """A passkey that nobody registered."""
    device = web.device()
    attestation(device, bytes(32), "somebody else")
    return device


def rig_log(rig: SamRig) -> Path:
    """Where its log is."""
    return Path(rig.config.sam.log_folder)


def as_text(world: World) -> str:
    """Every entry, as somebody reads them."""
    return "\n".join(json.dumps(entry, ensure_ascii=False) for entry in world.entries())
