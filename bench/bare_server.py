"""The least that answers an HTTP request here: `python -m bench.bare_server PORT`."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def answer(request: Request) -> Response:
    """Read the body and say a word."""
    await request.body()
    return Response(b"{}", media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/", answer, methods=["POST"])]),
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        log_config=None,
        access_log=False,
    )
