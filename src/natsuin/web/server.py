"""Runs the web process: one uvicorn process on the configured address, until it is told to stop."""

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI

from natsuin.config import Config
from natsuin.logs import configure_logs
from natsuin.sam.client import SamClient
from natsuin.sam.transport import TLSFiles
from natsuin.storage import Database, check_schema, open_database
from natsuin.web.app import create_app
from natsuin.web.connections import bounded
from natsuin.web.limits import WebLimits, raise_open_files
from natsuin.web.proxies import TrustedProxies

_STOP_SECONDS = 20


class _Server(uvicorn.Server):
    """Says when it is ready: a line that supervisors and tests wait for."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGTERM or SIGINT. Unlike uvicorn's own, does not raise the signal again when all is done: the
        database and the connection to sam are still to be closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Begin to listen, then say so."""
        await super().startup(sockets)
        if self.started:
            print(json.dumps({"event": "ready", "process": "web"}), file=sys.stderr, flush=True)


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered first. Blocks.

    Raises what `open_database`, `check_schema` and `SamClient` refuse. sam need not be there yet: until it is, what
    needs it answers with 503.
    """
    configure_logs()
    limits = WebLimits().within(raise_open_files())
    database = open_database(config.web.database, name="web")
    try:
        check_schema(database, "web")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(config, database, limits))
    finally:
        database.close()


async def _serve(config: Config, database: Database, limits: WebLimits) -> None:
    sam = SamClient(config.sam.address, TLSFiles.of(config.sam.client_tls))
    try:
        server = _Server(uvicorn_config(create_app(config, database, sam, limits=limits), config, limits=limits))
        await server.serve()
    finally:
        await sam.close()


def uvicorn_config(app: FastAPI, config: Config, *, limits: WebLimits, port: int | None = None) -> uvicorn.Config:
    """How uvicorn is to serve `app`. `port` goes before the configuration's, which cannot be 0."""
    return uvicorn.Config(
        app,
        host=config.web.host,
        port=config.web.port if port is None else port,
        http=bounded(limits, TrustedProxies(config.web.trusted_proxies)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.idle_seconds,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
