"""Documents made to cost whoever checks evidence with them their memory and time."""

import tracemalloc

from natsuin.validation.check_evidence import signatures_in


def test_a_place_for_a_signature_is_not_the_whole_document() -> None:
    """A hundred places that overlap, each nearly as long as the file, would each be decoded."""
    size = 40_000_000
    ranges = b"".join(b"/ByteRange [0 %d %d 1]" % (10_000, size - 10) for _ in range(100))
    document = ranges.ljust(10_000) + b"<" + b"0" * (size - 10_012) + b">" + b" " * 10
    tracemalloc.start()
    try:
        assert list(signatures_in(document)) == []
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
