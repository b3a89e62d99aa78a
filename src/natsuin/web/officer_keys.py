"""Everybody's keys, as officers see them: sam's record with the owners' names; nothing of PINs and passkeys."""

from dataclasses import asdict, dataclass

from anyio import to_thread

from natsuin.clock import Clock
from natsuin.errors import NotFound
from natsuin.sam.key_warnings import KeyWarning, warnings_of
from natsuin.sam.protocol import KeyInformation, Keys, ListAllKeys
from natsuin.storage import Database
from natsuin.user_management import names_of, people_named
from natsuin.web.keys import CertificateView, certificate_view, name_in, request_text
from natsuin.web.sam_calls import Sam, ask

STATES = ("pre-active", "active", "suspended", "revoked", "destroyed")
PAGE = 50
_MOST_NAMED = 500


@dataclass(frozen=True)
class OfficersKeyView:
    """A key as officers see it. Times in milliseconds; PEM text in `certificate_request`."""

    key_id: str
    user_id: str
    owner: str
    algorithm: str
    state: str
    suspended_by: str
    one_time: bool
    origin: str
    backend: str
    created_at: int
    last_used_at: int
    algorithm_notice: str
    algorithm_last_day: str
    certificate: CertificateView | None
    certificate_request: str
    warnings: tuple[KeyWarning, ...]

    def as_json(self) -> dict[str, object]:
        """For the JSON API."""
        return asdict(self)


@dataclass(frozen=True)
class KeyPage:
    """A page of them in the order of their ids; `following` is what the next page is asked with, or empty."""

    keys: tuple[OfficersKeyView, ...]
    following: str


class OfficerKeys:
    """Reads them."""

    def __init__(self, sam: Sam, clock: Clock, *, database: Database) -> None:
        self._sam = sam
        self._clock = clock
        self._database = database

    async def page(self, *, after: str = "", limit: int = PAGE, name: str = "", state: str = "") -> KeyPage:
        """At most `limit` keys (1 to 500) behind `after`, of owners in whose name or address `name` stands, in `state`;
        empty for all."""
        owners: tuple[str, ...] = ()
        if name:
            owners = await to_thread.run_sync(self._named, name)
            if not owners:
                return KeyPage((), "")
        # One more than is shown tells whether there is a next page.
        asked = ListAllKeys(after=after, limit=min(limit + 1, 500), user_ids=owners, state=state)
        found = (await ask(self._sam, asked, Keys)).keys
        shown = found[:limit]
        more = len(found) > limit or len(found) == asked.limit == limit
        return KeyPage(await self._views(shown), shown[-1].key_id if more else "")

    async def of(self, user_id: str) -> tuple[OfficersKeyView, ...]:
        """One person's keys, at most 500."""
        found = await ask(self._sam, ListAllKeys(limit=500, user_ids=(user_id,)), Keys)
        return await self._views(found.keys)

    async def require(self, key_id: str) -> KeyInformation:
        """One key as sam has it on record, with its owner. Raises `NotFound`."""
        for key in (await ask(self._sam, ListAllKeys(key_id=key_id, limit=1), Keys)).keys:
            if key.key_id == key_id:
                return key
        raise NotFound("there is no such key")

    async def view(self, key: KeyInformation) -> OfficersKeyView:
        """What an officer is shown of it."""
        return (await self._views((key,)))[0]

    async def _views(self, keys: tuple[KeyInformation, ...]) -> tuple[OfficersKeyView, ...]:
        names = await to_thread.run_sync(self._names, {key.user_id for key in keys})
        return tuple(self._view(key, names.get(key.user_id) or name_in(key)) for key in keys)

    def _view(self, key: KeyInformation, owner: str) -> OfficersKeyView:
        return OfficersKeyView(
            key_id=key.key_id,
            user_id=key.user_id,
            owner=owner,
            algorithm=key.algorithm,
            state=key.state,
            suspended_by=key.suspended_by,
            one_time=key.one_time,
            origin=key.origin,
            backend=key.backend,
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            algorithm_notice=key.algorithm_notice,
            algorithm_last_day=key.algorithm_last_day,
            certificate=certificate_view(key.certificate) if key.certificate else None,
            certificate_request=request_text(key.certificate_request),
            warnings=tuple(w for w in warnings_of(key, self._clock.now()) if not w.kind.startswith(("pin_", "one_"))),
        )

    def _named(self, words: str) -> tuple[str, ...]:
        with self._database.read() as connection:
            return people_named(connection, words, most=_MOST_NAMED)

    def _names(self, user_ids: set[str]) -> dict[str, str]:
        with self._database.read() as connection:
            return names_of(connection, user_ids)
