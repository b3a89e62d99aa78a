"""Every kind of log entry that is about a key has words on the page of the history."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_history_has_words_for_every_entry_about_a_key() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]*) \|", (ROOT / "docs/log.md").read_text(), re.MULTILINE)
    about_keys = {kind for kind, fields in rows if "`key`" in fields}
    assert {"key-created", "approved", "secret-refused"} <= about_keys
    page = (ROOT / "src/natsuin/web/templates/pages/history.html").read_text()
    told = set(re.findall(r'"([a-z-]+)": \(', page))
    # An intent is not listed, and an outcome has one row for each result.
    missing = {
        kind for kind in about_keys - {"intent"} if not any(one == kind or one.startswith(f"{kind}-") for one in told)
    }
    assert missing == set()
