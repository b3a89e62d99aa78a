"""The register by HTTP: records, their history, corrections, and finding people."""

import uuid

import pytest

from rigs.portal import PERSON

URL = "/api/officer/people"


def register(officer, **wishes) -> str:
    """A person written down and approved. Answers with the account's id."""
    officer.invite({**PERSON, **wishes})
    return next(one["user_id"] for one in officer.get(URL)["people"] if one["common_name"] == wishes["common_name"])


def a_name() -> str:
    """A name that no other test has; letters only, so that it is one word."""
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:20])


def found(officer, words: str) -> list[str]:
    return [one["user_id"] for one in officer._http.get(URL, params={"words": words}).json()["people"]]


def test_a_record_with_everything_is_found_by_each_part_of_it(officer):
    tag = a_name()
    user_id = register(
        officer,
        common_name=f"山田 花子{tag}",
        name_kana="ヤマダ ハナコ",
        name_romanised=f"Yamada Hanako {tag}",
        job_title="経理部長",
        organization="例示商事株式会社",
        email=f"{tag}@example.jp",
    )
    for words in ("花子", "やまだ", "ﾊﾅｺ", "YAMADA", "部長", "商事", "ｙａｍａ", "子"):
        assert user_id in found(officer, f"{words} {tag[:12]}"), words
    assert found(officer, f"{tag}@example.jp") == [user_id]
    for words in (f"太郎 {tag}", tag[1:], "%", "_", "''", '" OR 1=1 --', "\N{ZERO WIDTH SPACE}", " "):
        assert user_id not in found(officer, words), words


def test_the_record_says_who_checked_what_and_everything_that_happened(portal, officer):
    tag = a_name()
    signer = portal.enrol(officer, common_name=tag, evidence={"kind": "passport", "reference": "file 7", "level": 3})
    signer.sign_in()
    user_id = signer.get("/api/me")["user_id"]
    told = officer.get(f"{URL}/{user_id}")
    me = officer.get("/api/me")
    person = told["person"]
    assert (person["evidence_kind"], person["evidence_reference"], person["evidence_level"]) == (
        "passport",
        "file 7",
        3,
    )
    assert (person["officer_id"], person["state"]) == (me["user_id"], "enrolled")
    assert person["checked_at"] <= person["approved_at"] <= person["enrolled_at"]
    assert [(event["kind"], event["by_user_id"]) for event in told["history"]] == [
        ("enrolled", user_id),
        ("invited", me["user_id"]),
        ("proposed", me["user_id"]),
    ]
    assert all(event["at"] > 0 and event["source"] for event in told["history"])
    assert [key["state"] for key in told["keys"]] == ["active"]
    page = officer._http.get(f"/officer/people/{user_id}")
    assert page.status_code == 200
    assert tag in page.text
    assert told["keys"][0]["key_id"] in page.text


def test_a_correction_keeps_what_was_before(officer):
    user_id = register(officer, common_name=a_name(), name_kana="ヤマタ")
    tag = a_name()
    fields = {"name_kana": "ヤマダ", "name_romanised": tag, "job_title": ""}
    assert officer.post(f"{URL}/{user_id}/record", fields)["person"]["name_kana"] == "ヤマダ"
    newest = officer.get(f"{URL}/{user_id}")["history"][0]
    assert (newest["kind"], newest["by_user_id"]) == ("corrected", officer.get("/api/me")["user_id"])
    assert newest["changes"] == {"name_kana": ["ヤマタ", "ヤマダ"], "name_romanised": ["", tag]}
    assert found(officer, tag) == [user_id]
    # The same once more changes nothing and is no event.
    officer.post(f"{URL}/{user_id}/record", fields)
    assert officer.get(f"{URL}/{user_id}")["history"][0] == newest


@pytest.mark.parametrize("field", ["common_name", "organization", "email", "user_id", "state", "evidence_level"])
def test_what_a_passkey_approved_or_what_warns_the_person_is_not_corrected(officer, field):
    user_id = register(officer, common_name=a_name())
    before = officer.get(f"{URL}/{user_id}")
    body = {"name_kana": "", "name_romanised": "", "job_title": "", field: "x"}
    assert officer._http.post(f"{URL}/{user_id}/record", json=body).status_code == 400
    assert officer.get(f"{URL}/{user_id}") == before


@pytest.mark.parametrize("text", ["a\0b", "evil\N{RIGHT-TO-LEFT OVERRIDE}", "\N{ZERO WIDTH SPACE}", "x" * 101])
def test_hostile_texts_are_refused_and_change_nothing(officer, text):
    user_id = register(officer, common_name=a_name())
    before = officer.get(f"{URL}/{user_id}")
    for field in ("name_kana", "name_romanised", "job_title"):
        body = {"name_kana": "", "name_romanised": "", "job_title": "", field: text}
        assert officer._http.post(f"{URL}/{user_id}/record", json=body).status_code == 400
        assert officer._http.post(URL, json={**PERSON, field: text}).status_code == 400
    assert officer.get(f"{URL}/{user_id}") == before


def test_markup_in_a_record_is_text_on_every_page(officer):
    tag = a_name()
    user_id = register(officer, common_name=tag, job_title=f"<script>{tag}</script>", name_kana='"><img src=x>')
    for path in (f"/officer/people/{user_id}", f"/officer/people?words={tag}", "/officer"):
        text = officer._http.get(path).text
        assert f"<script>{tag}" not in text
        assert "<img src=x>" not in text


def test_two_with_the_same_name_and_address_stay_two(officer):
    tag = a_name()
    for _ in range(2):
        officer.invite({**PERSON, "common_name": tag, "email": "same@example.jp"})
    first, second = found(officer, tag)
    officer.post(f"{URL}/{first}/record", {"name_kana": "カナ", "name_romanised": "", "job_title": ""})
    assert officer.get(f"{URL}/{second}")["person"]["name_kana"] == ""
    assert len(officer.get(f"{URL}/{second}")["history"]) == 2


def test_nobody_of_that_number(officer):
    body = {"name_kana": "", "name_romanised": "", "job_title": ""}
    assert officer._http.get(f"{URL}/u-nobody").status_code == 404
    assert officer._http.post(f"{URL}/u-nobody/record", json=body).status_code == 404
    assert officer._http.get("/officer/people/u-nobody").status_code == 404


def test_a_signer_and_an_auditor_see_nobody(officer, alice, auditor):
    user_id = register(officer, common_name=a_name())
    for visitor in (alice, auditor):
        for path in (f"{URL}/{user_id}", f"{URL}?words=a", "/officer/people", f"/officer/people/{user_id}"):
            assert visitor._http.get(path).status_code == 403
        assert visitor._http.post(f"{URL}/{user_id}/record", json={}).status_code == 403


def test_a_list_says_less_than_a_record(officer):
    user_id = register(officer, common_name=a_name())
    line = next(one for one in officer.get(URL)["people"] if one["user_id"] == user_id)
    assert "evidence_reference" not in line
    assert "evidence_reference" in officer.get(f"{URL}/{user_id}")["person"]
