"""Logs of the web process: one JSON object a line on standard error. What may stand in them is decided where they are
written."""

import logging
import sys

import structlog


def configure_logs() -> None:
    """Send structlog's events, and warnings of the HTTP server, to standard error as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlainJSON())
    server = logging.getLogger("uvicorn")
    server.handlers = [handler]
    server.propagate = False
    server.setLevel(logging.WARNING)


class _PlainJSON(logging.Formatter):
    """Lines of the HTTP server, without tracebacks: their messages may quote what somebody sent."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        rendered = structlog.processors.JSONRenderer(ensure_ascii=True)(
            None, "", {"event": "http-server", "level": record.levelname.lower(), "logger": record.name, "kind": kind}
        )
        return rendered if isinstance(rendered, str) else rendered.decode()
