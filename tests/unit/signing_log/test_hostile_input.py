"""Whatever bytes come in, only errors of Natsuin come out."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natsuin.errors import NatsuinError
from natsuin.signing_log import (
    encode_entry,
    open_checkpoint,
    parse_receipt,
    parse_tile_name,
    parse_verifier_key,
    verify_log,
    verify_receipt,
)
from natsuin.signing_log.checkpoints import parse_checkpoint
from natsuin.signing_log.encoding import decode_base64, decode_decimal
from natsuin.signing_log.merkle import verify_consistency, verify_inclusion
from natsuin.signing_log.notes import parse_note
from natsuin.signing_log.tiles import decode_bundle, split_tile

VKEY = "sign.example.jp/log/2026+5a8dbd72+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
CHECKPOINT = """sign.example.jp/log/2026
1
QHZrIDNCkCb1PVRQJnmoOXBrR0H43K86i7pfQbX/4HU=

— sign.example.jp/log/2026 Wo29ckz65g28ovx0hueqz+L5E/oVs0JpCLT17fwMLDe2IRCWmu830PLD8eLq+7cuwSi9spKZDmSGmQ4kWxcBtIqvNw8=
"""
RECEIPT = f"c2sp.org/tlog-proof@v1\nextra ZW50cnktMA==\nindex 0\n\n{CHECKPOINT}"
ANY_TEXT = st.text(st.characters()) | st.text(alphabet="ab01+/=\n —.x", max_size=80)


def near(good: str) -> st.SearchStrategy[str]:
    """`good` with a piece of it replaced by something else, doubled or left out."""

    def damage(start: int, length: int, text: str) -> str:
        return good[:start] + text + good[start + length :]

    return st.builds(damage, st.integers(0, len(good)), st.integers(0, 40), ANY_TEXT)


PARSERS: dict[str, tuple[Callable[[str], object], str]] = {
    "base64": (decode_base64, "QHZrIDNC"),
    "decimal": (decode_decimal, "70000"),
    "verifier key": (parse_verifier_key, VKEY),
    "note": (lambda text: parse_note(text.encode(errors="surrogatepass")), CHECKPOINT),
    "checkpoint": (parse_checkpoint, CHECKPOINT.partition("\n\n")[0] + "\n"),
    "signed checkpoint": (lambda text: open_checkpoint(text, parse_verifier_key(VKEY)), CHECKPOINT),
    "tile name": (parse_tile_name, "tile/0/x001/234.p/67"),
    "receipt": (parse_receipt, RECEIPT),
    "verified receipt": (lambda text: verify_receipt(text, VKEY), RECEIPT),
    "receipt under a key": (lambda text: verify_receipt(RECEIPT, text), VKEY),
    "entry": (lambda text: encode_entry({text: text}), "name"),
    "location": (lambda text: verify_log("gopher://" + text, VKEY), "host"),
}


def only_own_errors(call: Callable[[], object]) -> None:
    with contextlib.suppress(NatsuinError):
        call()


@pytest.mark.parametrize(("parse", "good"), PARSERS.values(), ids=PARSERS)
def test_text(parse, good):
    @settings(max_examples=150, deadline=None)
    @given(ANY_TEXT | near(good))
    def check(text: str) -> None:
        only_own_errors(lambda: parse(text))

    check()


def test_the_good_texts_are_good():
    for name, (parse, good) in PARSERS.items():
        if name != "location":
            parse(good)


@given(st.binary(max_size=400), st.integers(0, 300))
def test_bytes(content: bytes, width: int):
    only_own_errors(lambda: decode_bundle(content, width))
    only_own_errors(lambda: split_tile(content, width))
    only_own_errors(lambda: parse_note(content))


HASHES = st.binary(min_size=32, max_size=32) | st.binary(max_size=40)


@given(st.integers(), st.integers(), HASHES, HASHES, st.lists(HASHES, max_size=70))
def test_proofs(first: int, second: int, one: bytes, two: bytes, proof: list[bytes]):
    only_own_errors(lambda: verify_inclusion(first, second, one, proof=proof, root=two))
    only_own_errors(lambda: verify_consistency(first, second, one, new_root=two, proof=proof))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_folder_of_rubbish(tmp_path_factory, data: st.DataObject):
    folder = tmp_path_factory.mktemp("rubbish")
    size = data.draw(st.sampled_from([1]))
    (folder / "checkpoint").write_text(CHECKPOINT)
    for name in ("tile/0", "tile/entries"):
        (folder / name / "000.p").mkdir(parents=True)
        if data.draw(st.booleans()):
            (folder / name / f"000.p/{size}").write_bytes(data.draw(st.binary(max_size=64)))
        else:
            (folder / name / "000").write_bytes(data.draw(st.binary(max_size=64)))
    with pytest.raises(NatsuinError):
        verify_log(folder, VKEY)
