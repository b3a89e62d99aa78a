"""What a browser is given of an act of sam that waits for a passkey: the record, its challenge, and the options."""

from typing import Any

from natsuin import base64url
from natsuin.sam.protocol import Act
from natsuin.storage import Database
from natsuin.web.ceremonies import known_transports, request_options
from natsuin.web.sam_calls import ServiceFacts
from natsuin.web.settings import WebSettings


class ActAnswers:
    """Makes them."""

    def __init__(self, settings: WebSettings, *, facts: ServiceFacts, database: Database) -> None:
        self._settings = settings
        self._facts = facts
        self._database = database

    async def of(self, act: Act) -> dict[str, Any]:
        """The members `act_id`, `record`, `challenge`, `expires_at`, `hpke_public_key` and `publicKey`."""
        facts = await self._facts.get()
        known = await known_transports(self._database, act.credential_ids)
        return {
            "act_id": act.act_id,
            "record": act.record.decode(),
            "challenge": base64url.encode(act.challenge),
            "expires_at": act.expires_at,
            "hpke_public_key": base64url.encode(facts.hpke_public_key),
            "publicKey": request_options(
                self._settings.party, challenge=act.challenge, credential_ids=act.credential_ids, transports=known
            ),
        }
