"""Frames: cut right wherever the stream is cut, and hostile bytes never do more than end in `FrameRefused`."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsuin.errors import Malformed, TooLarge
from natsuin.sam import frames, protocol
from natsuin.sam.frames import FrameRefused, FrameSplitter

REQUESTS: list[protocol.Request] = [
    protocol.Hello(),
    protocol.Sign(sad=b"s" * 32, dtbs=(b"d" * 32, b"e" * 32)),
    protocol.ListKeys(user_id="u1"),
    protocol.ProposeEnrolment(
        officer_id="o",
        user_id="u",
        subject=protocol.Subject(common_name="山田 太郎"),
        evidence=protocol.IdentityEvidence(kind="demo", reference="r", level=2, checked_by="o", checked_at=1),
        algorithm="ec-p256",
    ),
]


@given(
    payloads=st.lists(st.binary(min_size=1, max_size=40), max_size=8), cuts=st.lists(st.integers(0, 400), max_size=12)
)
def test_payloads_come_out_as_they_went_in(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frames.frame(payload) for payload in payloads)
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)})
    splitter, found, start = FrameSplitter(), [], 0
    for end in ends:
        found += [bytes(payload) for payload in splitter.feed(stream[start:end])]
        start = end
    assert found == payloads
    assert not splitter.midway


@given(st.lists(st.binary(max_size=64), max_size=10))
def test_any_bytes_at_all(chunks: list[bytes]) -> None:
    splitter = FrameSplitter()
    try:
        for chunk in chunks:
            for payload in splitter.feed(chunk):
                frames.decode_request_frame(payload)
    except FrameRefused:
        pass
    else:
        assert splitter.midway in {True, False}


@pytest.mark.parametrize("length", [0, frames.MAX_PAYLOAD_BYTES + 1, 2**32 - 1])
def test_impossible_length_is_refused_before_the_payload_comes(length: int) -> None:
    with pytest.raises(FrameRefused):
        list(FrameSplitter().feed(length.to_bytes(4, "big")))


def test_largest_payload_passes_and_a_larger_one_is_not_sent() -> None:
    payload = bytes(frames.MAX_PAYLOAD_BYTES)
    assert [len(found) for found in FrameSplitter().feed(frames.frame(payload))] == [frames.MAX_PAYLOAD_BYTES]
    with pytest.raises(TooLarge):
        frames.frame(payload + b"x")


@pytest.mark.parametrize("message", REQUESTS, ids=lambda message: type(message).__name__)
def test_requests_round_trip(message: protocol.Request) -> None:
    (payload,) = FrameSplitter().feed(frames.encode_request(7, 1500, message))
    identifier, patience_ms, body = frames.decode_request_frame(payload)
    assert (identifier, patience_ms) == (7, 1500)
    assert frames.decode_request(body) == message


def test_answers_round_trip() -> None:
    answer = protocol.Failure(code="weak_pin", message="短すぎます", hint="", kind="refused")
    (payload,) = FrameSplitter().feed(frames.encode_answer(9, answer))
    assert frames.decode_answer(payload) == (9, answer)


HOSTILE_PAYLOADS = {
    "empty array": b"\x90",
    "not an array": b"\xa1x",
    "map": msgspec.msgpack.encode({"identifier": 1}),
    "two fields": msgspec.msgpack.encode([1, 2]),
    "four fields": msgspec.msgpack.encode([1, 2, {}, 4]),
    "negative id": msgspec.msgpack.encode([-1, 2, {}]),
    "text id": msgspec.msgpack.encode(["1", 2, {}]),
    "patience of years": msgspec.msgpack.encode([1, 10**12, {}]),
    "trailing bytes": msgspec.msgpack.encode([1, 2, {}]) + b"\x00",
    "array of 4 billion": b"\xdd\xff\xff\xff\xff",
    "binary of 4 billion": b"\x93\x01\x02\xc6\xff\xff\xff\xff",
    "reserved byte": b"\xc1",
    "nested deeply": b"\x93\x01\x02" + b"\x91" * 100_000 + b"\xc0",
}


@pytest.mark.parametrize("payload", HOSTILE_PAYLOADS.values(), ids=HOSTILE_PAYLOADS.keys())
def test_hostile_request_frames(payload: bytes) -> None:
    try:
        _, _, body = frames.decode_request_frame(payload)
    except FrameRefused:
        return
    with pytest.raises(Malformed):
        frames.decode_request(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "Nothing"},
        {"type": "Failure", "code": "x", "message": "y"},
        {"type": "Sign"},
        {"type": "Sign", "sad": "text", "dtbs": []},
        {"type": "Sign", "sad": b"", "dtbs": b"bytes"},
        {"type": 5},
        [],
        None,
        2**63,
    ],
)
def test_bodies_that_are_no_request(body: object) -> None:
    with pytest.raises(Malformed) as caught:
        frames.decode_request(msgspec.msgpack.encode(body))
    assert not isinstance(caught.value, FrameRefused)


def test_answers_are_not_taken_for_requests() -> None:
    for payload in HOSTILE_PAYLOADS.values():
        with pytest.raises(FrameRefused):
            frames.decode_answer(payload)
