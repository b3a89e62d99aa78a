"""A page whose scripts have not come yet: nobody can type into its forms, and none of them can be sent."""

import pytest
from playwright.sync_api import Route, expect
from visitor import PreviewVisitor

SCRIPTS = "**/static/js/**"
PAGES_WITH_FORMS = ["/keys/k1/pin", "/officer", "/documents", "/documents/d1", "/verify"]


@pytest.mark.parametrize("path", PAGES_WITH_FORMS)
def test_without_scripts_no_field_and_no_button_answers(visitor: PreviewVisitor, path: str) -> None:
    page = visitor.page
    page.route(SCRIPTS, lambda route: route.abort())
    visitor.go(path)
    fields = page.locator("form :is(input, select, button)")
    assert fields.count() > 0
    for field in fields.all():
        expect(field).to_be_disabled()
    for button in page.locator("button").all():
        expect(button).to_be_disabled()


def test_a_form_that_is_sent_by_force_says_nothing_in_its_address(visitor: PreviewVisitor) -> None:
    """As a browser might that restores a page, or an extension: the secret must stand nowhere."""
    page = visitor.page
    sent: list[str] = []
    page.route(SCRIPTS, lambda route: route.abort())
    page.on("request", lambda request: sent.append(f"{request.method} {request.url} {request.post_data or ''}"))
    visitor.go("/keys/k1/pin")
    with page.expect_request(lambda request: request.method == "POST"):
        page.evaluate("""() => {
          document.querySelectorAll("fieldset").forEach((fieldset) => { fieldset.disabled = false; });
          document.querySelector("#recovery-code").value = "TOP-SECRET";
          document.querySelector("[data-code-form]").submit();
        }""")
    assert "TOP-SECRET" not in page.url
    assert not [line for line in sent if "TOP-SECRET" in line]


def test_what_is_typed_at_the_first_moment_counts(visitor: PreviewVisitor) -> None:
    """The race that a fast typist or a slow network makes: typing waits for the script, and Enter then works."""
    page = visitor.page
    held: list[Route] = []
    page.route("**/static/js/pages/pin_reset.js", lambda route: held.append(route))
    page.goto(visitor.origin + "/keys/k1/pin", wait_until="commit")
    code = page.locator("#recovery-code")
    expect(code).to_be_disabled()
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    code.fill("0123456789ABCDEFGHJKMNPQRB")
    page.keyboard.press("Enter")
    expect(page.locator("#new-pin")).to_be_visible()
