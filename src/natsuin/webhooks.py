"""Something told by HTTP POST, signed as the Standard Webhooks specification says (version 1, symmetric):

    webhook-id: what names this message, the same however often it is sent
    webhook-timestamp: seconds since 1970
    webhook-signature: v1,base64(HMAC-SHA256(key, id "." timestamp "." body))

The receiver may be hostile: one deadline for everything however slowly it drips, nothing is read but the status line,
no redirection is followed, and any answer but 2xx means that the message was not taken.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
import socket
import ssl
import time
from typing import Final
from urllib.parse import urlsplit

from natsuin.settings import ConfigurationRefused, secret_file

SECONDS: Final = 15.0
_LONGEST_STATUS_LINE: Final = 1024
_SHORTEST_KEY: Final = 16


class WebhookFailed(Exception):
    """The receiver did not take it; later it may."""


def post(url: str, key: bytes, name: str, body: bytes, *, now: int, seconds: float = SECONDS) -> None:
    """Hand one message over, at `now` (seconds since 1970). Raises `WebhookFailed`."""
    deadline = time.monotonic() + seconds
    try:
        with _connected(url, deadline) as connection:
            _send(connection, _request(url, key, name, body, now=now), deadline)
            line = _status_line(connection, deadline)
    except (OSError, ValueError) as error:
        raise WebhookFailed(type(error).__name__) from error
    found = re.match(rb"HTTP/1\.[01] ([0-9]{3})[ \r\n]", line)
    if found is None:
        raise WebhookFailed("no answer of HTTP/1.1")
    if not found[1].startswith(b"2"):
        raise WebhookFailed(f"status {found[1].decode()}")


def signature(key: bytes, name: str, now: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = hmac.digest(key, b"%s.%d.%s" % (name.encode(), now, body), hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def webhook_url(text: str) -> str:
    """`text`, if it is an address that can be posted to. Raises `ValueError`."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("write an address that begins with https:// or http://, without user and fragment")
    if not text.isascii() or any(character <= " " for character in text):
        raise ValueError("write the address without blanks, in ASCII")
    return text


def private_webhook_url(text: str) -> str:
    """As `webhook_url`, but plain http leads to this host only. Raises `ValueError`."""
    parts = urlsplit(webhook_url(text))
    if parts.scheme == "http" and not _loopback(parts.hostname or ""):
        raise ValueError("write an address that begins with https://; plain http works to this host only")
    return text


def webhook_key(source: str, where: str) -> bytes:
    """What requests are signed with: the first line of a `SecretSource`, `whsec_` and base64, or a text of at least 16
    bytes. `where` names it in refusals.

    Raises:
        ConfigurationRefused: it cannot be read, or is too short.
    """
    try:
        line = secret_file(source, where).read_text(encoding="utf-8").partition("\n")[0].strip()
        coded = line.removeprefix("whsec_")
        key = base64.b64decode(coded, validate=True) if coded != line else line.encode()
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        raise ConfigurationRefused(f"{where} cannot be read.") from error
    if len(key) < _SHORTEST_KEY:
        raise ConfigurationRefused(f"{where} is shorter than {_SHORTEST_KEY} bytes.")
    return key


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _connected(url: str, deadline: float) -> socket.socket:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = socket.create_connection((parts.hostname, port), timeout=_left(deadline))
    if parts.scheme != "https":
        return connection
    try:
        connection.settimeout(_left(deadline))
        return ssl.create_default_context().wrap_socket(connection, server_hostname=parts.hostname)
    except BaseException:
        connection.close()
        raise


def _request(url: str, key: bytes, name: str, body: bytes, *, now: int) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\nUser-Agent: natsuin\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"webhook-id: {name}\r\nwebhook-timestamp: {now}\r\n"
        f"webhook-signature: {signature(key, name, now, body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def _send(connection: socket.socket, content: bytes, deadline: float) -> None:
    rest = memoryview(content)
    while rest:
        connection.settimeout(_left(deadline))
        rest = rest[connection.send(rest) :]


def _status_line(connection: socket.socket, deadline: float) -> bytes:
    line = b""
    while b"\n" not in line and len(line) < _LONGEST_STATUS_LINE:
        connection.settimeout(_left(deadline))
        piece = connection.recv(_LONGEST_STATUS_LINE)
        if not piece:
            break
        line += piece
    return line


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
