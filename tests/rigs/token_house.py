"""An installation with a token: its sam as a process, its ceremonies as commands, and what is in the token."""

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from natsuin.cli.demo.tokens import TrialToken, make_trial_token
from natsuin.config import Config
from natsuin.key_management import MasterKey, TokenSettings
from natsuin.sam import protocol as p
from natsuin.sam.vaults import token_settings
from rigs.forked_commands import run_forked
from rigs.invariants import check_invariants, entries_of
from rigs.sam_in_process import make_installation
from rigs.sam_process import SamProcess
from rigs.tokens import in_token
from rigs.web_side import Officer, Signer, digests

NAMES = ("Sato", "Suzuki", "Takahashi")
_WRAPPING_KEYS = """
found = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: "natsuin wrapping key"})
print(*sorted(item[Attribute.ID].hex() for item in found))
"""


def natsuin(*words: str, typed: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    if set(environment) <= {"NATSUIN_FAULT_AT"} and words[0] in ("ceremony", "sam"):
        return run_forked(words, typed=typed, fault=environment.get("NATSUIN_FAULT_AT", ""))
    return subprocess.run(
        [sys.executable, "-m", "natsuin.cli", *words],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@dataclass
class TokenHouse:
    """`sam` is stopped at first. `shares` are those of the present master key, one for each of `NAMES`."""

    kind: str
    folder: Path
    config: Config = field(init=False)
    sam: SamProcess = field(init=False)
    officer: Officer = field(init=False)
    shares: list[str] = field(default_factory=list)
    token: TrialToken | None = None
    """Another one than a new token of this kind."""
    received: list[p.Signed] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "n").mkdir(parents=True)
        (self.folder / "c").mkdir()
        section = (self.token or make_trial_token(self.kind, self.folder / "token")).vault_section()
        self.config, token = make_installation(self.folder / "n", vault=section)
        self.sam = SamProcess(self.folder / "n")
        self.sam.start()
        self.officer = self.sam.web.register_officer(token)
        self.sam.stop()
        self.share("split")

    def share(self, kind: str) -> None:
        """Hold a `split` or `rotate`; `shares` are the new ones."""
        for file in (self.folder / "c").glob("share-*.txt"):
            file.unlink()
        ended = self.run(self.plan(kind))
        assert ended.returncode == 0, ended.stderr
        texts = [file.read_text() for file in sorted((self.folder / "c").glob("share-*.txt"))]
        self.shares = [" ".join(re.findall(r"^ ?\d+ ([a-z]+)$", text, re.MULTILINE)) for text in texts]

    def rotate(self) -> None:
        """Another master key, with shares of it."""
        self.share("rotate")

    @property
    def first(self) -> str:
        """CKA_ID of the wrapping key that `natsuin init` made."""
        return self.config.vault.wrapping_key

    def plan(self, kind: str, *wishes: str, **changes: str) -> Path:
        """A plan of this kind; `changes` are texts to be exchanged in it."""
        words = [word for name in NAMES for word in ("--custodian", name)]
        printed = natsuin("ceremony", "plan", "--kind", kind, *words, *wishes)
        assert printed.returncode == 0, printed.stderr
        text = printed.stdout.replace("Write why.", "yearly change")
        file = self.folder / "c" / f"plan-{len(list((self.folder / 'c').glob('plan-*')))}.toml"
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        file.write_text(text)
        return file

    def run(
        self, plan: Path, shares: list[str] | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Carry it out, with the first two custodians' shares unless others are given."""
        typed = self.shares[:2] if shares is None else shares
        folder = str(self.folder / "c")
        words = ["--plan-sha256", hashlib.sha256(plan.read_bytes()).hexdigest()]
        words += ["--shares-to", folder, "--transcript-to", folder]
        return natsuin(
            "ceremony",
            "run",
            "--config",
            str(self.folder / "n" / "config.toml"),
            str(plan),
            *words,
            typed="".join(f"{share}\n" for share in typed),
            **environment,
        )

    def done(self, plan: Path, **environment: str) -> str:
        """Carry it out; the transcript that it left."""
        ended = self.run(plan, **environment)
        assert ended.returncode == 0, ended.stderr
        return Path(ended.stdout.split("Print and sign: ")[1].strip()).read_text()

    def wrapping(self) -> str:
        """Hold a ceremony for another wrapping key, with sam stopped; its CKA_ID."""
        plan = self.plan("wrapping")
        self.done(plan)
        return named(plan)

    def retirement(self, identifier: str) -> Path:
        """A plan to destroy a wrapping key."""
        return self.plan("retire-wrapping", "--wrapping-key", identifier)

    def listed(self) -> str:
        """What the host's operator sees of the wrapping keys."""
        ended = natsuin("ceremony", "wrapping-keys", "--config", str(self.folder / "n" / "config.toml"))
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def another_officer(self) -> Officer:
        """Invited on the host, for which sam is stopped a moment."""
        self.sam.stop()
        words = ("--config", str(self.folder / "n" / "config.toml"), "--name", "Second officer")
        token = natsuin("officer", "invite", *words).stdout.split("#")[1].strip()
        self.sam.start()
        return self.sam.web.register_officer(token)

    def enrol(self, **wishes: Any) -> Signer:
        return self.sam.web.enrol(self.sam.web.invite(self.officer, **wishes))

    def sign(self, *signers: Signer) -> None:
        for signer in signers:
            wanted = digests(1)
            self.received.append(self.sam.web.sign(self.sam.web.approve(signer, wanted), wanted))

    def under(self, signer: Signer) -> str:
        """CKA_ID of the wrapping key under which the record says that the key lies."""
        return str(self.sam.sql("SELECT wrapping_key FROM signing_key WHERE key_id = ?", signer.key.key_id)[0][0])

    def states(self) -> dict[str, str]:
        """Of the wrapping keys on record."""
        return dict(self.sam.sql("SELECT wrapping_key, state FROM wrapping_key"))

    @property
    def settings(self) -> TokenSettings:
        """For whoever has the token and its PIN."""
        return token_settings(self.config, MasterKey(bytes(32)))

    def in_token(self) -> set[str]:
        """CKA_IDs of the wrapping keys in the token."""
        return set(in_token(self.settings, _WRAPPING_KEYS).split())

    def objects(self) -> int:
        """How many objects of any kind the token holds."""
        counted = in_token(self.settings, "print(len(list(session.get_objects())))")
        return int(counted)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in entries_of(self.config.sam.log_folder) if entry["type"] == kind]

    def check(self) -> None:
        """The log is whole, and has what was signed; sam is stopped."""
        self.sam.start()
        vkey = self.sam.web.info.log_vkey
        self.sam.stop()
        check_invariants(self.config.sam.log_folder, vkey, self.received)


def named(plan: Path) -> str:
    """The wrapping key that a plan names."""
    found = re.search(r'^wrapping_key = "([0-9a-f]{32})"$', plan.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]
