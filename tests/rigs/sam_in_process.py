"""A whole sam in the test's own process: real vault, database and log. Messages are encoded and decoded as on the
socket."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from natsuin.clock import Clock
from natsuin.config import Config, load, write_config
from natsuin.errors import NatsuinError
from natsuin.sam import protocol
from natsuin.sam.process import Sam, initialise, open_sam
from natsuin.storage import create_database, open_database, upgrade_schema
from rigs.web_side import ORIGIN, Officer, Signer, WebSide

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(protocol.Request).decode


def make_installation(
    folder: Path, *, database: str = "", vault: Mapping[str, Any] | None = None
) -> tuple[Config, str]:
    """Like `natsuin init`, without web: the configuration and the first officer's token."""
    file = write_config(folder, origin=ORIGIN, demo=True, vault=vault)
    if database:
        file.write_text(file.read_text().replace('"sqlite:///sam/db2.sqlite"', f'"{database}"'))
    config = load(file)
    for name in ("sam", "run", "web"):
        (folder / name).mkdir(mode=0o700)
    if not database:
        create_database(config.sam.database, name="sam")
    opened = open_database(config.sam.database, name="sam")
    upgrade_schema(opened, "sam")
    opened.close()
    return config, initialise(config).officer_token


@dataclass
class SamRig:
    """An installation with an open sam; `web` speaks to it."""

    config: Config
    sam: Sam
    token: str
    stopped: list[NatsuinError]

    @classmethod
    def make(
        cls,
        folder: Path,
        *,
        clock: Clock | None = None,
        database: str = "",
        vault: Mapping[str, Any] | None = None,
    ) -> "SamRig":
        config, token = make_installation(folder, database=database, vault=vault)
        stopped: list[NatsuinError] = []
        return cls(config, open_sam(config, clock=clock, stop=stopped.append), token, stopped)

    def reopen(self, *, clock: Clock | None = None) -> None:
        self.sam.close()
        self.sam = open_sam(self.config, clock=clock, stop=self.stopped.append)

    def ask(self, message: Any) -> Any:
        arrived = _decode(_encode(message))
        answer = self.sam.handlers.answer(arrived)
        return answer.result(timeout=60) if isinstance(answer, Future) else answer

    @property
    def web(self) -> WebSide:
        return WebSide(self.ask)

    def close(self) -> None:
        self.sam.close()


def people(web: WebSide, token: str, **wishes: Any) -> tuple[Officer, Signer]:
    """An officer and an enrolled signer."""
    officer = web.register_officer(token)
    return officer, web.enrol(web.invite(officer, **wishes))
