"""A log that was not rotated for more than a year is told by sam's health."""

from datetime import timedelta
from pathlib import Path

from natsuin.clock import FixedClock, SystemClock
from natsuin.sam import protocol as p
from rigs.sam_in_process import SamRig


def test_the_year_of_a_shard_is_told_when_it_is_over(tmp_path: Path) -> None:
    now = SystemClock().now()
    rig = SamRig.make(tmp_path)
    assert rig.web.ask(p.Health()).warnings == ()
    clock = FixedClock(now + timedelta(days=399))
    rig.reopen(clock=clock)
    assert rig.web.ask(p.Health()).warnings == ()
    clock.time = now + timedelta(days=401)
    report = rig.web.ask(p.Health())
    assert (report.ready, report.warnings) == (True, ("log-rotation",))
    rig.close()
