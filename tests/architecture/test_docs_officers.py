"""The table of roles in docs/officers.md is the one that sam decides by."""

from pathlib import Path

from natsuin.key_management.officer_roles import FIRST_ROLES, MAY, ROLES, Duty, may, role_column


def test_the_page_and_sam_agree_on_who_may_what(root: Path) -> None:
    lines = (root / "docs" / "officers.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    assert rows[0] == ["may", *(role.value.replace("-", " ") for role in ROLES)]
    told = {
        Duty(words.partition(" (")[0].strip()): {role for role, cell in zip(ROLES, cells, strict=True) if cell == "yes"}
        for words, *cells in rows[1:]
    }
    assert told == {duty: set(roles) for duty, roles in MAY.items()}


def test_the_first_officer_may_do_what_officers_do_and_reads_no_log() -> None:
    first = role_column(FIRST_ROLES)
    assert {duty for duty in Duty if not may(first, duty)} == {Duty.READ_LOG}
