"""Finding people by words. On both databases."""

import pytest

from natsuin.user_management import people_named
from natsuin.user_management.search import drop_words, find_people, note_words
from natsuin.user_management.words import terms_of, words_of


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("山田太郎", "太郎"),
        ("ヤマダ タロウ", "たろ"),
        ("ﾔﾏﾀﾞ", "ヤマダ"),
        ("Straße", "STRASSE"),
        ("Łukasz", "łuk"),
        ("葛\U000e0100城", "葛城"),
        ("taro.yamada@example.jp", "yamada"),
        ("İstanbul", "i̇stan"),
    ],
)
def test_what_is_written_differently_is_found(text, question):
    (term,) = terms_of(question)
    assert any(word.startswith(term) for word in words_of([text]))


def test_a_question_is_bounded():
    assert terms_of("! ' % _ \0 --") == ()
    assert len(terms_of(" ".join(chr(ord("a") + n) * 3 for n in range(20)))) == 5
    assert len(terms_of("x" * 10_000)[0]) == 32
    assert len(words_of(["あ" * 100])) <= 100


def test_every_word_must_fit(database):
    people = {"u-1": ("佐藤 花子", "甲商事"), "u-2": ("佐藤 太郎", "乙商事"), "u-3": ("Sato", "甲商事")}
    with database.write() as connection:
        for user_id, texts in people.items():
            note_words(connection, user_id, texts)
            note_words(connection, user_id, texts)
    with database.read() as connection:
        # The fixture's officer is an account without a record; every account is found.
        assert set(people_named(connection, "佐藤", most=9)) == {"u-1", "u-2", "u-officer"}
        assert people_named(connection, "甲 佐", most=9) == ("u-1",)
        assert people_named(connection, "佐藤 丙", most=9) == ()
        few = find_people(connection, "商事", most=2)
    assert (len(few.user_ids), few.complete) == (2, False)
    with database.write() as connection:
        drop_words(connection, "u-1")
    with database.read() as connection:
        assert people_named(connection, "花子", most=9) == ()


def test_a_question_looks_through_so_many_and_says_when_there_were_more(database, monkeypatch):
    monkeypatch.setattr("natsuin.user_management.search.LOOKED_THROUGH", 4)
    with database.write() as connection:
        for number in range(9):
            note_words(connection, f"u-{number}", (f"common {number}x",))
    with database.read() as connection:
        assert not find_people(connection, "common co", most=50).complete
        assert find_people(connection, "common 8x", most=50).user_ids == ("u-8",)
        assert find_people(connection, "common 8x", most=50).complete
