"""Telling applications that an asynchronous answer is there: a signed webhook to the one address that the operator
registered for the client, and a log of every delivery.

It tells the id of the response and whether it was refused, and nothing that was signed: the client fetches that by
signatures/signPolling. A message has one `webhook-id` however often it is sent. One receiver that hangs holds up its
own messages only.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
import structlog
from anyio import to_thread

from natsuin.authentication.oauth import Clients
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Malformed, NotFound
from natsuin.storage import Database
from natsuin.web.tables import csc_delivery, csc_webhook
from natsuin.webhooks import WebhookFailed, post, private_webhook_url

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=30)
"""How long the log of deliveries goes back."""
_AT_IT: Final = timedelta(seconds=60)
"""For so long a process that sends a message is not disturbed by others."""
_SECONDS: Final = 10.0
_MOST_AT_ONCE: Final = 16
_MOST_OF_ONE: Final = 50
_log = structlog.get_logger("natsuin.csc")


@dataclass(frozen=True)
class Webhook:
    """Where a client is told, and the key that signs it."""

    url: str
    key: bytes


@dataclass(frozen=True)
class Delivery:
    """One message in the log: `waiting`, `taken` or `given_up`; `result` is that of the last try. Milliseconds."""

    delivery_id: str
    client_id: str
    state: str
    tries: int
    result: str
    created_at: int
    next_at: int


class Webhooks:
    """The registered addresses and the log of deliveries of one database. Thread safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._clients = Clients(database, clock)

    def register(self, client_id: str, url: str) -> str:
        """Set a client's one address. Returns the secret for checking what comes, which is told this once.

        Raises `Malformed` for an address that is not https (or http on this machine), `NotFound` for no such client.
        """
        try:
            private_webhook_url(url)
        except ValueError as cause:
            raise Malformed(f"the address cannot be used: {cause}") from cause
        key = secrets.token_bytes(32)
        if all(client.client_id != client_id for client in self._clients.all()):
            raise NotFound("there is no such client")
        with self._database.write() as connection:
            connection.execute(sa.delete(csc_webhook).where(csc_webhook.c.client_id == client_id))
            connection.execute(sa.insert(csc_webhook).values(client_id=client_id, url=url, key=key))
        return "whsec_" + base64.b64encode(key).decode()

    def remove(self, client_id: str) -> None:
        """Tell a client nothing more. Raises `NotFound`."""
        with self._database.write() as connection:
            if not connection.execute(sa.delete(csc_webhook).where(csc_webhook.c.client_id == client_id)).rowcount:
                raise NotFound("no address is registered for this client")

    def of(self, client_id: str) -> Webhook | None:
        """A client's address, if it has one."""
        with self._database.read() as connection:
            query = sa.select(csc_webhook).where(csc_webhook.c.client_id == client_id)
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Webhook(row["url"], bytes(row["key"]))

    def is_address_of(self, client_id: str, url: str) -> bool:
        """Whether a client may name this address: character by character the registered one."""
        webhook = self.of(client_id)
        return webhook is not None and hmac.compare_digest(webhook.url.encode(), url.encode("utf-8", "surrogatepass"))

    def deliveries(self, client_id: str = "") -> Sequence[Delivery]:
        """The log, of one client or all, the newest first."""
        query = sa.select(csc_delivery).order_by(csc_delivery.c.created_at.desc(), csc_delivery.c.delivery_id)
        if client_id:
            query = query.where(csc_delivery.c.client_id == client_id)
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(query).mappings()]

    def due(self) -> dict[str, Sequence[Delivery]]:
        """What is to be sent now, some of each client's, the oldest first; nothing of a client that is stopped."""
        is_due = sa.and_(csc_delivery.c.state == "waiting", csc_delivery.c.next_at <= self._now())
        found: dict[str, Sequence[Delivery]] = {}
        with self._database.read() as connection:
            for client_id in connection.execute(sa.select(csc_delivery.c.client_id).where(is_due).distinct()).scalars():
                query = sa.select(csc_delivery).where(is_due, csc_delivery.c.client_id == client_id)
                rows = connection.execute(query.order_by(csc_delivery.c.created_at).limit(_MOST_OF_ONE)).mappings()
                found[client_id] = [_delivery(row) for row in rows]
        return {client_id: theirs for client_id, theirs in found.items() if self._clients.find(client_id) is not None}

    def claim(self, one: Delivery) -> bytes | None:
        """The message's body, if nobody else is at it."""
        mine = sa.update(csc_delivery).where(
            csc_delivery.c.delivery_id == one.delivery_id,
            csc_delivery.c.state == "waiting",
            csc_delivery.c.next_at == one.next_at,
        )
        with self._database.write() as connection:
            until = self._now() + _AT_IT // timedelta(milliseconds=1)
            if connection.execute(mine.values(next_at=until, tries=csc_delivery.c.tries + 1)).rowcount != 1:
                return None
            body = sa.select(csc_delivery.c.body).where(csc_delivery.c.delivery_id == one.delivery_id)
            return bytes(connection.execute(body).scalar_one())

    def note(self, one: Delivery, result: str) -> None:
        """Note the result of a try, empty if the message was taken. The next try waits longer, with all that waits for
        the same receiver, and none comes after an answer's own time."""
        pause = min(FIRST_PAUSE * 4 ** min(one.tries, 8), LONGEST_PAUSE)
        next_at = self._now() + pause // timedelta(milliseconds=1)
        this = csc_delivery.c.delivery_id == one.delivery_id
        waiting = sa.and_(csc_delivery.c.client_id == one.client_id, csc_delivery.c.state == "waiting")
        with self._database.write() as connection:
            if not result:
                connection.execute(sa.update(csc_delivery).where(this).values(state="taken", result="taken"))
                return
            connection.execute(sa.update(csc_delivery).where(this).values(result=result))
            state = sa.case((csc_delivery.c.expires_at <= next_at, "given_up"), else_="waiting")
            sooner = sa.update(csc_delivery).where(waiting, sa.or_(this, csc_delivery.c.next_at < next_at))
            connection.execute(sooner.values(state=state, next_at=next_at))

    def purge(self) -> int:
        """Forget what is older than `KEPT`. Returns how many."""
        before = self._now() - KEPT // timedelta(milliseconds=1)
        with self._database.write() as connection:
            return connection.execute(sa.delete(csc_delivery).where(csc_delivery.c.created_at <= before)).rowcount

    def _now(self) -> int:
        return milliseconds(self._clock.now())


