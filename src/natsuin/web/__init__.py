"""The process that faces the network: HTTP, the portal, the JSON API, and public services passed through to sam.

web holds no key and no secret that can make a signature. What it tells sam about a person is not believed there; what
it asks sam to sign was approved by the signer's own passkey and PIN, which sam checks from its own records (design,
section 2). Whoever takes over this process can refuse to serve and can show false pages, and cannot sign anything that
a signer did not approve.

- `create_app(config, database, sam)` makes the ASGI application; `serve(config)` runs it as one process.
- `app.py` shows the layers every request passes, `wiring.py` the objects and what each is given, `api/` the JSON API by
  topic, `document_signing.py` the path of one signed document.
- `Webhooks` are the addresses where applications are told of asynchronous answers, and the log of it.
- `problems.py` is the only place where errors become status codes and words for people.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from natsuin.web.app import create_app
    from natsuin.web.csc.call_backs import Webhooks
    from natsuin.web.server import serve

_AT_FIRST_USE = {"Webhooks": "csc.call_backs", "create_app": "app", "serve": "server"}


def __getattr__(name: str) -> Any:
    # The processes that read documents live in this package, and need and get nothing of the server's code.
    if name not in _AT_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_AT_FIRST_USE[name]}"), name)


__all__ = ["Webhooks", "create_app", "serve"]
