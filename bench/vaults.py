"""`python -m bench.vaults`: signing with each vault, with few keys and with many in the store, and a change of the
master key; each beside what the vault can do at most."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import click
import msgspec
from rich.console import Console
from rich.table import Table

from bench.bounds import KeyOperations
from bench.installation import running
from bench.signing import Scenario, SigningBench
from bench.store import add_keys, rotation_rate
from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.clock import SystemClock
from natsuin.config import Config, load
from natsuin.key_management import MasterKey
from natsuin.key_management.vaults import Vault
from natsuin.sam.vaults import open_vaults

_RESULTS = Path(__file__).parent / "results"
_SCHEMES = {"rsa-3072": SignatureScheme.RSA_PKCS1_SHA256, "p-256": SignatureScheme.ECDSA_SHA256}
_KINDS = ("software", "softhsm2", "nss")


class VaultResult(msgspec.Struct, frozen=True):
    """Signing by one vault. `raw_rate`: signatures in a second by the bare vault with an open key and one thread."""

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
    """Signing with so many keys in DB-2: requests in a second and CPU of web and sam, in milliseconds of each."""

    keys: int
    requests_per_second: float
    cpu: float


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
    """By the bare vault: for a token a key that lives in it, all digests in one call; for software an open key."""
    vaults = open_vaults(config, MasterKey(bytes(32)), lambda _: None)
    digests = [bytes(32)] * 300
    rates = {}
    try:
        for algorithm, scheme in _SCHEMES.items():
            if vaults.token is None:
                sign = _software_signer(vaults.software, KeyAlgorithm(algorithm), scheme)
                rates[algorithm] = _rate(lambda sign=sign: [sign(digest) for digest in digests], len(digests))
                continue
            vaults.token.make_resident(algorithm, KeyAlgorithm(algorithm))
            resident = next(key for key in vaults.token.resident_keys() if key.identifier == algorithm)
            with vaults.token.open_resident(resident) as key:
                rates[algorithm] = _rate(lambda key=key, scheme=scheme: key.sign_all(digests, scheme), len(digests))
    finally:
        vaults.close()
    return rates


def _software_signer(vault: Vault, algorithm: KeyAlgorithm, scheme: SignatureScheme) -> Callable[[bytes], bytes]:
    with vault.generate(algorithm) as key:
        return lambda digest: key.sign(digest, scheme)


def _rate(work: Callable[[], object], operations: int) -> float:
    work()
    begun = perf_counter()
    work()
    return operations / (perf_counter() - begun)


def _measure_store(folder: Path, many: int, console: Console) -> tuple[list[StoreResult], int, float]:
    found = []
    for keys in (100, many):
        console.print(f"{keys} keys in the store")
        with running(folder / str(keys), made=lambda made, keys=keys: add_keys(made, keys)) as installation:
            bench = SigningBench(installation, KeyOperations())
            measured = bench.run(Scenario("p-256", 1, 8, 60, approved=500))
            found.append(StoreResult(keys, measured.requests_per_second, measured.web_cpu + measured.sam_cpu))
    console.print("a new master key")
    rows, rate = rotation_rate(load(folder / str(many) / "config.toml"), console)
    return found, rows, rate


def _show(found: VaultReport, console: Console) -> None:
    table = Table("vault", "key", "hashes", "signatures/s", "raw/s, one thread", "of raw", title="Signing by vault")
    for one in found.vaults:
        rates = (f"{one.signatures_per_second:,.0f}", f"{one.raw_rate:,.0f}", f"{one.ratio:.0%}")
        table.add_row(one.vault, one.algorithm, str(one.hashes), *rates)
    console.print(table)
    for store in found.stores:
        console.print(f"{store.keys:,} keys: {store.requests_per_second:,.0f} requests/s, {store.cpu:.2f} ms CPU each")
    console.print(f"New master key: {found.rewrapped_rows:,} rows, {found.rewrapped_per_second:,.0f} a second")


if __name__ == "__main__":
    main()
