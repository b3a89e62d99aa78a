"""One question to sam from where no event loop runs."""

import asyncio

from natsuin.sam.client import SamClient
from natsuin.sam.protocol import Request, Response
from natsuin.sam.transport import TLSFiles


def ask_sam(address: str, message: Request, *, tls: TLSFiles | None = None) -> Response:
    """Connect, ask one thing, disconnect. Raises what `SamClient.call` raises."""

    async def run() -> Response:
        client = SamClient(address, tls)
        try:
            return await client.call(message)
        finally:
            await client.close()

    return asyncio.run(run())
