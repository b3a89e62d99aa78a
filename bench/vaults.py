"""`python -m bench.vaults`: signing with each vault, with few keys and with many in the store, and a change of the
master key; each beside what the vault can do at most."""

import shutil
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import click
import msgspec
from rich.console import Console
from rich.table import Table

from bench.bounds import KeyOperations
from bench.installation import running
from bench.signing import Scenario, SigningBench, SigningResult
from bench.store import add_keys, rotation_rate
from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.clock import SystemClock
from natsuin.config import Config, load
from natsuin.key_management import MasterKey
from natsuin.key_management.hsm.methods import method_of
from natsuin.key_management.vaults import OpenKey, Vault
from natsuin.key_management.vaults.pkcs11 import PKCS11Vault
from natsuin.sam.vaults import open_vaults

_RESULTS = Path(__file__).parent / "results"
_SCHEMES = {"rsa-3072": SignatureScheme.RSA_PKCS1_SHA256, "p-256": SignatureScheme.ECDSA_SHA256}
_KINDS = ("software", "softhsm2", "nss")
_THREADS = 2
_RAW_DIGESTS = 100
_RAW_CALLS = 3
_TURNS = 5


class VaultResult(msgspec.Struct, frozen=True):
    """Signing by one vault. `raw_rate`: signatures in a second by the bare vault with open keys and two threads."""

    vault: str
    algorithm: str
    hashes: int
    signatures_per_second: float
    raw_rate: float

    @property
    def ratio(self) -> float:
        """Of the raw rate."""
        return self.signatures_per_second / self.raw_rate


class StoreResult(msgspec.Struct, frozen=True):
    """Signing with so many keys in DB-2: requests in a second and CPU of web and sam, in milliseconds of each; medians
    of several turns."""

    keys: int
    requests_per_second: float
    cpu: float
    turns: list[int]
    """Requests in a second, each turn's."""


class VaultReport(msgspec.Struct, frozen=True):
    """One run."""

    date: str
    vaults: list[VaultResult]
    stores: list[StoreResult]
    rewrapped_rows: int
    rewrapped_per_second: float


@click.command()
@click.option("--quick", is_flag=True, help="Fewer requests and keys.")
@click.option("--name", default="vaults-latest", show_default=True, help="Name of the result file.")
def main(*, quick: bool, name: str) -> None:
    """Measure the vaults and the store."""
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="natsuin-bench-"))
    try:
        vaults = [result for kind in _KINDS for result in _measure_vault(folder / kind, kind, console, quick=quick)]
        stores, rows, rate = _measure_store(folder / "store", 5_000 if quick else 100_000, console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = VaultReport(SystemClock().now().date().isoformat(), vaults, stores, rows, rate)
    _show(found, console)
    file = _RESULTS / f"{name}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    console.print(f"\nKept in {file}")


def _measure_vault(folder: Path, kind: str, console: Console, *, quick: bool) -> list[VaultResult]:
    found = []
    with running(folder, kind) as installation:
        bench = SigningBench(installation, KeyOperations())
        for algorithm in _SCHEMES:
            for hashes, connections in ((1, 8), (100, 2)):
                requests = (20 if quick else 60) if hashes == 1 else (3 if quick else 5)
                console.print(f"{kind}, {algorithm}, {hashes} hashes in a request")
                measured = bench.run(Scenario(algorithm, hashes, connections, requests, approved=500))
                found.append((algorithm, hashes, measured.signatures_per_second))
    raw = _raw_rates(load(folder / "config.toml"))
    return [VaultResult(kind, algorithm, hashes, rate, raw[algorithm]) for algorithm, hashes, rate in found]


def _raw_rates(config: Config) -> dict[str, float]:
    """By the bare vault with open keys on two threads: for a token a hundred digests with each opening."""
    vaults = open_vaults(config, MasterKey(bytes(32)), lambda _: None)
    try:
        return {algorithm: _raw_rate(vaults.token or vaults.software, algorithm) for algorithm in _SCHEMES}
    finally:
        vaults.close()


def _raw_rate(vault: Vault, algorithm: str) -> float:
    scheme, digests = _SCHEMES[algorithm], [bytes(32)] * _RAW_DIGESTS

    def use(_: int) -> None:
        with vault.generate(KeyAlgorithm(algorithm)) as key:
            sign = (
                partial(key.use, method_of(scheme)) if isinstance(vault, PKCS11Vault) else partial(_each, key, scheme)
            )
            sign(digests)
            ready.wait()
            for _ in range(_RAW_CALLS):
                sign(digests)
            ready.wait()

    ready = threading.Barrier(_THREADS + 1)
    with ThreadPoolExecutor(_THREADS) as pool:
        done = [pool.submit(use, n) for n in range(_THREADS)]
        ready.wait()
        begun = perf_counter()
        ready.wait()
        seconds = perf_counter() - begun
        for one in done:
            one.result()
    return _THREADS * _RAW_CALLS * _RAW_DIGESTS / seconds


def _each(key: OpenKey, scheme: SignatureScheme, digests: Sequence[bytes]) -> None:
    for digest in digests:
        key.sign(digest, scheme)


def _measure_store(folder: Path, many: int, console: Console) -> tuple[list[StoreResult], int, float]:
    """Two installations side by side, measured in turn, because the machine's own speed changes by the minute."""
    found: dict[int, list[SigningResult]] = {100: [], many: []}
    with ExitStack() as running_now:
        benches = {}
        for keys in found:
            console.print(f"{keys:,} keys in the store")
            made = running(folder / str(keys), made=lambda made, keys=keys: add_keys(made, keys))
            benches[keys] = SigningBench(running_now.enter_context(made), KeyOperations())
        for turn in range(_TURNS):
            for keys in sorted(benches, reverse=turn % 2 == 1):
                found[keys].append(benches[keys].run(Scenario("p-256", 1, 8, 60, approved=500)))
    stores = [
        StoreResult(
            keys,
            median(one.requests_per_second for one in results),
            median(one.web_cpu + one.sam_cpu for one in results),
            [round(one.requests_per_second) for one in results],
        )
        for keys, results in found.items()
    ]
    console.print("a new master key")
    rows, rate = rotation_rate(load(folder / str(many) / "config.toml"), console)
    return stores, rows, rate


def _show(found: VaultReport, console: Console) -> None:
    table = Table("vault", "key", "hashes", "signatures/s", "raw/s, two threads", "of raw", title="Signing by vault")
    for one in found.vaults:
        rates = (f"{one.signatures_per_second:,.0f}", f"{one.raw_rate:,.0f}", f"{one.ratio:.0%}")
        table.add_row(one.vault, one.algorithm, str(one.hashes), *rates)
    console.print(table)
    for store in found.stores:
        turns = ", ".join(map(str, store.turns))
        console.print(
            f"{store.keys:,} keys: {store.requests_per_second:,.0f} requests/s ({turns}), {store.cpu:.2f} ms CPU"
        )
    console.print(f"New master key: {found.rewrapped_rows:,} rows, {found.rewrapped_per_second:,.0f} a second")


if __name__ == "__main__":
    main()
