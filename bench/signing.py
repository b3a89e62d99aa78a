"""Signing digests that were approved beforehand: `POST /api/signatures`, as an application uses it."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from bench.bounds import KeyBound, KeyOperations, busy_cores
from bench.installation import MOST_DIGESTS, Approval, Installation, Signer
from bench.load import Load, Measured, generate
from natsuin import base64url
from natsuin.signing_log import verify_receipt

_PEOPLE = 2
"""Signers of each kind of key, so that no one row of the database is everybody's."""
_YOUNG_SECONDS = 120
"""Of the five minutes that an approval lives."""


@dataclass(frozen=True)
class Scenario:
    """What is asked for."""

    algorithm: str
    hashes: int
    """In each request."""
    connections: int
    requests: int
    """Of each connection, those that are measured."""
    approved: int
    """Digests in each approval."""
    warm_up: int = 5

    @property
    def name(self) -> str:
        """For people."""
        many = "1 hash" if self.hashes == 1 else f"{self.hashes} hashes"
        return f"{self.algorithm}, {many}, {self.connections} connections, {self.approved} approved at a time"


class SigningResult(msgspec.Struct, frozen=True):
    """What came of one scenario. Times in milliseconds."""

    algorithm: str
    hashes: int
    connections: int
    approved: int
    requests: int
    requests_per_second: float
    signatures_per_second: float
    p50: float
    p99: float
    web_cpu: float
    """Of each request."""
    sam_cpu: float
    key_cpu: float
    """Raw cost of opening the key once and signing every hash, measured just before and after with as many threads."""
    warm_key_cpu: float
    """One private-key operation with a warm key, likewise."""
    machinery_cpu: float
    """Everything else: what web and sam use beyond `key_cpu`."""
    raw_rate: float
    """Warm private-key operations in a second, raw, with as many threads."""
    bytes_written: float
    """By sam, of each request, handed to the storage layer (proc(5), io)."""
    checked: int
    """Answers whose signatures and receipt were verified; all of them were right."""


class SigningBench:
    """Runs scenarios against one installation."""

    def __init__(self, installation: Installation, keys: KeyOperations) -> None:
        self._installation = installation
        self._keys = keys
        self._people: dict[str, list[Signer]] = {}
        self._left: defaultdict[int, list[Approval]] = defaultdict(list)
        """By person: approvals of earlier scenarios with digests left. Approving takes longer than measuring."""
        self._vkey = installation.officer.get("/api/service")["log_vkey"]

    def run(self, scenario: Scenario) -> SigningResult:
        """Have everything approved, then measure, then check a sample."""
        people = self._people.get(scenario.algorithm)
        if people is None:
            people = [self._installation.enrol(scenario.algorithm) for _ in range(_PEOPLE)]
            self._people[scenario.algorithm] = people
        owners = [people[number % _PEOPLE] for number in range(scenario.connections)]
        bodies = self._approve(scenario, owners)
        sam = self._installation.sam
        self._keys.measure(scenario.algorithm)
        written = _bytes_written(sam)
        measured = generate(
            Load(
                port=self._installation.port,
                path="/api/signatures",
                headers=[self._headers(owner) for owner in owners],
                bodies=bodies,
                warm_up=scenario.warm_up,
                watched=[self._installation.web, sam],
                keep_every=max(1, scenario.requests // 2),
            )
        )
        written = _bytes_written(sam) - written
        self._keys.measure(scenario.algorithm)
        checked = self._check(scenario, measured, people)
        bound = self._keys.latest(scenario.algorithm, min(scenario.connections, busy_cores(), 2), 2)
        share = written / (measured.requests + scenario.warm_up * scenario.connections)
        return _result(scenario, measured, bound, checked=checked, bytes_written=share)

    def _approve(self, scenario: Scenario, owners: list[Signer]) -> list[list[bytes]]:
        """For each connection the bodies of its requests, under approvals of its own."""
        requests = scenario.requests + scenario.warm_up
        left: list[tuple[int, Approval]] = []

        def bodies(owner: Signer) -> Iterator[bytes]:
            approval = self._take(owner, requests * scenario.hashes)
            for _ in range(requests):
                if len(approval.digests) < scenario.hashes:
                    approval = owner.approve(min(scenario.approved, MOST_DIGESTS))
                yield approval.body(scenario.hashes)
            left.append((id(owner), approval))

        def of_person(person: Signer) -> list[list[bytes]]:
            # One after the other, because a passkey's signatures are counted.
            return [list(bodies(owner)) for owner in owners if owner is person]

        people = list(dict.fromkeys(map(id, owners)))
        by_id = {id(owner): owner for owner in owners}
        with ThreadPoolExecutor(_PEOPLE) as pool:
            lists = dict(zip(people, pool.map(lambda one: of_person(by_id[one]), people), strict=True))
        # Only the next scenario may go on with them: no two connections share an approval, whose order counts.
        for person, approval in left:
            self._left[person].append(approval)
        return [lists[id(owner)].pop(0) for owner in owners]

    def _take(self, owner: Signer, digests: int) -> Approval:
        """An approval with so many digests left that lives long enough, or an empty one."""
        kept = self._left[id(owner)]
        for place, approval in enumerate(kept):
            if monotonic() - approval.approved_at < _YOUNG_SECONDS and len(approval.digests) >= digests:
                return kept.pop(place)
        return Approval("", [])

    def _headers(self, owner: Signer) -> dict[str, str]:
        host = self._installation.origin.partition("//")[2]
        return {"Host": host, "Cookie": owner.session, "X-Natsuin": "1", "Content-Type": "application/json"}

    def _check(self, scenario: Scenario, measured: Measured, people: list[Signer]) -> int:
        """Verify the signatures and the receipt of every answer that was kept; stop at the first wrong one."""
        keys = [x509.load_der_x509_certificate(self._installation.certificate(one)).public_key() for one in people]
        for sent, received in measured.kept:
            digests = [base64url.decode(text) for text in msgspec.json.decode(sent)["digests"]]
            answer = msgspec.json.decode(received)
            signatures = [base64url.decode(text) for text in answer["signatures"]]
            if not any(_all_verify(key, digests, signatures) for key in keys):
                raise AssertionError(f"{scenario.name}: a signature does not verify")
            entry = msgspec.json.decode(verify_receipt(answer["receipt"], self._vkey).leaf)
            if entry["signatures"] != [base64url.encode(hashlib.sha256(one).digest()) for one in signatures]:
                raise AssertionError(f"{scenario.name}: a receipt is about other signatures")
        return len(measured.kept)


def _all_verify(key: object, digests: list[bytes], signatures: list[bytes]) -> bool:
    prehashed = Prehashed(hashes.SHA256())
    try:
        for digest, signature in zip(digests, signatures, strict=True):
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, digest, padding.PKCS1v15(), prehashed)
            else:
                assert isinstance(key, ec.EllipticCurvePublicKey)
                key.verify(signature, digest, ec.ECDSA(prehashed))
    except Exception:
        return False
    return True


