"""Errors on their way over the socket: an exception in sam becomes a `Failure`, and in web an exception again."""

import inspect

from natsuin import errors
from natsuin.errors import NatsuinError, Unavailable
from natsuin.sam.protocol import Failure

_KINDS: dict[str, type[NatsuinError]] = {
    kind.code: kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, NatsuinError)
}
"""The classes that both sides know. A subclass made in sam travels as its own code and the kind above it."""


def failure_of(error: NatsuinError) -> Failure:
    """What web is told of `error`."""
    for ancestor in type(error).__mro__:
        code = ancestor.__dict__.get("code")
        if isinstance(code, str) and _KINDS.get(code) is ancestor:
            return Failure(code=error.code, message=error.message, hint=error.hint, kind=code)
    raise AssertionError("unreachable: NatsuinError itself is a known kind")


def raise_failure(failure: Failure) -> None:
    """Raise what sam raised, as the class that both sides know, with sam's own code.

    Raises:
        NatsuinError: always; `Unavailable` for a kind that this side does not know.
    """
    kind = _KINDS.get(failure.kind or failure.code, Unavailable)
    error = kind(failure.message, hint=failure.hint)
    if failure.code != kind.code:
        vars(error)["code"] = failure.code
    raise error
