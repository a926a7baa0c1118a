"""Structured logs: one JSON object per line on standard error, with ids only.

No names, no titles, no tokens, no SDP (it holds addresses): callers log opaque ids, codes and counts. What
libraries log goes through the same writer, so that a line is always one JSON object.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

FORBIDDEN = frozenset({"password", "token", "secret", "sdp", "cookie", "authorization", "name", "title", "text"})
"""Keys that never reach a log line, whatever a caller passes; their value becomes "[removed]"."""


def start(level: str, stream: TextIO | None = None) -> None:
    """Set the process's logging up. ``level``: debug, info, warning or error."""
    number = getattr(logging, level.upper())
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        remove_forbidden,
    ]
    structlog.configure(
        processors=[*steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=steps,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    # uvicorn tells client addresses at info; the others are chatty
    for noisy in ("uvicorn", "uvicorn.access", "httpx", "httpcore", "websockets", "alembic", "peewee", "asyncio"):
        logging.getLogger(noisy).setLevel(max(number, logging.WARNING))


def remove_forbidden(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: blank the values that must not be kept."""
    for key in FORBIDDEN & event.keys():
        event[key] = "[removed]"
    return event


def get(area: str) -> structlog.stdlib.BoundLogger:
    """The logger of one area ("auth", "supervisor", ...)."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger("diemcau." + area, area=area)
    return logger
