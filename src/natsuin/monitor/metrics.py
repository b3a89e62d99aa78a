"""What Prometheus reads, made from the monitor's memory at each asking, so that a restart resets no counter.

Labels are names of the settings, types of the catalogue and kinds of alarms: nothing that a log says.
"""

import sqlite3
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from natsuin.monitor.following import REFUSALS
from natsuin.monitor.kinds import KINDS
from natsuin.monitor.memory import Memory

_LOGS = (
    ("entries", "Entries under the newest checkpoint that was verified.", "size"),
    ("read_entries", "Entries that were read and judged.", "read"),
    ("visited_timestamp_seconds", "When the log was last read to its end and held.", "visited_at"),
    ("grown_timestamp_seconds", "When the log last grew.", "grown_at"),
)


class _Collector:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        """All of them, from one consistent look."""
        with self._memory.read() as connection:
            metrics = [*_of_logs(connection), *_of_counts(connection), *_of_receivers(connection)]
        yield from metrics


class Metrics:
    """The page of metrics. Thread safe."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, memory: Memory) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collector(memory))

    def page(self) -> bytes:
        """In Prometheus' text format 0.0.4. Raises `StorageFailed`."""
        return generate_latest(self._registry)


def _of_logs(connection: sqlite3.Connection) -> Iterator[Metric]:
    logs = connection.execute("SELECT * FROM log ORDER BY name").fetchall()
    for name, about, column in _LOGS:
        gauge = GaugeMetricFamily(f"natsuin_monitor_log_{name}", about, labels=["log"])
        for row in logs:
            scale = 1000 if column.endswith("_at") else 1
            gauge.add_metric([row["name"]], (row[column] or 0) / scale)
        yield gauge
    holds = GaugeMetricFamily(
        "natsuin_monitor_log_holds", "1: the last visit found that the log holds; 0: not, or not read.", labels=["log"]
    )
    standing = {(row["log"], row["kind"]) for row in connection.execute("SELECT log, kind FROM condition").fetchall()}
    for row in logs:
        wrong = any((row["name"], kind) in standing for kind in (*REFUSALS, "log-unreachable"))
        holds.add_metric([row["name"]], int(row["visited_at"] is not None and not wrong and not row["error"]))
    yield holds
    conditions = GaugeMetricFamily("natsuin_monitor_condition", "1 while this state lasts.", labels=["log", "kind"])
    for log, kind in sorted(standing):
        conditions.add_metric([log, kind], 1)
    yield conditions


def _of_counts(connection: sqlite3.Connection) -> Iterator[Metric]:
    entries = CounterMetricFamily("natsuin_monitor_entries", "Entries read, by type.", labels=["log", "type"])
    for row in connection.execute("SELECT * FROM counted_entries"):
        entries.add_metric([row["log"], row["type"]], row["entries"])
    yield entries
    alarms = CounterMetricFamily(
        "natsuin_monitor_alarms",
        "What was found, also what was told together or is of the past.",
        labels=["log", "kind", "severity"],
    )
    for row in connection.execute("SELECT * FROM counted_alarms"):
        alarms.add_metric([row["log"], row["kind"], KINDS[row["kind"]].severity.word], row["alarms"])
    yield alarms


def _of_receivers(connection: sqlite3.Connection) -> Iterator[Metric]:
    # Addresses of people stay out of the metrics: all receivers of one kind are counted together.
    waiting = GaugeMetricFamily("natsuin_monitor_waiting", "Messages still to be told.", labels=["by"])
    sent = CounterMetricFamily("natsuin_monitor_told", "Messages that were taken.", labels=["by"])
    given_up = CounterMetricFamily("natsuin_monitor_given_up", "Messages that nobody took.", labels=["by"])
    for kind in ("output", "webhook", "mail"):
        pattern = f"{kind}%"
        (number,) = connection.execute("SELECT count(*) FROM delivery WHERE receiver LIKE ?", (pattern,)).fetchone()
        waiting.add_metric([kind], number)
        told, lost = connection.execute(
            "SELECT coalesce(sum(sent), 0), coalesce(sum(given_up), 0) FROM receiver WHERE name LIKE ?", (pattern,)
        ).fetchone()
        sent.add_metric([kind], told)
        given_up.add_metric([kind], lost)
    yield from (waiting, sent, given_up)
