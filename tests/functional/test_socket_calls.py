"""web and sam over a real Unix socket: answers, errors, deadlines, limits, reconnection."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from natsuin.errors import Busy, Indeterminate, Malformed, Unavailable, WrongSecret
from natsuin.sam import protocol
from natsuin.sam.client import SamClient
from natsuin.sam.connection import Capacity, Listening
from natsuin.sam.server import Server

CANARY = "a PIN in the text of an error"


class Service:
    """A sam whose answers are chosen by the message, in place of real handlers."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.begun: list[str] = []
        self.later: Future[protocol.Response] = Future()

    def __call__(self, message: protocol.Request) -> Any:
        match message:
            case protocol.Hello():
                return protocol.Cancelled(unused=threading.get_ident() % 1000)
            case protocol.ListKeys(user_id="wrong"):
                raise WrongSecret("The PIN does not open the key.", hint="Two tries are left.")
            case protocol.ListKeys(user_id="broken"):
                raise ValueError(CANARY)
            case protocol.ListKeys(user_id="large"):
                return protocol.Reply(der=bytes(17 * 1024 * 1024))
            case protocol.ListKeys(user_id="nonsense"):
                return object()
            case protocol.Cancel(instruction_id=name):
                self.begun.append(name)
                assert self.release.wait(20)
                return protocol.Cancelled(unused=0)
            case protocol.Health():
                return self.later
            case protocol.Sign(dtbs=dtbs):
                return protocol.Signed(signatures=dtbs, receipt="")
            case _:
                return protocol.Keys(keys=())


@asynccontextmanager
async def serving(
    folder: Path, service: Callable[[Any], Any], **capacity: Any
) -> AsyncIterator[tuple[Server, SamClient]]:
    folder.chmod(0o700)
    address = f"unix:{folder}/sam.sock"
    server = Server(
        service, Listening(address), capacity=Capacity(**capacity), inline=frozenset({protocol.Sign, protocol.Hello})
    )
    await server.start()
    client = SamClient(address)
    try:
        yield server, client
    finally:
        await client.close()
        await server.stop()


def run(folder: Path, test: Callable[[Server, SamClient, Service], Any], **capacity: Any) -> None:
    async def main() -> None:
        service = Service()
        try:
            async with serving(folder, service, **capacity) as (server, client):
                await test(server, client, service)
        finally:
            service.release.set()

    asyncio.run(main())


def test_many_calls_share_a_connection(tmp_path: Path) -> None:
    async def test(server: Server, client: SamClient, service: Service) -> None:
        messages = [protocol.Sign(sad=b"", dtbs=(number.to_bytes(4, "big"),)) for number in range(500)]
        answers = await asyncio.gather(*(client.call(message) for message in messages))
        assert [answer.signatures for answer in answers] == [message.dtbs for message in messages]
        assert len(server.connections) == 1

    run(tmp_path, test)


def test_answers_come_as_they_are_ready(tmp_path: Path) -> None:
    async def test(server: Server, client: SamClient, service: Service) -> None:
        slow = asyncio.ensure_future(client.call(protocol.Cancel(instruction_id="slow", user_id="")))
        later = asyncio.ensure_future(client.call(protocol.Health()))
        assert await client.call(protocol.ListKeys(user_id="u")) == protocol.Keys(keys=())
        assert not slow.done()
        service.later.set_result(protocol.HealthReport(ready=True, problems=(), log_size=3))
        assert (await later).log_size == 3
        service.release.set()
        assert await slow == protocol.Cancelled(unused=0)

    run(tmp_path, test, threads=2)


def test_refusal_arrives_as_its_class(tmp_path: Path) -> None:
    async def test(server: Server, client: SamClient, service: Service) -> None:
        with pytest.raises(WrongSecret) as caught:
            await client.call(protocol.ListKeys(user_id="wrong"))
        assert caught.value.hint == "Two tries are left."
        pending = asyncio.ensure_future(client.call(protocol.Health()))
        service.later.set_exception(Malformed("later"))
        with pytest.raises(Malformed):
            await pending

    run(tmp_path, test)


