"""The vault worker: the one process that loads the PKCS#11 module and knows the PIN.

It answers requests from one socket, several at a time, each with a session of the pool. It keeps nothing between two
requests, so that it may be killed at any time. When the other side of the socket is gone, it ends.
"""

import os
import queue
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NoReturn

from natsuin.algorithms import KeyAlgorithm
from natsuin.errors import NatsuinError
from natsuin.key_management.hsm import messages
from natsuin.key_management.hsm.cryptoki import (
    PKCS11Error,
    Session,
    Token,
    find_token,
    load,
    log_in,
    name_of,
    open_session,
    require_own_process,
)
from natsuin.key_management.hsm.keys import Lane, generate, require_same, try_key, unwraps_extractable, use
from natsuin.key_management.hsm.probe import (
    WRAPPING,
    find_algorithms,
    find_lane,
    require_guarded,
    require_round_trip,
)
from natsuin.key_management.hsm.refusals import VaultInterrupted, VaultRefused, VaultUnavailable
from natsuin.key_management.hsm.resident import destroy_resident, list_resident, make_resident, use_resident
from natsuin.key_management.hsm.wrapping_key import (
    count_wrapping_keys,
    destroy_wrapping_key,
    find_wrapping_key,
    make_wrapping_key,
)

_LAST_SECONDS = 5.0
_REPEATABLE = (
    messages.Generate,
    messages.Use,
    messages.UseResident,
    messages.ListResident,
    messages.Count,
    messages.CountWrappingKeys,
)
"""An error of the token leaves nothing behind in these; an error in signing itself is `VaultInterrupted`."""
_NSS_MANUFACTURER = "Mozilla Foundation"


@dataclass(frozen=True)
class OpenToken:
    """A token that is logged in, with its pool of sessions."""

    root: Session
    """Holds the login: closing it would log everybody out."""
    lanes: "queue.SimpleQueue[Lane]"
    token: Token = field(repr=False)

    def answer(self, request: messages.Request) -> messages.Answer:
        """Do what is asked, in a session of the pool."""
        require_own_process()
        if isinstance(request, messages.Ping):
            self.token.slot.get_token()
            return messages.Done()
        lane = self.lanes.get()
        try:
            return _answer(lane, request)
        finally:
            self.lanes.put(lane)


def open_token(begin: messages.Begin) -> tuple[OpenToken, messages.Begun]:
    """Load, find, log in, check. Raises `VaultRefused`, `PINRefused`, `VaultUnavailable`, `WrappingKeyMissing`."""
    token = find_token(load(begin.module, begin.parameters), begin.label)
    root = log_in(token, begin.pin)
    lane = Lane(root, WRAPPING[0], needs_public_point=token.manufacturer_id == _NSS_MANUFACTURER)
    algorithms: tuple[str, ...] = ()
    weaknesses: tuple[str, ...] = ()
    extractable = False
    if begin.wrapping_key:
        find_wrapping_key(root, begin.wrapping_key)
        lane = find_lane(token, lane, begin.wrapping_key)
        for identifier in (begin.wrapping_key, *begin.former):
            found = require_guarded(lane, identifier, allow_weak=begin.allow_weak_token)
            weaknesses = tuple(dict.fromkeys((*weaknesses, *found)))
        if begin.thorough:
            algorithms = find_algorithms(token, lane, begin.wrapping_key)
            living = (begin.wrapping_key, *begin.former)
            extractable = any(unwraps_extractable(lane, identifier) for identifier in living)
            for identifier in begin.former:
                require_round_trip(lane, identifier)
        for proof in begin.proofs:
            require_same(lane, proof)
    lanes: queue.SimpleQueue[Lane] = queue.SimpleQueue()
    proofs = {proof.wrapping_key: proof for proof in begin.proofs}
    for _ in range(begin.sessions):
        lanes.put(replace(lane, session=open_session(token), proofs=proofs, _wrapping_keys={}))
    facts = messages.Begun(
        manufacturer=token.manufacturer_id or "",
        model=token.model or "",
        serial=(token.serial or b"").decode("ascii", "replace"),
        label=token.label,
        algorithms=algorithms,
        weaknesses=weaknesses,
        unwraps_extractable=extractable,
        locks_open_keys=lane.locks_open_keys,
    )
    return OpenToken(root, lanes, token), facts


