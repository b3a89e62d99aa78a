"""Who may use sam's socket, and what hostile bytes on it do: the connection ends, sam lives."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import structlog

from natsuin.errors import Conflict, Refused
from natsuin.sam import frames, protocol
from natsuin.sam.client import SamClient
from natsuin.sam.connection import Capacity, Listening
from natsuin.sam.frames import frame
from natsuin.sam.server import Server
from natsuin.sam.transport import TransportRefused

NOBODY = 65534


def answer(message: protocol.Request) -> protocol.Response:
    return protocol.Cancelled(unused=5)


def with_server(
    folder: Path, test: Callable[[str], Awaitable[None]], *, users: frozenset[int] = frozenset(), **capacity: float
) -> list[dict[str, object]]:
    """Run `test` against a server in `folder`, and give back what the server logged."""
    folder.chmod(0o700)

    async def main() -> list[dict[str, object]]:
        path = f"{folder}/sam.sock"
        server = Server(
            answer,
            Listening(f"unix:{path}", allowed_users=users),
            capacity=Capacity(**capacity),  # type: ignore[arg-type]
        )
        await server.start()
        try:
            with structlog.testing.capture_logs() as logs:
                await asyncio.wait_for(test(path), 30)
            return [dict(log) for log in logs]
        finally:
            await server.stop()

    return asyncio.run(main())


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side ends the connection, however it does that."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def still_alive(path: str) -> None:
    client = SamClient(f"unix:{path}")
    assert await client.call(protocol.Hello(), deadline=5) == protocol.Cancelled(unused=5)
    await client.close()


ENDS = {
    "length of nothing": b"\0\0\0\0",
    "length of 4 GiB": b"\xff\xff\xff\xff",
    "HTTP": b"GET / HTTP/1.1\r\nHost: sam\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303"),
    "no array": frame(b"\xa1x"),
    "wrong shape": frame(msgspec.msgpack.encode([1, 2, 3, 4])),
    "reserved byte": frame(b"\xc1"),
    "announces 4 GiB inside": frame(b"\x93\x01\x02\xc6\xff\xff\xff\xff"),
    "good and then bad": frames.encode_request(1, 1000, protocol.Hello()) + b"\0\0\0\0",
}


@pytest.mark.parametrize("data", ENDS.values(), ids=ENDS.keys())
def test_stream_that_holds_no_frames_ends_with_a_logged_reason(tmp_path: Path, data: bytes) -> None:
    async def test(path: str) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(data)
        await rest_of(reader)
        writer.close()
        await still_alive(path)

    logs = with_server(tmp_path, test)
    assert [log["reason"] for log in logs if log["event"] == "sam.connection_closed"]


@pytest.mark.parametrize("body", [{}, {"type": "Nothing"}, {"type": "Sign", "sad": 5}, [], "text", None])
def test_body_that_is_no_message_is_answered_and_the_connection_goes_on(tmp_path: Path, body: object) -> None:
    async def test(path: str) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(
            frame(msgspec.msgpack.encode([77, 1000, body])) + frames.encode_request(78, 1000, protocol.Hello())
        )
        found: dict[int, protocol.Response] = {}
        for _ in range(2):
            length = int.from_bytes(await reader.readexactly(4), "big")
            identifier, message = frames.decode_answer(await reader.readexactly(length))
            found[identifier] = message
        assert isinstance(found[77], protocol.Failure)
        assert found[77].code == "malformed"
        assert found[78] == protocol.Cancelled(unused=5)
        writer.close()

    with_server(tmp_path, test)


def test_half_sent_frame_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async def test(path: str) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"\0\0\1\0half")
        assert await rest_of(reader) == b""
        writer.close()
        await still_alive(path)

    logs = with_server(tmp_path, test, half_frame_seconds=0.1)
    assert "a frame was not finished in time" in [log.get("reason") for log in logs]


def test_caller_that_never_reads_does_not_fill_the_memory(tmp_path: Path) -> None:
    async def test(path: str) -> None:
        stream = socket.socket(socket.AF_UNIX)
        stream.setblocking(False)
        await asyncio.get_running_loop().sock_connect(stream, path)
        request = frames.encode_request(1, 60_000, protocol.Hello())

        async def flood() -> None:
            for _ in range(2000):
                await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(stream, request * 1000), 1)

        # Everything between the two ends is bounded, so a writer that never reads is stopped at some point.
        with pytest.raises(TimeoutError):
            await flood()
        await still_alive(path)
        stream.close()

    with_server(tmp_path, test)


def test_number_of_connections_is_bounded(tmp_path: Path) -> None:
    async def test(path: str) -> None:
        opened = [await asyncio.open_unix_connection(path) for _ in range(4)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_unix_connection(path)
        assert await rest_of(reader) == b""
        for _, other in [*opened, (reader, writer)]:
            other.close()
        await asyncio.sleep(0.05)
        await still_alive(path)

    logs = with_server(tmp_path, test, connections=4)
    assert "too many connections" in [log.get("reason") for log in logs]


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can try the socket as another user.")
@pytest.mark.parametrize("allowed", [False, True])
def test_other_user_is_let_in_only_by_configuration(allowed: bool) -> None:
    # pytest's own folders are closed to other users, so this one lies beside them: the socket's own check decides.
    place = tempfile.TemporaryDirectory(prefix="natsuin-socket-")
    folder = Path(place.name)
    script = (
        "import socket,sys\n"
        "s=socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])\n"
        "s.sendall(bytes.fromhex(sys.argv[2])); sys.exit(0 if s.recv(4) else 7)\n"
    )
    request = frames.encode_request(1, 1000, protocol.Hello()).hex()

    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    assert python, "A Python that any user may run is needed to play the other user's part."

    async def test(path: str) -> None:
        folder.chmod(0o711)
        Path(path).chmod(0o666)
        process = await asyncio.create_subprocess_exec(
            "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
            python, "-c", script, path, request,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        _, complaint = await process.communicate()
        assert (process.returncode == 0) is allowed, complaint

    with place:
        logs = with_server(folder, test, users=frozenset({0, NOBODY}) if allowed else frozenset())
    assert (f"user {NOBODY} is not allowed" in [log.get("reason") for log in logs]) is not allowed


def test_modes_of_the_socket(tmp_path: Path) -> None:
    async def own(path: str) -> None:
        assert stat.S_IMODE(Path(path).lstat().st_mode) == 0o600

    async def shared(path: str) -> None:
        assert stat.S_IMODE(Path(path).lstat().st_mode) == 0o660

    with_server(tmp_path, own)
    with_server(tmp_path, shared, users=frozenset({os.geteuid(), 12345}))


def test_places_where_sam_does_not_listen(tmp_path: Path) -> None:
    async def start(path: Path) -> None:
        server = Server(answer, Listening(f"unix:{path}"))
        await server.start()
        await server.stop()

    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    with pytest.raises(TransportRefused) as caught:
        asyncio.run(start(open_folder / "sam.sock"))
    assert "chmod 700" in caught.value.hint
    with pytest.raises(TransportRefused):
        asyncio.run(start(tmp_path / "missing" / "sam.sock"))
    (tmp_path / "file").write_text("kept")
    with pytest.raises(TransportRefused):
        asyncio.run(start(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "kept"
    with pytest.raises(Refused):
        asyncio.run(start(tmp_path / ("x" * 200)))


def test_second_sam_is_refused_and_a_dead_one_is_replaced(tmp_path: Path) -> None:
    async def test(path: str) -> None:
        with pytest.raises(Conflict):
            await Server(answer, Listening(f"unix:{path}")).start()
        await still_alive(path)

    with_server(tmp_path, test)
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(f"{tmp_path}/sam.sock")
    dead.close()
    with_server(tmp_path, still_alive)