@pytest.mark.parametrize("user_id", ["broken", "large", "nonsense"])
def test_unexpected_failure_tells_web_only_a_number(tmp_path: Path, user_id: str) -> None:
    async def test(server: Server, client: SamClient, service: Service) -> None:
        with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable) as caught:
            await client.call(protocol.ListKeys(user_id=user_id))
        assert caught.value.code == "unavailable"
        (entry,) = [log for log in logs if log["event"] == "sam.request_failed"]
        assert entry["incident"] in caught.value.hint
        told = caught.value.message + caught.value.hint
        assert "Error" not in told
        assert "/" not in told
        assert CANARY not in told + str(entry)
        assert await client.call(protocol.ListKeys(user_id="u")) == protocol.Keys(keys=())

    run(tmp_path, test)


def test_late_answer_is_indeterminate_and_the_connection_lives(tmp_path: Path) -> None:
    async def test(server: Server, client: SamClient, service: Service) -> None:
        with pytest.raises(Indeterminate):
            await client.call(protocol.Cancel(instruction_id="late", user_id=""), deadline=0.05)
        service.release.set()
        await asyncio.sleep(0.05)
        assert await client.call(protocol.ListKeys(user_id="u")) == protocol.Keys(keys=())
        assert service.begun == ["late"]

    run(tmp_path, test)


def test_request_whose_caller_gave_up_is_not_begun(tmp_path: Path) -> None:
    async def test(server: Server, client: SamClient, service: Service) -> None:
        first = asyncio.ensure_future(client.call(protocol.Cancel(instruction_id="first", user_id="")))
        await asyncio.sleep(0.05)
        with pytest.raises(Indeterminate):
            await client.call(protocol.Cancel(instruction_id="given up", user_id=""), deadline=0.05)
        service.release.set()
        await first
        await client.call(protocol.ListKeys(user_id="u"))
        assert service.begun == ["first"]

    run(tmp_path, test, threads=1)


def test_full_queue_is_busy_at_once(tmp_path: Path) -> None:
    async def test(server: Server, client: SamClient, service: Service) -> None:
        calls = [
            asyncio.ensure_future(client.call(protocol.Cancel(instruction_id=str(number), user_id="")))
            for number in range(20)
        ]
        started = time.monotonic()
        done, waiting = await asyncio.wait(calls, timeout=0.3)
        assert len(done) >= 15
        assert all(isinstance(call.exception(), Busy) for call in done)
        assert time.monotonic() - started < 5
        service.release.set()
        assert all([await call == protocol.Cancelled(unused=0) for call in waiting])

    run(tmp_path, test, threads=1, longest_queue=3)


def test_restarted_sam_is_found_again(tmp_path: Path) -> None:
    async def main() -> None:
        tmp_path.chmod(0o700)
        address = f"unix:{tmp_path}/sam.sock"
        client = SamClient(address)
        with pytest.raises(Unavailable) as caught:
            await client.call(protocol.Hello())
        assert not isinstance(caught.value, Indeterminate)
        assert "natsuin sam" in caught.value.hint
        for _ in range(3):
            server = Server(Service(), Listening(address))
            await server.start()
            await client.call(protocol.Hello())
            await server.stop()
            assert not (tmp_path / "sam.sock").exists()
            with pytest.raises(Unavailable):
                await client.call(protocol.Hello())
        await client.close()

    asyncio.run(main())


def test_lost_connection_is_indeterminate_for_what_was_sent(tmp_path: Path) -> None:
    async def test(server: Server, client: SamClient, service: Service) -> None:
        call = asyncio.ensure_future(client.call(protocol.Cancel(instruction_id="x", user_id="")))
        await asyncio.sleep(0.05)
        for connection in tuple(server.connections):
            connection._end("the test pulls the plug")
        with pytest.raises(Indeterminate):
            await call
        service.release.set()
        assert await client.call(protocol.ListKeys(user_id="u")) == protocol.Keys(keys=())

    run(tmp_path, test)


def test_stopping_lets_begun_requests_end(tmp_path: Path) -> None:
    async def test(server: Server, client: SamClient, service: Service) -> None:
        call = asyncio.ensure_future(client.call(protocol.Cancel(instruction_id="x", user_id="")))
        await asyncio.sleep(0.05)
        stop = asyncio.ensure_future(server.stop())
        await asyncio.sleep(0.05)
        assert not stop.done()
        service.release.set()
        assert await call == protocol.Cancelled(unused=0)
        await stop

    run(tmp_path, test)
