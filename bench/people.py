"""Finding people among many: `python -m bench.people [PEOPLE] [DATABASE-URL]`; the database must be empty.

The names are drawn with a fixed seed from the commonest ones, so that many people share each part of a name: the worst
that a search by beginnings of words meets.
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import sqlalchemy as sa

from natsuin.clock import SystemClock
from natsuin.storage import Database, create_database, open_database
from natsuin.storage.schema import metadata_of
from natsuin.user_management import PersonRecords
from natsuin.user_management.tables import person, person_word, registration
from natsuin.user_management.words import words_of

_FAMILY = "佐藤サトウ 鈴木スズキ 高橋タカハシ 田中タナカ 伊藤イトウ 渡辺ワタナベ 山本ヤマモト 中村ナカムラ 小林コバヤシ"
_GIVEN = "太郎タロウ 花子ハナコ 翔ショウ 葵アオイ 蓮レン 陽菜ヒナ 結衣ユイ 大輔ダイスケ 健ケン 美咲ミサキ"
_PLACES = "東京 大阪 名古屋 札幌 福岡 仙台 広島 神戸 京都 横浜"
_TRADES = "商事 工業 建設 銀行 電機 食品 製薬 運輸 出版 保険"
QUESTIONS = (
    "佐藤 太郎",
    "さとう 花",
    "株式会社",
    "東京 保険 葵",
    "株式会社 部長",
    "taro.500000",
    "部長 person500000",
    "藤 京",
)
_BATCH = 5_000
_TURNS = 20


def fill(database: Database, people: int) -> None:
    """Make the tables, an officer and `people` registered people with their words."""
    metadata_of("web").create_all(database.engine)
    with database.write() as connection:
        connection.execute(sa.insert(person).values(user_id="u-o", display_name="", email="", roles=[], created_at=0))
    chance = random.Random(5)  # noqa: S311 - example data, no secret
    for start in range(0, people, _BATCH):
        rows = [_row(chance, number) for number in range(start, min(start + _BATCH, people))]
        words = [{"word": word, "user_id": row["user_id"]} for row in rows for word in _words(row)]
        with database.write() as connection:
            connection.execute(sa.insert(registration), rows)
            connection.execute(sa.insert(person_word), words)
    with database.engine.begin() as connection:
        connection.execute(sa.text("ANALYZE"))


def ask(database: Database) -> Iterator[tuple[str, int, float, float]]:
    """Each question with the number of people found, and median and longest time in milliseconds."""
    records = PersonRecords(database, SystemClock())
    for question in QUESTIONS:
        times = []
        for _ in range(_TURNS):
            begun = perf_counter()
            found = records.find(question)
            times.append((perf_counter() - begun) * 1e3)
        yield question, len(found.people), median(times), max(times)


def _row(chance: random.Random, number: int) -> dict[str, object]:
    family, given = chance.choice(_FAMILY.split()), chance.choice(_GIVEN.split())
    kanji = [part.rstrip("".join(map(chr, range(0x30A1, 0x30FD)))) for part in (family, given)]
    kana = [part[len(written) :] for part, written in zip((family, given), kanji, strict=True)]
    return {
        "user_id": f"u-{chance.getrandbits(120):030x}",
        "act_id": f"{number:032x}",
        "officer_id": "u-o",
        "common_name": " ".join(kanji),
        "name_kana": " ".join(kana),
        "name_romanised": "",
        "job_title": chance.choice(("部長", "課長", "")),
        "email": f"taro.{number}@person{number}.example.jp",
        "country": "JP",
        "organization": f"{chance.choice(_PLACES.split())}{chance.choice(_TRADES.split())}株式会社",
        "algorithm": "p-256",
        "evidence_kind": "passport",
        "evidence_reference": str(number),
        "evidence_level": 2,
        "file": "",
        "line": 0,
        "checked_at": number,
        "state": "enrolled",
        "proposed_at": number,
        "expires_at": number,
    }


def _words(row: dict[str, object]) -> list[bytes]:
    named = ("common_name", "name_kana", "job_title", "organization", "email")
    return sorted(words_of([str(row[name]) for name in named]))


def main() -> None:
    """Fill, ask, tell."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="natsuin-bench-") as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{Path(folder) / 'web.db'}"
        create_database(url, name="web")
        database = open_database(url, name="web")
        try:
            begun = perf_counter()
            fill(database, people)
            print(f"{people:,} people in {perf_counter() - begun:.0f} s, {database.backend}", flush=True)
            for question, found, middle, longest in ask(database):
                print(f"| {question} | {found} | {middle:.1f} ms | {longest:.1f} ms |", flush=True)
        finally:
            database.close()


if __name__ == "__main__":
    main()