def _answer(lane: Lane, request: messages.Request) -> messages.Answer:
    match request:
        case messages.Use():
            return messages.Signatures(use(lane, request.key, request.method, request.dtbs))
        case messages.Generate():
            return messages.Made(generate(lane, KeyAlgorithm(request.algorithm), request.wrapping_key))
        case messages.UseResident():
            values = use_resident(lane.session, request.identifier, request.method, request.dtbs)
            return messages.Signatures(values)
        case messages.MakeResident():
            return make_resident(lane.session, request.identifier, KeyAlgorithm(request.algorithm))
        case messages.ListResident():
            return list_resident(lane.session)
        case messages.DestroyResident():
            destroy_resident(lane.session, request.identifier)
        case messages.MakeProof():
            made = generate(lane, KeyAlgorithm.P_256, request.wrapping_key)
            try_key(lane, made)
            lane.proofs[request.wrapping_key] = made
            return messages.Made(made)
        case messages.MakeWrappingKey():
            make_wrapping_key(lane.session, request.wrapping_key)
        case messages.CountWrappingKeys():
            return messages.Counted(count_wrapping_keys(lane.session, request.wrapping_key))
        case messages.TryWrappingKey():
            require_guarded(lane, request.wrapping_key, allow_weak=request.allow_weak_token)
            require_round_trip(lane, request.wrapping_key)
        case messages.DestroyWrappingKey():
            destroy_wrapping_key(lane.session, request.wrapping_key)
        case messages.Count():
            return messages.Counted(sum(1 for _ in lane.session.get_objects()))
        case messages.Begin() | messages.Ping():
            raise VaultRefused("this is not asked of a session")
    return messages.Done()


def answer_or_failure(token: OpenToken, request: messages.Request) -> messages.Answer:
    """The answer, or what went wrong as a message."""
    try:
        return token.answer(request)
    except NatsuinError as error:
        return _failed(error)
    except PKCS11Error as error:
        return messages.Failed(
            VaultUnavailable.code,
            f"the token failed ({name_of(error)})",
            hint="Nothing was signed. Ask again in a moment.",
            spoiled=True,
            untouched=isinstance(request, _REPEATABLE),
        )
    except Exception as error:  # a mistake in this program: the worker's state is not to be trusted any more
        message = f"the vault worker stumbled ({type(error).__name__})"
        return messages.Failed(VaultInterrupted.code, message, spoiled=True)


def _failed(error: NatsuinError) -> messages.Failed:
    unsure = isinstance(error, VaultInterrupted | VaultUnavailable)
    return messages.Failed(error.code, error.message, error.hint, spoiled=unsure)


def serve(connection: socket.socket) -> NoReturn:
    """Answer until the other side is gone. Ends the process."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        # Whoever stops the service stops sam; sam lets go of the worker when it has finished what waits.
        signal.signal(ending, signal.SIG_IGN)
    turn = threading.Lock()

    def send(number: int, answer: messages.Answer) -> None:
        with turn:
            messages.send_frame(connection, messages.encode((number, answer)))

    number, begin = messages.decode_request(messages.receive_frame(connection))
    if not isinstance(begin, messages.Begin):
        os._exit(2)
    try:
        token, begun = open_token(begin)
    except NatsuinError as error:
        send(number, _failed(error))
        os._exit(0)
    except PKCS11Error as error:
        send(number, _failed(VaultUnavailable(f"the token failed at start ({name_of(error)})")))
        os._exit(0)
    sessions = begin.sessions
    del begin
    send(number, begun)
    # One more than sessions, so that the question whether the token is there never waits for one.
    pool = ThreadPoolExecutor(sessions + 1, thread_name_prefix="session")
    while True:
        try:
            number, request = messages.decode_request(messages.receive_frame(connection))
        except (EOFError, OSError):
            _end(pool, token)
        pool.submit(_answer_to, token, number, request, send)


def _answer_to(
    token: OpenToken, number: int, request: messages.Request, send: Callable[[int, messages.Answer], None]
) -> None:
    send(number, answer_or_failure(token, request))


def _end(pool: ThreadPoolExecutor, token: OpenToken) -> NoReturn:
    # A call that hangs must not keep the process.
    patience = threading.Timer(_LAST_SECONDS, os._exit, (1,))
    patience.daemon = True
    patience.start()
    pool.shutdown(wait=True)
    try:
        token.root.close()
    finally:
        os._exit(0)
