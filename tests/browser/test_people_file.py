"""Registering from a file at the browser, by the keyboard, before a server that pretends."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from visitor import PreviewVisitor

PERSON = {
    "common_name": "山田 太郎",
    "organization": "",
    "country": "JP",
    "email": "taro@example.jp",
    "algorithm": "rsa-3072",
    "resident": False,
    "evidence": {"kind": "passport", "reference": "1", "level": 2},
}


def line(number: int, name: str, **different: object) -> dict[str, object]:
    usual = {"line": number, "name": name, "wrong": [], "alike": False, "user_id": ""}
    return usual | {"person": PERSON | {"common_name": name}} | different


LINES = [
    line(1, "山田 太郎", user_id="u1"),
    line(2, "=HYPERLINK(1)", alike=True),
    line(3, "<b>x</b>", wrong=["email"], person=None),
    line(4, "鈴木 一郎"),
    line(5, "佐藤 さくら"),
]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_file_is_registered_person_by_person(visitor: PreviewVisitor, language: str, tmp_path: Path) -> None:
    page = visitor.go("/officer/enrol#" + "t0ken" * 8 + "abc")
    page.locator("[data-register]").click()
    expect(page.locator('[data-step="done"]')).to_be_visible()
    page = visitor.go("/officer/people-file")
    page.route("**/api/officer/people-file*", lambda route: route.fulfill(json={"file": "0" * 64, "lines": LINES}))
    (tmp_path / "p.csv").write_text("x")
    page.locator("#people-file").set_input_files(tmp_path / "p.csv")
    page.locator("[data-file] button").press("Enter")
    expect(page.locator("#lines-title")).to_be_focused()
    expect(page.locator("tbody tr")).to_have_count(5)
    expect(page.locator("tbody")).to_contain_text("<b>x</b>")
    visitor.picture(f"people-file-{language}")
    facts = page.locator("[data-next-facts]")
    expect(facts).to_contain_text("=HYPERLINK(1)")
    page.locator("[data-approve]").press("Enter")
    expect(facts).to_contain_text("鈴木 一郎")
    page.locator("[data-pass-over]").press("Enter")
    expect(facts).to_contain_text("佐藤 さくら")
    # What sam would have the passkey sign must be what stands in the line.
    visitor.preview.trick = "record"
    page.locator("[data-approve]").press("Enter")
    expect(page.locator("[data-next-status] .notice.bad")).to_be_visible()
    visitor.preview.trick = ""
    page.locator("[data-approve]").press("Enter")
    expect(page.locator("[data-next]")).to_be_hidden()
    with page.expect_download() as saved:
        page.locator("[data-save]").press("Enter")
    text = Path(saved.value.path()).read_text(encoding="utf-8-sig")
    assert '"\'=HYPERLINK(1)"' in text
    assert text.count("/enrol#") == 2
    visitor.picture(f"people-file-done-{language}")
