"""The newest certificate revocation lists of this service's own authorities, which sam makes and web passes on."""

import time

from natsuin.sam.protocol import Reply, RevocationList
from natsuin.web.sam_calls import Sam, ask

AUTHORITIES = ("root", "issuing")
REMEMBER_SECONDS = 60


class RevocationLists:
    """Lists (RFC 5280 section 5), asked again once a minute. Used from one event loop."""

    def __init__(self, sam: Sam) -> None:
        self._sam = sam
        self._known: dict[str, tuple[float, bytes]] = {}

    async def of(self, authority: str) -> bytes:
        """The list of `root` or `issuing`, DER, at most a minute old. Raises what sam raises."""
        known = self._known.get(authority)
        if known is None or time.monotonic() - known[0] > REMEMBER_SECONDS:
            reply = await ask(self._sam, RevocationList(authority=authority), Reply)
            known = (time.monotonic(), reply.der)
            self._known[authority] = known
        return known[1]

    async def all(self) -> tuple[bytes, ...]:
        """The lists of all of this service's authorities."""
        return tuple([await self.of(authority) for authority in AUTHORITIES])
