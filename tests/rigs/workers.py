"""Which tests share a worker of pytest-xdist: those of one file, and those of files that share an expensive fixture.

`--dist loadgroup` with the mark `xdist_group` would do, but pytest-xdist 3.8 loses the mark under pytest 9.2 (its issue
1386), and it spreads the tests of every other file, so that fixtures of a file are made again and again.
"""

from typing import Any

import pytest

TOGETHER = {
    "test_attack_login_database.py": "whole_server",
    "test_bad_input_documents.py": "whole_server",
    "test_bad_input_requests.py": "whole_server",
    "test_end_to_end_algorithms.py": "whole_server",
    "test_end_to_end_demo.py": "demonstration",
    "test_end_to_end_evidence.py": "demonstration",
    "test_evidence_check.py": "demonstration",
    "test_log_over_http.py": "whole_server",
}
"""Files that share a fixture of the session, by its name."""
APART = {"test_kill_signing.py"}
"""Files with many long tests, each of which makes what it needs."""


def scope_of(test: str) -> str:
    """Tests with the same answer run on the same worker, one after the other."""
    file = test.partition("::")[0]
    name = file.rpartition("/")[2]
    return test if name in APART else TOGETHER.get(name, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A scheduler that goes by `scope_of`, for `--dist loadgroup`."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByScope(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    return ByScope(config, log)
