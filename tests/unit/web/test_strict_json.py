"""JSON in, one meaning out (I06)."""

import time

import pytest

from natsuin.errors import Malformed
from natsuin.strict_json import MAX_DEPTH, parse_json
from natsuin.web.api.signatures import decode_sign_body

SAME_EVERYWHERE = [
    (b'{"a":1}', {"a": 1}),
    (b' {"a" : [1, 2.5, "\\u00e9", true, null]} \n', {"a": [1, 2.5, "é", True, None]}),
    (b'{"a":-0}', {"a": 0}),
    (b'{"a":9007199254740991}', {"a": 2**53 - 1}),
    ('{"名":"𠮷"}'.encode(), {"名": "𠮷"}),
    (b'{"a":"\\ud842\\udfb7"}', {"a": "𠮷"}),
]
READ_DIFFERENTLY = [
    b'{"a":1,"a":1}',
    b'{"a":{"b":1,"b":2}}',
    b'{"a":1,"\\u0061":2}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":1e400}',
    b'{"a":-1e400}',
    b'{"a":9007199254740992}',
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":"\\ud800"}',
    b'{"\\udfff":1}',
    b'{"a":"\\u0000"}',
    b'{"a":1,}',
    b"{'a':1}",
    b'{"a":01}',
    b'{"a":+1}',
    b'{"a":.5}',
    b'// comment\n{"a":1}',
    b'\xef\xbb\xbf{"a":1}',
    b"\xff\xfe{\x00}\x00",
    b'{"a":"\xc0\x80"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\n"}',
    b'{"a":1} {"b":2}',
    b"",
    b"nothing",
]


@pytest.mark.parametrize(("body", "value"), SAME_EVERYWHERE)
def test_what_every_parser_reads_alike_is_taken(body, value):
    assert parse_json(body) == value


@pytest.mark.parametrize("body", READ_DIFFERENTLY)
def test_what_parsers_could_read_differently_is_refused(body):
    with pytest.raises(Malformed):
        parse_json(body)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_bounded(opening):
    closing = {b"[": b"]", b'{"a":': b"}"}[opening]
    assert parse_json(opening * (MAX_DEPTH - 1) + b"1" + closing * (MAX_DEPTH - 1))
    for depth in (MAX_DEPTH + 2, 10_000, 100_000):
        with pytest.raises(Malformed):
            parse_json(opening * depth + b"1" + closing * depth)


def test_a_large_hostile_body_costs_little():
    """A mebibyte, the most a JSON route takes, of the shapes that are dear to read."""
    bodies = [
        b"[" + b"1," * 400_000 + b"1]",
        b'{"' + b"x" * 1_000_000 + b'":1}',
        b"[" * 1_000_000,
        b'["' + b"\\u0000" * 160_000 + b'"]',
    ]
    begun = time.process_time()
    for body in bodies:
        try:
            parse_json(body)
        except Malformed:
            continue
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"sad":"AA","sad":"BB","digests":["AA"]}',
        b'{"sad":"AA","digests":["AA"],"digests":["BB"]}',
        b'{"sad":"AA","s\\u0061d":"BB","digests":["AA"]}',
        b'{"sad":"AA","digests":["AA"],"more":1}',
        b'{"sad":"AA","digests":[]}',
        b'{"sad":"AA","digests":"AA"}',
        b'{"sad":"AA","digests":[1]}',
        b'{"sad":null,"digests":["AA"]}',
        b'{"sad":"AA"}',
        b'["sad","digests"]',
        b'{"sad":"AA","digests":[' + b'"AA",' * 1000 + b'"AA"]}',
        b'{"sad":"AA","digests":' + b"[" * 100_000,
        b"",
    ],
)
def test_the_hot_call_is_as_strict(body):
    with pytest.raises(Malformed):
        decode_sign_body(body)


def test_the_hot_call_reads_what_is_right():
    decoded = decode_sign_body(b'{"digests": ["AA", "BB"], "sad": "CC"}')
    assert (decoded.sad, decoded.digests) == ("CC", ["AA", "BB"])
