"""Everything that a secret goes through, in the two real processes, with every secret known by name."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from shamir_mnemonic import Share

from natsuin import base64url
from natsuin.cli.demo.encoding import new_recovery_code, seal
from natsuin.cli.demo.story import free_port
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.cli.init import make_installation
from natsuin.clock import SystemClock
from natsuin.key_management import (
    LOG,
    SEALED_SECRETS,
    VAULT,
    ProviderLayer,
    ProviderSecrets,
    RowSealer,
    ServiceKeys,
    Slot,
    key_slot,
    open_slot,
    read_master_key,
    signing_key,
    unwrap_for_signer,
)
from natsuin.key_management.keys import key_binding
from natsuin.key_management.service_keys import ALGORITHMS
from natsuin.sam import protocol as p
from natsuin.sam.vaults import open_vaults
from natsuin.storage import open_database
from rigs.canaries import Canaries
from rigs.document_workshop import sample_pdf
from rigs.file_keeper import FileKeeper
from rigs.key_copies import archive_key, lose_key, restore_key
from rigs.sam_process import SamProcess
from rigs.web_side import Officer, Signer, digests
from rigs.whole_server import PERSON, WholeServer, sign_document

PIN, WRONG, CHANGED, LAST = "canary-pin-731", "canary-wrong-294", "canary-changed-518", "canary-last-862"
DOCUMENT = "canary text of a contract 64021"
CUSTODIANS = ("Takahashi", "Suzuki", "Sato")


@dataclass
class CanaryStory:
    """One installation, its people, and what they keep secret."""

    folder: Path
    server: WholeServer
    keeper: FileKeeper
    canaries: Canaries = field(default_factory=Canaries)
    said: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    officers: list[Officer] = field(default_factory=list)
    visitor: Visitor | None = None
    signer: Signer | None = None

    @classmethod
    def make(cls, folder: Path, vault: Mapping[str, Any] | None = None) -> "CanaryStory":
        for name in ("tmp", "kept", "shares"):
            (folder / name).mkdir()
        origin = f"http://localhost:{free_port()}"
        ask = (lambda: vault) if vault else None
        token = make_installation(folder / "n", origin=origin, demo=True, vault=ask)
        # A core dump would be allowed as far as whoever starts the service can allow it.
        most = "unlimited" if (limit := resource.getrlimit(resource.RLIMIT_CORE)[1]) < 0 else str(limit)
        prefix = ["prlimit", f"--core={most}:{most}", "env", f"TMPDIR={folder / 'tmp'}"]
        server = WholeServer(folder / "n", origin, token, prefix=[*prefix, f"SQLITE_TMPDIR={folder / 'tmp'}"])
        story = cls(folder, server, FileKeeper(folder / "tmp", folder / "kept"))
        invited = story.natsuin("officer", "invite", "--name", "Second officer")
        story.tokens = [token, urlsplit(re.findall(r"http\S+", invited.stdout)[0]).fragment]
        return story

    def know(self, name: str, secret: bytes | str) -> None:
        self.canaries.add(name, secret)

    def start(self) -> None:
        self.said += self.server.lines
        self.server.launch()
        assert self.server.process is not None
        self.keeper.watch(self.server.process.pid)
        self.server.wait_for("web is ready")

    @property
    def sam(self) -> SamProcess:
        """The way to the sam that is running, as web has it."""
        return SamProcess(self.server.folder)

    # What people do.

    def people(self) -> None:
        """Two officers and a signer."""
        for token in self.tokens:
            self.know("officer's invitation", token)
            officer = self._officer(self.server.visitor(), token)
        self.visitor = self.server.visitor()
        invitation = officer.invite(PERSON)
        self.know("invitation", urlsplit(invitation).fragment)
        code = self.visitor.enrol(invitation, PIN)
        self.know("PIN", PIN)
        self.know("recovery code", code)
        self.visitor.sign_in()
        self._cookies(self.visitor)
        self._cookies(officer)
        self.signer = self._as_sam_knows(code)

    def _officer(self, visitor: Visitor, token: str) -> Visitor:
        visitor.register_as_officer(token)
        visitor.sign_in()
        handle = visitor.device.get({"rpId": "localhost", "challenge": "AA"})["response"]["userHandle"]
        self.officers.append(Officer(base64url.decode(handle).decode(), visitor.device))
        return visitor

    def _as_sam_knows(self, code: str) -> Signer:
        assert self.visitor is not None
        (key,) = self.sam.ask(p.ListAllKeys(limit=10)).keys
        return Signer(key.user_id, key, self.visitor.device, self.visitor.pin, code)

    def _cookies(self, visitor: Visitor) -> None:
        for cookie in visitor._http.cookies.jar:
            if cookie.value and len(cookie.value) >= 20:
                self.know("session", cookie.value)

    def sign_in_the_portal(self) -> None:
        """A document, refused with a wrong PIN and signed with the right one."""
        visitor = self.visitor
        assert visitor is not None
        # Uncompressed, so that the text would be found.
        content = sample_pdf(text=DOCUMENT)
        self.know("document", DOCUMENT)
        visitor.pin = WRONG
        self.know("wrong PIN", WRONG)
        with pytest.raises(ServerRefused, match="tries left"):
            sign_document(visitor, content)
        visitor.pin = PIN
        signed, _, _ = sign_document(visitor, content)
        assert DOCUMENT.encode() in content
        assert signed.startswith(content[:100])

    def change_secrets(self) -> None:
        """Another PIN, then another by the recovery code."""
        visitor, signer = self.visitor, self.signer
        assert visitor is not None
        assert signer is not None
        base = f"/api/keys/{signer.key.key_id}"
        act = visitor.post(f"{base}/acts", {"act": "change-pin"})
        self._approve(act, f"{base}/acts", p.HPKE_INFO_CHANGE, {"pin": PIN, "new_pin": CHANGED})
        act = visitor.post(f"{base}/pin-reset", {})
        code = new_recovery_code()
        secrets = {"recovery_code": signer.recovery_code, "new_pin": LAST, "new_recovery_code": code}
        self._approve(act, f"{base}/pin-reset", p.HPKE_INFO_PIN_RESET, secrets)
        for pin in (CHANGED, LAST):
            self.know("PIN", pin)
        self.know("recovery code", code)
        visitor.pin = signer.pin = LAST
        signer.recovery_code = code

    def _approve(self, act: dict[str, Any], base: str, info: bytes, secrets: dict[str, str]) -> None:
        assert self.visitor is not None
        challenge = base64url.decode(act["publicKey"]["challenge"])
        sealed = seal(base64url.decode(act["hpke_public_key"]), info + challenge, secrets)
        credential = self.visitor.device.get(act["publicKey"])
        body = {"credential": credential, "sealed_secrets": base64url.encode(sealed)}
        self.visitor.post(f"{base}/{act['act_id']}", body)

    def sign_over_the_socket(self) -> None:
        """With a SAD that the test knows, with a second one that is never used, and with a one-time key."""
        web, signer = self.sam.web, self.signer
        assert signer is not None
        wanted = digests(2)
        for used in (True, False):
            sad = web.approve(signer, wanted)
            self.know("SAD", sad)
            if used:
                web.sign(sad, wanted)
        made = web.act(signer, "one-time", secrets={"pin": signer.pin}).made
        assert made is not None
        once = Signer(signer.user_id, made, signer.device, signer.pin)
        sad = web.approve(once, wanted[:1])
        self.know("SAD", sad)
        web.sign(sad, wanted[:1])

    def archive_and_restore(self) -> None:
        web, signer = self.sam.web, self.signer
        assert signer is not None
        (made,) = archive_key(web, self.officers, signer.key.key_id)
        lose_key(self.server.folder / "sam" / "db2.sqlite", signer.key.key_id)
        restore_key(web, self.officers, signer, made.archive_id)

    # What happens to the host.

    def ceremony(self, kind: str) -> None:
        """While sam is stopped. Shares go to a folder that stands for the custodians' own devices."""
        import hashlib

        wishes = [word for name in CUSTODIANS for word in ("--custodian", name)]
        plan = self.folder / f"{kind}.toml"
        printed = self.natsuin("ceremony", "plan", "--kind", kind, *wishes, config=False).stdout
        plan.write_text(printed.replace("Write why.", "yearly change"))
        self.know("master key", self.server.config.sam.master_key_file.read_bytes())
        shares = self.folder / "shares"
        words = ["--plan-sha256", hashlib.sha256(plan.read_bytes()).hexdigest(), "--shares-to", str(shares)]
        # A rotation asks the custodians of the present key; a split reads nothing.
        papers = [re.findall(r"^ ?\d+ ([a-z]+)$", file.read_text(), re.MULTILINE) for file in shares.glob("share-*")]
        typed = "".join(f"{' '.join(paper)}\n" for paper in papers[:2])
        self.natsuin("ceremony", "run", str(plan), *words, "--transcript-to", str(self.server.folder), typed=typed)
        self.know("master key", self.server.config.sam.master_key_file.read_bytes())
        for file in shares.glob("share-*.txt"):
            paper = re.findall(r"^ ?\d+ [a-z]+$", file.read_text(), re.MULTILINE)
            text = " ".join(line.split()[1] for line in paper)
            self.know("share", text)
            self.know("share", "\n".join(paper))
            self.know("share", "".join(paper))
            self.know("share", Share.from_mnemonic(text).value)

    def natsuin(self, *words: str, config: bool = True, typed: str = "") -> "subprocess.CompletedProcess[str]":
        place = ["--config", str(self.server.folder / "config.toml")] if config else []
        environment = {**os.environ, "TMPDIR": str(self.folder / "tmp")}
        done = subprocess.run(
            [sys.executable, "-m", "natsuin.cli", *words, *place],
            input=typed, capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        if words[:2] != ("officer", "invite"):
            self.said += [done.stdout, done.stderr]
        return done

    def learn_keys(self) -> None:
        """Learn the private keys, with master key and PIN, as sam would. sam must be stopped."""
        assert self.signer is not None
        config, clock = self.server.config, SystemClock()
        master = read_master_key(config.sam.master_key_file)
        database = open_database(config.sam.database, name="sam")
        vaults = open_vaults(config, ProviderSecrets(database, master, clock).load(VAULT), lambda error: None)
        provider = ProviderLayer.from_master(master)
        services = ServiceKeys(database, vaults, RowSealer.from_master(master), provider, clock)
        for purpose in ALGORITHMS if vaults.name == "software" else (LOG, SEALED_SECRETS):
            if services.holds(purpose):
                self.know("service key", number_of(services.load(purpose).private_key))
        with database.read() as connection:
            query = signing_key.select().where(signing_key.c.key_id == self.signer.key.key_id)
            row = dict(connection.execute(query).mappings().one())
            query = key_slot.select().where(key_slot.c.key_id == self.signer.key.key_id, key_slot.c.name == "pin")
            slot = connection.execute(query).mappings().one()
        binding = key_binding(row)
        signer_key = open_slot("pin", Slot(slot["salt"], slot["wrapped"]), self.signer.pin, binding)
        self.know("signer key", signer_key)
        # With the parameters that `natsuin.key_management.wrapping` names.
        stretch = Argon2id(salt=slot["salt"], length=32, iterations=3, lanes=1, memory_cost=64 * 1024)
        derived = stretch.derive(self.signer.pin.encode())
        AESGCM(derived).decrypt(slot["wrapped"][:12], slot["wrapped"][12:], b"natsuin/slot/v1\0pin\0" + binding)
        self.know("key derived from the PIN", derived)
        if vaults.name == "software":
            blob = unwrap_for_signer(provider.open(row["key_blob"], binding), signer_key, binding)
            with vaults.open(blob, binding) as opened:
                self.know("private key", number_of(opened.private_key))
        database.close()
        vaults.close()


def number_of(key: Any) -> bytes:
    """The number that is the private half of a key, big end first."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.private_bytes_raw()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")
