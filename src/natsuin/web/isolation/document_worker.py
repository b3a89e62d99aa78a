"""What the service's document children can do: `python -m natsuin.web.isolation.document_worker`."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

import tzlocal

from natsuin.errors import Unavailable
from natsuin.web.isolation.worker import main

_WHOLE = (
    "asn1crypto",
    "cryptography.hazmat",
    "encodings",
    "pyhanko.pdf_utils",
    "pyhanko.sign.diff_analysis",
    "pyhanko_certvalidator",
)
"""Packages of which libraries import parts in the middle of their work, when a child can load nothing any more."""
_LATER = ("_strptime", "natsuin.signing_log", "stringprep")
"""Single modules of that kind."""


def load() -> Mapping[str, Callable[..., object]]:
    """Import everything that work on documents can need, and open the font and the time zone."""
    from natsuin.documents import inspect, prepare, seal_typeface
    from natsuin.validation import validate_pdf

    for name in (*_LATER, *_WHOLE):
        importlib.import_module(name)
    for package in _WHOLE:
        for found in pkgutil.walk_packages(sys.modules[package].__path__, f"{package}.", onerror=lambda _: None):
            # Some parts need libraries that are not installed, or another operating system.
            with suppress(ImportError):
                importlib.import_module(found.name)
    tzlocal.get_localzone()
    with suppress(Unavailable):
        seal_typeface()
    return {"inspect": inspect, "prepare": prepare, "validate": validate_pdf}


if __name__ == "__main__":
    sys.setrecursionlimit(2000)
    main(load)