def _bytes_written(pid: int) -> int:
    """0 where the kernel does not tell: sam's own is readable by root only."""
    try:
        with open(f"/proc/{pid}/io") as file:  # noqa: PTH123
            return next(int(line.split()[1]) for line in file if line.startswith("write_bytes:"))
    except OSError:
        return 0


def _result(
    scenario: Scenario, measured: Measured, bound: KeyBound, *, checked: int, bytes_written: float
) -> SigningResult:
    requests = measured.requests
    latencies = sorted(measured.latencies)
    web, sam = (cpu / requests * 1e3 for cpu in measured.cpu)
    key = (bound.opened + (scenario.hashes - 1) * bound.warm) * 1e3
    return SigningResult(
        algorithm=scenario.algorithm,
        hashes=scenario.hashes,
        connections=scenario.connections,
        approved=scenario.approved,
        requests=requests,
        requests_per_second=requests / measured.seconds,
        signatures_per_second=requests * scenario.hashes / measured.seconds,
        p50=latencies[len(latencies) // 2] * 1e3,
        p99=latencies[int(len(latencies) * 0.99)] * 1e3,
        web_cpu=web,
        sam_cpu=sam,
        key_cpu=key,
        warm_key_cpu=bound.warm * 1e3,
        machinery_cpu=web + sam - key,
        raw_rate=bound.rate,
        bytes_written=bytes_written,
        checked=checked,
    )


def scenarios(*, quick: bool) -> list[Scenario]:
    """What is measured."""
    if quick:
        return [
            Scenario("rsa-3072", 1, 1, requests=100, approved=200),
            Scenario("rsa-3072", 1, 8, requests=40, approved=200),
            Scenario("rsa-3072", 1, 32, requests=20, approved=200),
            Scenario("p-256", 1, 8, requests=60, approved=65),
            Scenario("rsa-3072", 100, 2, requests=2, approved=300, warm_up=1),
            Scenario("p-256", 100, 2, requests=4, approved=500, warm_up=1),
        ]
    one = [
        Scenario(algorithm, 1, connections, requests=requests, approved=requests + 5)
        for algorithm in ("rsa-3072", "p-256")
        for connections, requests in ((1, 200), (8, 80), (32, 50))
    ]
    many = [
        Scenario(algorithm, 100, connections, requests=4, approved=500, warm_up=1)
        for algorithm, levels in (("rsa-3072", (1, 8)), ("p-256", (1, 8, 32)))
        for connections in levels
    ]
    # The same as above with approvals of a thousand, whose row is longer than all the rest of a request.
    return [*one, Scenario("rsa-3072", 1, 8, requests=80, approved=1000), *many]


def cores() -> str:
    """What the machine offers this process."""
    return f"{busy_cores()} of {os.cpu_count()} cores"
