"""The two ways between web and sam: a Unix socket on one host, mutual TLS over TCP between hosts. Same frames on both.

On the Unix socket the kernel says who is calling (SO_PEERCRED, unix(7)); over TCP a certificate of a configured
authority does (TLS 1.3, RFC 8446, both sides). What a caller may then do is decided by sam for each message: the
transport only keeps strangers from sending any.
"""

import os
import socket
import ssl
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from natsuin.config import TLSSection
from natsuin.errors import Conflict, Refused

_PEER_CREDENTIALS = struct.Struct("3i")
"""struct ucred: process, user, group (unix(7))."""


class TransportRefused(Refused):
    """The socket or the TLS files cannot be used safely. sam does not start."""

    code = "transport_refused"


@dataclass(frozen=True)
class TLSFiles:
    """PEM files of one side. `names` is whom sam lets in, by DNS name, of those that the authority certified."""

    certificate: Path
    key: Path
    authority: Path
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, section: TLSSection | None) -> "TLSFiles | None":
        """The files that one side's section of the configuration names; None without a section."""
        if section is None:
            return None
        return cls(section.certificate, section.key, section.authority, section.names)


@dataclass(frozen=True)
class Address:
    """`unix:PATH` or `tls:HOST:PORT`, taken apart. `path` is empty for TLS, `host` for a Unix socket."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Raises `TransportRefused`."""
        kind, _, rest = text.partition(":")
        if kind == "unix" and rest:
            return cls(path=rest)
        host, _, port = rest.rpartition(":")
        if kind == "tls" and host and port.isascii() and port.isdigit() and int(port) < 65536:
            return cls(host=host.strip("[]"), port=int(port))
        raise TransportRefused("The address of sam is neither unix:PATH nor tls:HOST:PORT.")


def server_context(files: TLSFiles) -> ssl.SSLContext:
    """TLS 1.3, and nobody without a certificate of the authority.

    Raises:
        TransportRefused: a file is missing or does not hold what it should.
    """
    return _context(ssl.PROTOCOL_TLS_SERVER, files)


def client_context(files: TLSFiles) -> ssl.SSLContext:
    """TLS 1.3, with our certificate, to a server that the authority certified for the host's name.

    Raises:
        TransportRefused: a file is missing or does not hold what it should.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, files)


def _context(protocol: int, files: TLSFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    for what, file in (("certificate", files.certificate), ("key", files.key), ("authority", files.authority)):
        if not file.is_file():
            raise TransportRefused(f"The TLS {what} file does not exist: {file}")
    try:
        context.load_verify_locations(files.authority)
        context.load_cert_chain(files.certificate, files.key)
    except (ssl.SSLError, OSError) as error:
        raise TransportRefused(
            f"The TLS files do not fit together or cannot be read: {files.certificate}, {files.key}, {files.authority}",
            hint="They must be PEM; the key must belong to the certificate.",
        ) from error
    return context


def listen_unix(path: str, *, others_allowed: bool) -> socket.socket:
    """A listening Unix socket, mode 0600, or 0660 if other users may connect. A dead sam's socket file is replaced.

    Raises:
        Conflict: another process serves it.
        TransportRefused: its folder may be changed by others, or something else is in its place.
    """
    place = Path(path)
    _check_folder(place.parent)
    if os.path.lexists(place):
        _remove_dead(place)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    before = os.umask(0o177)
    try:
        listener.bind(path)
        place.chmod(0o660 if others_allowed else 0o600)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise TransportRefused(f"The socket {path} cannot be made: {error.strerror or error}.") from error
    finally:
        os.umask(before)
    return listener


def _check_folder(folder: Path) -> None:
    try:
        found = folder.stat()
    except OSError as error:
        raise TransportRefused(
            f"The folder of the socket does not exist: {folder}", hint=f"mkdir -m 700 {folder}"
        ) from error
    if found.st_uid not in {os.geteuid(), 0} or stat.S_IMODE(found.st_mode) & 0o022:
        raise TransportRefused(
            f"The folder of the socket may be changed by others: {folder}", hint=f"chmod 700 {folder}"
        )


def _remove_dead(place: Path) -> None:
    if not stat.S_ISSOCK(place.lstat().st_mode):
        raise TransportRefused(f"Something that is not a socket is in the socket's place: {place}")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(place))
        except ConnectionRefusedError:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise TransportRefused(f"The socket {place} cannot be tried: {error.strerror}.") from error
        else:
            raise Conflict(f"Another sam serves {place}.", hint="Stop it first.")


def remove_socket(address: Address, inode: int) -> None:
    """Take away the socket file, if it still has this inode: another sam may have come since."""
    place = Path(address.path)
    if address.path and os.path.lexists(place) and place.lstat().st_ino == inode:
        place.unlink(missing_ok=True)


def peer_user(connection: socket.socket) -> int:
    """The user id of the process at the other end of a Unix socket, as the kernel saw it when it connected."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    user: int = _PEER_CREDENTIALS.unpack(credentials)[1]
    return user


def certified_names(certificate: "dict[str, Any] | None") -> frozenset[str]:
    """The DNS names of a verified certificate, as `ssl.SSLSocket.getpeercert` gives it."""
    return frozenset(value for kind, value in (certificate or {}).get("subjectAltName", ()) if kind == "DNS")
