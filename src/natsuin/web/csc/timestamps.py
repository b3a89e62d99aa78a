"""signatures/timestamp: a time-stamp token (RFC 3161) from the service's own authority."""

import base64
import binascii
import re
from typing import Any

from asn1crypto import tsp

from natsuin.authentication.oauth import HASH_BYTES, HASH_OF_OID
from natsuin.errors import Unavailable
from natsuin.sam.protocol import Reply, TimeStamp
from natsuin.web.csc.bodies import Members, refused
from natsuin.web.sam_calls import Sam, ask

_NONCE = re.compile(r"^[0-9A-Fa-f]{1,64}$")


class TimeStamps:
    """Asks sam for time-stamps."""

    def __init__(self, sam: Sam) -> None:
        self._sam = sam

    async def stamp(self, members: Members) -> dict[str, Any]:
        """The token over a hash. Raises `OAuthRefused`, `Unavailable`."""
        if members.has("hash") and members.text("hash") == "":
            raise refused("Empty hash parameter")
        text = members.required("hash")
        try:
            digest = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as cause:
            raise refused("Invalid Base64 hash string parameter") from cause
        name = HASH_OF_OID.get(members.required("hashAlgo"))
        if name is None:
            raise refused("Invalid parameter hashAlgo")
        if len(digest) != HASH_BYTES[name]:
            raise refused("Invalid digest value length")
        nonce = members.text("nonce")
        if nonce and not _NONCE.match(nonce):
            raise refused("Invalid parameter nonce")
        imprint = {"hash_algorithm": {"algorithm": name}, "hashed_message": digest}
        request: dict[str, Any] = {"version": 1, "message_imprint": imprint, "cert_req": True}
        if nonce:
            request["nonce"] = int(nonce, 16)
        reply = await ask(self._sam, TimeStamp(request=tsp.TimeStampReq(request).dump()), Reply)
        answer = tsp.TimeStampResp.load(reply.der)
        if answer["status"]["status"].native not in ("granted", "granted_with_mods"):
            raise Unavailable("the time-stamp authority gave no time-stamp")
        return {"timestamp": base64.b64encode(answer["time_stamp_token"].dump()).decode()}