class CallBacks:
    """Sends what is due. Used from one event loop."""

    def __init__(self, webhooks: Webhooks, clock: Clock) -> None:
        self.webhooks = webhooks
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}

    async def round(self) -> None:
        """Begin to send what is due, each client's messages one after the other. Does not wait for receivers."""
        due = await to_thread.run_sync(self.webhooks.due)
        for client_id, theirs in due.items():
            if client_id not in self._running and len(self._running) < _MOST_AT_ONCE:
                task = self._running[client_id] = asyncio.create_task(self._send_all(client_id, theirs))
                task.add_done_callback(partial(self._over, client_id))

    async def stop(self) -> None:
        """Send nothing more. What was not taken is sent after the next start."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _over(self, client_id: str, _: asyncio.Task[None]) -> None:
        self._running.pop(client_id, None)

    async def _send_all(self, client_id: str, deliveries: Sequence[Delivery]) -> None:
        try:
            webhook = await to_thread.run_sync(self.webhooks.of, client_id)
            for one in deliveries:
                if not await to_thread.run_sync(self._send, webhook, one):
                    break
        except Exception as error:
            # Nobody waits for this task: the next round tries again.
            _log.warning("call-back-failed", code=type(error).__name__)

    def _send(self, webhook: Webhook | None, one: Delivery) -> bool:
        body = self.webhooks.claim(one)
        if body is None:
            return True
        result = ""
        try:
            if webhook is None:
                raise WebhookFailed("no address is registered")
            now = milliseconds(self._clock.now()) // 1000
            post(webhook.url, webhook.key, one.delivery_id, body, now=now, seconds=_SECONDS)
        except WebhookFailed as failed:
            result = str(failed)
        self.webhooks.note(one, result)
        return not result


def add_delivery(
    connection: sa.Connection, client_id: str, response_id: str, *, done: bool, now: int, expires_at: int
) -> None:
    """Put a message into the outbox, in the transaction that keeps the answer, once for a response. Times in
    milliseconds. The response's id opens nothing any more: what was sealed under it goes in the same transaction."""
    data = {"responseID": response_id, "state": "done" if done else "refused"}
    row: dict[str, Any] = {
        "delivery_id": "rsp_" + hashlib.sha256(b"delivery of " + response_id.encode()).hexdigest()[:32],
        "client_id": client_id,
        "body": json.dumps({"type": "signatures.response", "data": data}).encode(),
        "state": "waiting",
        "tries": 0,
        "result": "",
        "created_at": now,
        "next_at": now,
        "expires_at": expires_at,
    }
    connection.execute(sa.insert(csc_delivery).values(**row))


def _delivery(row: sa.RowMapping) -> Delivery:
    names = ("delivery_id", "client_id", "state", "tries", "result", "created_at", "next_at")
    return Delivery(**{name: row[name] for name in names})
