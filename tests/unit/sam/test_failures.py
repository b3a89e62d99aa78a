"""Errors keep class, code, message and hint across the socket."""

import pytest

from natsuin import errors
from natsuin.errors import NatsuinError, Refused, Unavailable
from natsuin.sam.failures import failure_of, raise_failure
from natsuin.sam.protocol import Failure


class OddlyShaped(errors.Malformed):
    """As a function of sam would refine an error; web has never heard of it."""

    code = "oddly_shaped"


@pytest.mark.parametrize("kind", errors.by_code().values(), ids=lambda kind: kind.__name__)
def test_every_error_comes_out_as_it_went_in(kind: type[NatsuinError]) -> None:
    if kind.__module__ != "natsuin.errors":
        return
    with pytest.raises(NatsuinError) as caught:
        raise_failure(failure_of(kind("文", hint="次")))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.message, caught.value.hint) == (kind.code, "文", "次")


def test_refined_error_keeps_its_code_in_the_class_that_web_knows() -> None:
    with pytest.raises(errors.Malformed) as caught:
        raise_failure(failure_of(OddlyShaped("no")))
    assert type(caught.value) is errors.Malformed
    assert caught.value.code == "oddly_shaped"
    assert errors.Malformed.code == "malformed"


def test_unknown_kind_is_unavailable() -> None:
    with pytest.raises(Unavailable) as caught:
        raise_failure(Failure(code="from_the_future", message="?", kind="also_unknown"))
    assert not isinstance(caught.value, Refused)
