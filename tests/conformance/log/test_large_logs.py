"""Logs that are as large as those of years: verified, proved and gone on with as small ones are."""

import resource

import pytest

from conformance.log.go_checker import check_log_with_go
from natsuin.clock import SystemClock
from natsuin.signing_log import PublicLog, Shard, verify_log
from rigs.uniform_log import ORIGIN, uniform_key, write_uniform_log


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_536, 66_049, 70_000])
def test_the_logs_of_equal_bundles_are_logs(tmp_path, size):
    vkey = write_uniform_log(tmp_path, size)
    assert verify_log(tmp_path / "log", vkey).entries == size
    assert check_log_with_go(tmp_path / "log", vkey).size == size


def test_writing_and_proving_do_not_depend_on_the_size(tmp_path):
    """A log of two million entries: opening reads its right edge, and ten thousand more need no more memory."""
    vkey = write_uniform_log(tmp_path, 2_000_000)
    older = (tmp_path / "log/checkpoint").read_text()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    log = Shard.open(tmp_path / "log", tmp_path / "state.sqlite", origin=ORIGIN, key=uniform_key(), clock=SystemClock())
    for first in range(0, 10_000, 250):
        log.add_all([{"n": n} for n in range(first, first + 250)])
    log.close()
    with PublicLog(tmp_path / "log", vkey) as public:
        assert public.consistency(older).old == 2_000_000
        for index in (0, 1_999_999, 2_000_000, 2_009_999):
            assert public.receipt(index).index == index
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 * 1024
    # What Go reads whole takes it some seconds for two million; the shared check of every log is spared that.
    (tmp_path / "log/checkpoint").rename(tmp_path / "log/verified")
