"""Tokens for tests: SoftHSM2, NSS's soft token, and a module in front of SoftHSM2 that fails as it is told."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from natsuin.cli.demo.tokens import KINDS, TrialToken, make_trial_token
from natsuin.errors import NatsuinError
from natsuin.key_management import MasterKey, PINSource, PKCS11Vault, TokenSettings, WorkerCommand, make_wrapping_key
from natsuin.sam.vaults import WORKER

MASTER = MasterKey(bytes(range(32)))
SHIM_SOURCE = Path(__file__).parents[1] / "shims/faulty_token.c"


def settings_of(token: TrialToken, folder: Path, **wishes: Any) -> TokenSettings:
    """What the vault needs to know of `token`; marks and the like go into `folder`."""
    settings = TokenSettings(
        command=WorkerCommand(WORKER, dict(token.environment)),
        module=token.module,
        parameters=token.parameters,
        label=token.label,
        pin=PINSource(lambda: token.pin_file, folder / "refused-pin", b"k" * 32),
        wrapping_key=b"\xa1" * 16,
        sessions=2,
        deadline_seconds=5.0,
        allow_weak_token=token.allow_weak_token,
    )
    return replace(settings, **wishes)


def in_token(settings: TokenSettings, script: str, *arguments: str) -> str:
    """What somebody with the module and the PIN can do: run `script` with an open session, in a process of its own.

    The script finds `session`, `token`, `pkcs11` and its `arguments`; the answer is what it prints.
    """
    opening = (
        "import sys, pkcs11\n"
        "from natsuin.sam.vault_worker import leave_out_the_rest\n"
        "leave_out_the_rest()\n"
        "from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, PKCS11Error\n"
        "from natsuin.key_management.hsm.cryptoki import find_token, load, log_in\n"
        "module, parameters, label, pin, *arguments = sys.argv[1:]\n"
        "token = find_token(load(module, parameters), label)\n"
        "session = log_in(token, pin)\n"
    )
    command = [sys.executable, "-c", opening + script, settings.module, settings.parameters, settings.label]
    environment = {**os.environ, **settings.command.environment}
    answer = subprocess.run(
        [*command, settings.pin.read(), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


@dataclass
class FaultyToken:
    """SoftHSM2 behind a module that obeys orders (see tests/shims/faulty_token.c)."""

    token: TrialToken
    folder: Path
    stopped: list[NatsuinError] = field(default_factory=list)

    def order(self, order: str) -> None:
        """Fail like this from now on."""
        waiting = self.folder / "orders.new"
        waiting.write_text(order + "\n")
        waiting.rename(self.folder / "orders")

    def behave(self) -> None:
        """Fail no more."""
        (self.folder / "orders").unlink(missing_ok=True)

    @property
    def obeyed(self) -> bool:
        """Whether the last order, of those that hold `once`, was carried out."""
        return not (self.folder / "orders").exists()

    def calls(self, name: str) -> int:
        """How often this function of the module was called."""
        file = self.folder / "calls"
        return sum(line.endswith(f" {name}") for line in file.read_text().splitlines()) if file.exists() else 0

    def settings(self, **wishes: Any) -> TokenSettings:
        return settings_of(self.token, self.folder, **wishes)

    def vault(self, **wishes: Any) -> PKCS11Vault:
        return PKCS11Vault(MASTER, self.settings(**wishes), self.stopped.append)


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The failing module, compiled."""
    module = tmp_path_factory.mktemp("shim") / "faulty_token.so"
    command = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(module), str(SHIM_SOURCE)]
    subprocess.run([*command, "-ldl"], check=True)
    return module


def make_faulty(shim: Path, folder: Path, **environment: str) -> FaultyToken:
    """A token of its own behind the failing module, without a wrapping key; `environment` is for the module."""
    token = make_trial_token("softhsm2", folder / "token")
    environment = {
        **token.environment,
        "FAULTY_MODULE": token.module,
        "FAULTY_ORDERS": str(folder / "orders"),
        "FAULTY_CALLS": str(folder / "calls"),
        **environment,
    }
    return FaultyToken(replace(token, module=str(shim), environment=environment), folder)


@pytest.fixture
def faulty(shim: Path, tmp_path: Path) -> FaultyToken:
    """The same, with a wrapping key."""
    made = make_faulty(shim, tmp_path)
    make_wrapping_key(made.settings())
    return made


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], PKCS11Vault]]:
    """`tokens("nss")` is a vault in a token of this kind with a wrapping key of its own, one for the whole run."""
    vaults: dict[str, PKCS11Vault] = {}
    stopped: list[NatsuinError] = []

    def vault_in(kind: str) -> PKCS11Vault:
        if kind not in vaults:
            folder = tmp_path_factory.mktemp(kind)
            settings = settings_of(make_trial_token(kind, folder / "token"), folder)
            make_wrapping_key(settings)
            vaults[kind] = PKCS11Vault(MASTER, settings, stopped.append)
        return vaults[kind]

    yield vault_in
    for vault in vaults.values():
        vault.close()
    assert stopped == []


@pytest.fixture(scope="session", params=KINDS)
def token_vault(request: pytest.FixtureRequest, tokens: Callable[[str], PKCS11Vault]) -> PKCS11Vault:
    """A vault in a token; the test runs once on each kind."""
    return tokens(request.param)


def eventually(question: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until it is so. How long that takes is no matter of the test; that it never happens is."""
    until = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < until, "it never happened"
        threading.Event().wait(0.05)
