"""`python -m bench.recovery`: how long after a token is back the vault signs again, beside what opening the token and
signing once takes by itself."""

import logging
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import click
import msgspec
import structlog
from rich.console import Console
from rich.progress import track
from rich.table import Table

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.errors import NatsuinError
from natsuin.key_management import PKCS11Vault, make_wrapping_key

_TESTS = Path(__file__).parents[1] / "tests"
sys.path.append(str(_TESTS))
from rigs.tokens import FaultyToken, make_faulty  # noqa: E402  # The failing module is the tests' own.

_RESULTS = Path(__file__).parent / "results"
_PROMISED_SECONDS = 10.0
_LONGEST_ABSENCE_SECONDS = 8.0
_DIGEST = bytes(32)
_FAULTS = {
    "every call is refused: the device was removed": "* return 0x32",
    "every signature fails": "C_Sign return 0x30",
    "signing hangs": "C_Sign hang -",
    "opening the library hangs": "* hang -",
    "the library crashes": "* die -",
}
"""Orders to the failing module, by what people see."""


class Recovery(msgspec.Struct, frozen=True):
    """Seconds from the token being back until a signature, one for each absence. `alone`: to open it and sign once."""

    fault: str
    seconds: tuple[float, ...]
    alone: float


@contextmanager
def _failing_token() -> Iterator[tuple[FaultyToken, PKCS11Vault]]:
    folder = Path(tempfile.mkdtemp(prefix="natsuin-bench-"))
    module = folder / "faulty_token.so"
    command = ["gcc", "-O1", "-shared", "-fPIC", "-o", str(module), str(_TESTS / "shims/faulty_token.c"), "-ldl"]
    subprocess.run(command, check=True)
    token = make_faulty(module, folder)
    make_wrapping_key(token.settings())
    vault = token.vault(deadline_seconds=2.0)
    try:
        yield token, vault
    finally:
        vault.close()
        shutil.rmtree(folder)


def _measure(token: FaultyToken, vault: PKCS11Vault, fault: str, rounds: int) -> Recovery:
    with vault.generate(KeyAlgorithm.P_256) as fresh:
        sealed = fresh.seal(b"b")

    def sign(asked: PKCS11Vault) -> None:
        with asked.open(sealed, b"b") as key:
            key.sign_all([_DIGEST], SignatureScheme.ECDSA_SHA256)

    def open_and_sign() -> float:
        began = time.perf_counter()
        other = token.vault(deadline_seconds=2.0)
        sign(other)
        took = time.perf_counter() - began
        other.close()
        return took

    alone = min(open_and_sign() for _ in range(3))
    found = []
    for _ in track(range(rounds), fault, console=Console(stderr=True)):
        token.order(_FAULTS[fault])
        away = time.perf_counter() + secrets.randbelow(1000) / 1000 * _LONGEST_ABSENCE_SECONDS
        while time.perf_counter() < away:
            with suppress(NatsuinError):
                sign(vault)
            time.sleep(0.02)
        token.behave()
        back = time.perf_counter()
        while True:
            try:
                sign(vault)
                break
            except NatsuinError:
                time.sleep(0.02)
        found.append(time.perf_counter() - back)
    return Recovery(fault, tuple(found), alone)


@click.command()
@click.option("--rounds", default=10, show_default=True, help="Absences of each kind.")
@click.option("--out", type=click.Path(path_type=Path), default=_RESULTS / "recovery.json", help="Where to keep it.")
def main(rounds: int, out: Path) -> None:
    """Let a token be away for up to eight seconds, in each way, and see how long signing stays away after it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    found = []
    for fault in _FAULTS:
        with _failing_token() as (token, vault):
            found.append(_measure(token, vault, fault, rounds))
    table = Table("fault", "median (s)", "longest (s)", "open and sign alone (s)")
    for one in found:
        table.add_row(one.fault, f"{median(one.seconds):.1f}", f"{max(one.seconds):.1f}", f"{one.alone:.1f}")
    Console().print(table)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
    late = [one.fault for one in found if max(one.seconds) > _PROMISED_SECONDS]
    if late:
        raise click.ClickException(f"not within {_PROMISED_SECONDS:.0f} seconds: {'; '.join(late)}")


if __name__ == "__main__":
    main()
