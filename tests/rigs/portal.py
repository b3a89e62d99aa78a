"""The whole web process and a real sam in the test's own process, reached by real HTTP on the loopback.

Only work on PDF bytes is played, by `InstantDocumentWork`, unless a test asks for the real one: these tests are about
who may do what, and what happens when something fails.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import uvicorn
from anyio import to_thread

from natsuin import documents
from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import Clock
from natsuin.config import Config
from natsuin.notice_settings import NoticesSection
from natsuin.sam import protocol
from natsuin.storage import Database, create_database, open_database
from natsuin.storage.schema import metadata_of
from natsuin.web import create_app
from natsuin.web.document_work import DocumentWork, PreparedDocument
from natsuin.web.limits import WebLimits
from natsuin.web.server import uvicorn_config
from rigs.sam_in_process import SamRig
from rigs.web_side import ORIGIN, PIN

HOST = "localhost:8710"
PDF = b"%PDF-1.7\n% played by InstantDocumentWork\n"
PERSON = {
    "common_name": "山田 太郎",
    "email": "taro@example.jp",
    "country": "JP",
    "organization": "例示株式会社",
    "algorithm": "p-256",
    "evidence": {"kind": "passport", "reference": "file 12", "level": 2},
}
Interference = Callable[[Any], None]


class InstantDocumentWork(DocumentWork):
    """Plays the work on documents: a signed document is the file, the signature and the time-stamp in a row."""

    def start(self) -> None:
        """No child process is needed."""

    async def inspect(self, person: str, content: bytes) -> documents.DocumentFacts:
        if not content.startswith(b"%PDF-"):
            raise documents.NotAPDF("this is not a PDF")
        return documents.DocumentFacts(pages=(documents.PageSize(595, 842),), existing_signatures=0, warnings=())

    async def prepare(self, person: str, content: bytes, *about: Any) -> PreparedDocument:
        dtbs = b"attributes of " + hashlib.sha256(content).digest()
        return PreparedDocument(dtbs, msgspec.msgpack.encode((dtbs, content)))

    async def open_prepared(self, serialized: bytes) -> PreparedDocument:
        dtbs, _ = msgspec.msgpack.decode(serialized)
        return PreparedDocument(dtbs, serialized)

    async def embed(self, serialized: bytes, signature: bytes, time_stamper: Callable[[bytes], bytes]) -> bytes:
        _, content = msgspec.msgpack.decode(serialized)

        def complete() -> bytes:
            return content + signature + time_stamper(time_stamp_request(signature))

        return await to_thread.run_sync(complete)


def time_stamp_request(signature: bytes) -> bytes:
    """TimeStampReq, version 1, over SHA-256 of the signature, certificate wanted (RFC 3161, 2.4.1)."""
    algorithm = bytes.fromhex("300d06096086480165030402010500")
    imprint = algorithm + b"\x04\x20" + hashlib.sha256(signature).digest()
    body = b"\x02\x01\x01" + b"\x30" + bytes([len(imprint)]) + imprint + b"\x01\x01\xff"
    return b"\x30" + bytes([len(body)]) + body


@dataclass
class LoopbackSam:
    """Carries messages to a sam in this process. A test may interfere before sam sees one, or before its answer is
    told."""

    rig: SamRig
    before: Interference | None = None
    after: Interference | None = None
    seen: list[Any] = field(default_factory=list)

    async def call(self, message: Any, *, deadline: float = 30.0) -> Any:
        self.seen.append(message)
        if self.before is not None:
            self.before(message)
        answer = await to_thread.run_sync(self.rig.ask, message)
        if self.after is not None:
            self.after(message)
        return answer

    def count(self, kind: type[Any]) -> int:
        return sum(isinstance(message, kind) for message in self.seen)


@dataclass
class Portal:
    """A running portal. `visitor()` is a person with a browser; `client()` a bare HTTP client at the portal's
    address."""

    config: Config
    sam: LoopbackSam
    database: Database
    app: Any
    port: int
    _server: uvicorn.Server
    _thread: threading.Thread

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        work: DocumentWork | None = None,
        clock: Clock | None = None,
        limits: WebLimits | None = None,
        proxies: tuple[str, ...] = (),
        origin: str = ORIGIN,
        notices: NoticesSection | None = None,
    ) -> "Portal":
        rig = SamRig.make(folder, clock=clock)
        networks = tuple(ip_network(proxy) for proxy in proxies)
        # Visitors of a whole test run stay signed in, however long it takes.
        lasting = {"session_idle_seconds": 43_200, "step_up_seconds": 43_200}
        web = rig.config.web.model_copy(update={"trusted_proxies": networks, **lasting})
        service = rig.config.service.model_copy(update={"origin": origin})
        mail = notices or NoticesSection()
        rig.config = rig.config.model_copy(update={"web": web, "service": service, "notices": mail})
        # Tests make sam well and ill from one line to the next.
        limits = limits or WebLimits(readiness_seconds=0)
        create_database(rig.config.web.database, name="web")
        database = open_database(rig.config.web.database, name="web")
        metadata_of("web").create_all(database.engine)
        sam = LoopbackSam(rig)
        return cls._serve(rig.config, database, sam, work=work or InstantDocumentWork(), clock=clock, limits=limits)

    def another(self, clock: Clock | None = None, *, step_up_seconds: int = 43_200) -> "Portal":
        """A web with nothing of this one's memory, on its database and sam: another node. Ends by `stop_web`."""
        web = self.config.web.model_copy(update={"step_up_seconds": step_up_seconds})
        config = self.config.model_copy(update={"web": web})
        database = open_database(self.config.web.database, name="web")
        limits = WebLimits(readiness_seconds=0)
        return self._serve(config, database, self.sam, work=InstantDocumentWork(), clock=clock, limits=limits)

    @classmethod
    def _serve(
        cls,
        config: Config,
        database: Database,
        sam: LoopbackSam,
        *,
        work: DocumentWork,
        clock: Clock | None,
        limits: WebLimits,
    ) -> "Portal":
        app = create_app(config, database, sam, work=work, clock=clock, limits=limits)
        server = uvicorn.Server(uvicorn_config(app, config, limits=limits, port=0))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise AssertionError("the portal did not start")
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        return cls(config, sam, database, app, port, server, thread)

    def stop_web(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self.database.close()

    def stop(self) -> None:
        self.stop_web()
        self.sam.rig.close()

    @property
    def connections(self) -> int:
        """How many connections the server has open."""
        return len(self._server.server_state.connections)

    def client(self, **headers: str) -> httpx2.Client:
        """A client that sends what a page of the portal sends; `headers` go before that."""
        usual = {"Host": HOST, "Origin": ORIGIN, "X-Natsuin": "1", "Accept-Language": "en"}
        usual.update({name.replace("_", "-"): value for name, value in headers.items()})
        return httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", headers=usual, timeout=60)

    def visitor(self) -> Visitor:
        visitor = Visitor(ORIGIN)
        visitor._http.close()
        visitor._http = self.client()
        return visitor

    def enrol_officer(self) -> Visitor:
        officer = self.visitor()
        officer.register_as_officer(self.sam.rig.token)
        officer.sign_in()
        return officer

    def enrol(self, officer: Visitor, **wishes: Any) -> Visitor:
        signer = self.visitor()
        signer.enrol(officer.invite({**PERSON, **wishes}), PIN)
        return signer


def cookie_of(visitor: Visitor) -> str:
    """The value of a visitor's session cookie."""
    return str(visitor._http.cookies["natsuin_session"])


def approval_of(visitor: Visitor, instruction: dict[str, Any], *, pin: str = "") -> dict[str, Any]:
    """The body with which this visitor's browser approves."""
    from natsuin import base64url
    from natsuin.cli.demo.encoding import seal

    challenge = base64url.decode(instruction["challenge"])
    sealed = seal(
        base64url.decode(instruction["hpke_public_key"]),
        protocol.HPKE_INFO_APPROVE + challenge,
        {"pin": pin or visitor.pin},
    )
    return {"credential": visitor.device.get(instruction["publicKey"]), "sealed_pin": base64url.encode(sealed)}
