"""Callers of group commit that are known to wait in its queue."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from natsuin.storage import Database

Work = Callable[[sa.Connection], Any]


def queued(pool: ThreadPoolExecutor, database: Database, *works: Work) -> list[Future[Any]]:
    """Give each work to a thread of its own, in this order; on return all wait for the group that is being served."""
    futures = []
    for work in works:
        before = len(database._group._waiting)
        futures.append(pool.submit(database.run_grouped, work))
        deadline = time.monotonic() + 10
        while len(database._group._waiting) == before:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    return futures
