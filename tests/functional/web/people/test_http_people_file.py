"""Files of people by HTTP: what is read, what is refused, going on after an interruption."""

import codecs
import hashlib
import unicodedata
import uuid

import pytest

URL = "/api/officer/people-file"
HEADER = "common_name,name_kana,email,organization,evidence_kind,evidence_reference,evidence_level"


def bring(officer, content: bytes, encoding: str = "utf-8"):
    return officer._http.post(URL, params={"encoding": encoding}, content=content, headers={"Content-Type": "text/csv"})


def a_file(*names: str) -> str:
    rows = [f"{name},カナ,{number}@example.jp,,passport,file {number},2" for number, name in enumerate(names)]
    return "\r\n".join([HEADER, *rows]) + "\r\n"


def a_name() -> str:
    return f"{uuid.uuid4().hex[:20]} 髙橋"


def register(officer, person) -> dict:
    act = officer.post("/api/officer/people", person)
    body = {"credential": officer.device.get(act["publicKey"])}
    return officer.post(f"/api/officer/people/{act['act_id']}/approve", body)


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("utf-8", "nfd"), ("shift_jis", "cp932")],
)
def test_each_encoding_that_is_named_gives_the_same_name(officer, encoding, written):
    name = a_name()
    text = a_file(f"{name} が")
    content = unicodedata.normalize("NFD", text).encode() if written == "nfd" else text.encode(written)
    (line,) = bring(officer, content, encoding).json()["lines"]
    assert (line["person"]["common_name"], line["person"]["name_kana"], line["wrong"]) == (f"{name} が", "カナ", [])
    made = register(officer, line["person"])
    assert officer.get(f"/api/officer/people/{made['user_id']}")["person"]["common_name"] == f"{name} が"


def test_japanese_columns_in_any_order(officer):
    content = "確認水準,メールアドレス,氏名,確認書類,確認記録\n3,a@example.jp,山田,passport,1\n"
    (line,) = bring(officer, content.encode()).json()["lines"]
    assert (line["person"]["common_name"], line["person"]["evidence"]["level"]) == ("山田", 3)


@pytest.mark.parametrize(
    ("content", "encoding", "code"),
    [
        (a_file("髙橋").encode("cp932"), "utf-8", "people_file_encoding"),
        (codecs.BOM_UTF16_LE + a_file("x").encode("utf-16-le"), "utf-8", "people_file_encoding"),
        (a_file("x").encode() + b"\xff", "shift_jis", "people_file_encoding"),
        (a_file("a\0b").encode(), "utf-8", "people_file"),
        (f'{HEADER}\n"never closed'.encode(), "utf-8", "people_file"),
        (f'{HEADER}\n"a"b,,,,,,'.encode(), "utf-8", "people_file"),
        (b"", "utf-8", "people_file_header"),
        (b"name,email\nx,y\n", "utf-8", "people_file_header"),
        (f"{HEADER},email\n".encode(), "utf-8", "people_file_header"),
        (f"{HEADER},roles\n".encode(), "utf-8", "people_file_header"),
        (f"{HEADER},氏名\n".encode(), "utf-8", "people_file_header"),
        (f"{HEADER}\n{'x' * 200_000},,,,,,\n".encode(), "utf-8", "people_file"),
        (f"{HEADER}\n{'x' * 401},,,,,,\n".encode(), "utf-8", "people_file_too_long"),
        (f"{HEADER}\n".encode() + b"a,b,c,d,e,f,g\n" * 1001, "utf-8", "people_file_too_long"),
        (f"{HEADER}\n".encode() + b"\n" * 800_000 + b"x" * 100_000, "utf-8", "people_file_too_long"),
        (f"{HEADER}\n".encode() + b"," * 900_000, "utf-8", None),
    ],
)
def test_a_hostile_file_is_refused_as_a_whole(officer, content, encoding, code):
    answer = bring(officer, content, encoding)
    if code is None:
        assert answer.json()["lines"] == [{**answer.json()["lines"][0], "wrong": ["columns"], "person": None}]
        return
    assert answer.status_code == (413 if code == "people_file_too_long" else 422)
    assert answer.json()["code"] == code


def test_each_line_says_what_is_wrong_with_it(officer):
    good = "山田,,a@example.jp,,passport,1,2"
    bad = {
        ",,a@example.jp,,passport,1,2": ["common_name"],
        f"{'山' * 22},,a@example.jp,,passport,1,2": ["common_name"],
        "a\N{RIGHT-TO-LEFT OVERRIDE}b,\N{ZERO WIDTH SPACE},a@example.jp,,passport,1,2": ["common_name", "name_kana"],
        "山田,,not an address,,passport,1,2": ["email"],
        '山田,,"a@example.jp\r\nBcc: x@y.z",,passport,1,2': ["email"],
        "山田,,a@example.jp,,library-card,,4": ["evidence_kind", "evidence_level", "evidence_reference"],
        "山田,,a@example.jp,,passport": ["columns"],
    }
    lines = bring(officer, "\n".join([HEADER, *bad, good]).encode()).json()["lines"]
    assert [line["wrong"] for line in lines] == [*bad.values(), []]
    assert [line["person"] is None for line in lines] == [True] * len(bad) + [False]


def test_who_was_interrupted_goes_on_with_the_same_file(officer):
    content = a_file(*(a_name() for _ in range(3))).encode()
    first = bring(officer, content).json()
    assert first["file"] == hashlib.sha256(content).hexdigest()
    made = register(officer, first["lines"][1]["person"])
    # Proposed and not approved is not registered.
    officer.post("/api/officer/people", first["lines"][0]["person"])
    again = bring(officer, content).json()["lines"]
    assert [line["user_id"] for line in again] == ["", made["user_id"], ""]


def test_one_line_is_one_person_however_often_it_is_approved(officer):
    (line,) = bring(officer, a_file(a_name()).encode()).json()["lines"]
    acts = [officer.post("/api/officer/people", line["person"]) for _ in range(2)]
    bodies = [{"credential": officer.device.get(act["publicKey"])} for act in acts]
    officer.post(f"/api/officer/people/{acts[0]['act_id']}/approve", bodies[0])
    late = officer._http.post(f"/api/officer/people/{acts[1]['act_id']}/approve", json=bodies[1])
    assert late.status_code == 409
    assert officer._http.post("/api/officer/people", json=line["person"]).status_code == 409


def test_two_lines_alike_are_two_people_and_the_officer_is_told(officer):
    name = a_name()
    row = f"{name},,same@example.jp,,passport,1,2"
    content = "\n".join([HEADER, row, row]).encode()
    first, second = bring(officer, content).json()["lines"]
    made = [register(officer, line["person"])["user_id"] for line in (first, second)]
    assert len(set(made)) == 2
    (other,) = bring(officer, "\n".join([HEADER, row]).encode()).json()["lines"]
    assert (other["alike"], other["user_id"]) == (True, "")
    assert not first["alike"]


def test_only_an_officer_and_only_csv(officer, alice, auditor):
    for visitor in (alice, auditor):
        assert bring(visitor, a_file("x").encode()).status_code == 403
    assert officer._http.post(URL, json={}).status_code == 415
    assert bring(officer, b"x", "utf-7").status_code == 400


def test_bringing_a_file_registers_nobody(portal, officer):
    before = officer.get("/api/officer/people")["people"]
    size = portal.sam.rig.sam.log.size
    bring(officer, a_file(a_name()).encode())
    assert officer.get("/api/officer/people")["people"] == before
    assert portal.sam.rig.sam.log.size == size
