"""Logs of every process: one JSON object a line on standard error. What may stand in them is decided where they are
written."""

import json
import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.JSONRenderer(ensure_ascii=True),
]
"""One list however often logs are configured, so that what changes it in place reaches every logger already in use."""


def configure_logs(file: TextIO = sys.stderr, *, least: int = logging.INFO) -> None:
    """Send structlog's events, and warnings of libraries, to `file` as JSON lines, each flushed.

    Those below the level `least` (of `logging`) are left out.
    """
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(file),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(file)
    handler.setFormatter(_PlainJSON())
    logging.basicConfig(handlers=[handler], level=max(logging.WARNING, least), force=True)


class _PlainJSON(logging.Formatter):
    """Warnings of libraries, without tracebacks. The HTTP server's own sentences are known and quote nobody; what
    others say is left out, because it may repeat what somebody sent."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        known = record.name.startswith("uvicorn") and record.exc_info is None
        members = {
            "event": "library",
            "logger": record.name,
            "level": record.levelname.lower(),
            "kind": kind,
            "said": record.getMessage() if known else None,
        }
        return json.dumps(members)
