"""The supervisor: starts sam and then web, waits until each can work, starts again what died, and never silently."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from natsuin.cli.exit_codes import REFUSING
from natsuin.cli.supervised import SUPERVISOR
from natsuin.config import Config, load
from natsuin.errors import NatsuinError
from natsuin.sam.accounts import Accounts
from natsuin.sam.client import SamClient
from natsuin.sam.permissions import check_configuration_file
from natsuin.sam.protocol import Hello
from natsuin.sam.transport import TLSFiles

_PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_SECONDS = 60.0
"""A process that lived this long is started again with the shortest pause."""
_STOP_SECONDS = 30.0
_PROBE_SECONDS = 0.05


@dataclass
class Child:
    """One supervised process. Lives on the supervisor's event loop."""

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], Awaitable[bool]]
    say: Callable[[str], None]
    process: asyncio.subprocess.Process | None = None
    deaths: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False

    async def keep(self) -> int:
        """Run it, again and again, until it refuses to run or is stopped; answers with its last exit code."""
        pauses = iter(_PAUSES_SECONDS)
        pause = 0.0
        while not self.stopping:
            began = time.monotonic()
            code = await self._run_once()
            if self.stopping:
                self.say(f"{self.name} stopped ({_ended(code)})")
                return code
            if code in REFUSING:
                self.say(f"{self.name} refuses to run ({_ended(code)}); its reason is above")
                return code
            self.deaths += 1
            if time.monotonic() - began > _STEADY_SECONDS:
                pauses = iter(_PAUSES_SECONDS)
            pause = next(pauses, _PAUSES_SECONDS[-1])
            self.say(f"{self.name} died ({_ended(code)}), time {self.deaths}; starting it again in {pause:g} s")
            await asyncio.sleep(pause)
        return 0

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL if it takes too long."""
        self.stopping = True
        process = self.process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self.say(f"{self.name} did not stop within {_STOP_SECONDS:g} s and is killed")
            process.kill()
            await process.wait()

    async def _run_once(self) -> int:
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, SUPERVISOR: str(os.getpid())},
            # Ctrl-C reaches the supervisor alone, which then stops its children in order.
            start_new_session=True,
        )
        self.say(f"{self.name} is starting (process {self.process.pid})")
        probing = asyncio.ensure_future(self._probe())
        code = await self.process.wait()
        probing.cancel()
        self.ready.clear()
        return code

    async def _probe(self) -> None:
        began = time.monotonic()
        while not await self.is_ready():
            await asyncio.sleep(_PROBE_SECONDS)
        self.say(f"{self.name} is ready ({time.monotonic() - began:.1f} s)")
        self.ready.set()


def supervise(file: Path) -> int:
    """Run both processes of the installation whose configuration is `file`. Blocks; answers with the exit code.

    Raises:
        ConfigurationRefused: the configuration cannot be used; nothing was started.
        PermissionsLoose: it is root's to say who web and sam are, and somebody else could change the configuration.
    """
    config = load(file)
    _say(_who_runs(config))
    return asyncio.run(_supervise(file, config))


def _who_runs(config: Config) -> str:
    """Under which users web and sam are about to run, and what that is worth. Raises as `supervise`."""
    accounts = Accounts.of(config.serve)
    if accounts is not None and os.geteuid() == 0:
        check_configuration_file(config)
        return f"web runs as the user {accounts.web.name}, sam as {accounts.sam.name}"
    if os.geteuid() == 0:
        return (
            "web and sam both run as root: the promises P1 and P3 do not hold against code that runs in web. "
            "Set serve.web_user and serve.sam_user"
        )
    return f"web and sam both run as user {os.geteuid()}: for trials only, see docs/operating.md"


async def _supervise(file: Path, config: Config) -> int:
    program = (sys.executable, "-m", "natsuin.cli")
    sam = Child("sam", (*program, "sam", "--config", str(file)), lambda: sam_answers(config), _say)
    web = Child("web", (*program, "web", "--config", str(file)), lambda: web_answers(config), _say)
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    stop = asyncio.ensure_future(told.wait())
    sam_life = asyncio.ensure_future(sam.keep())
    sam_ready = asyncio.ensure_future(sam.ready.wait())
    await asyncio.wait({stop, sam_life, sam_ready}, return_when=asyncio.FIRST_COMPLETED)
    lives = [sam_life]
    if not (stop.done() or sam_life.done()):
        lives.append(asyncio.ensure_future(web.keep()))
        await asyncio.wait({stop, *lives}, return_when=asyncio.FIRST_COMPLETED)
    code = 0 if stop.done() else next(life.result() for life in lives if life.done())
    _say("stopping" if stop.done() else f"stopping everything, exit code {code}")
    # web first, so that requests under way still find sam.
    for child in (web, sam):
        await child.stop()
    for task in (stop, sam_ready, *lives):
        if not task.done():
            await asyncio.wait({task}, timeout=0.2)
            task.cancel()
    return code


async def sam_answers(config: Config) -> bool:
    """Whether sam answers `Hello`."""
    client = SamClient(config.sam.address, TLSFiles.of(config.sam.client_tls))
    try:
        await client.call(Hello(), deadline=2)
    except NatsuinError:
        return False
    finally:
        await client.close()
    return True


async def web_answers(config: Config) -> bool:
    """Whether web answers `GET /healthz`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.web.host, config.web.host)  # noqa: S104
    name = urlsplit(config.service.origin).netloc
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, config.web.port)
            try:
                writer.write(f"GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        # ValueError: a line without end, from whatever answers there.
        return False
    return status.startswith(b"HTTP/1.1 200")


def _ended(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _say(line: str) -> None:
    print(f"natsuin: {line}", flush=True)
