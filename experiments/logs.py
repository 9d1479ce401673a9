"""What the parts log: text for people, or with `UNROLL_LOG=json` one JSON object a line.

Whatever is logged, by Unroll or by a library, passes one filter that takes secrets out of it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import threading
import time
from types import TracebackType

from core.secrets import without_secrets
from core.settings import BadSetting

LOG_VARIABLE = "UNROLL_LOG"

FORMATS = ("text", "json")

TEXT = {"worker": "%(asctime)s %(message)s"}
"""Part → how its lines look to people, where they are more than the message."""

RUN, ERROR = "run", "error"
"""What a record may have besides its message: the id of a run, the number of an error."""

log = logging.getLogger("unroll")

SILENT = logging.Logger("silent", logging.CRITICAL + 1)
"""For a worker whose doings a display shows."""


def set_up(part: str) -> None:
    """Log to standard error, as this part. Raises `BadSetting` for an unknown format."""
    choice = os.environ.get(LOG_VARIABLE, "").strip().lower() or FORMATS[0]
    if choice not in FORMATS:
        raise BadSetting(f"{LOG_VARIABLE} is {choice!r}; choose {' or '.join(FORMATS)}")
    handler = _Handler()
    handler.addFilter(Masked())
    text = TextFormatter(TEXT.get(part, "%(message)s"), "%H:%M:%S")
    handler.setFormatter(JsonFormatter(part) if choice == "json" else text)
    root = logging.getLogger()
    for other in [*root.handlers]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    log.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: log.error(
        "uncaught in a thread", exc_info=args.exc_value or args.exc_type()
    )


def take_over(*libraries: str) -> None:
    """Let these libraries' loggers, which have handlers of their own, log as everybody else does.

    Call it after they are set up; what they log below a warning is left out.
    """
    for name, logger in [*logging.Logger.manager.loggerDict.items()]:
        if isinstance(logger, logging.Logger) and name.startswith(libraries):
            for handler in [*logger.handlers]:
                logger.removeHandler(handler)
            logger.propagate = True
            logger.setLevel(logging.WARNING)


def log_failure(
    message: str, error: BaseException, run: str = "", *, log: logging.Logger = log
) -> str:
    """Log an error with its traceback; return the number under which the log has it."""
    number = secrets.token_hex(4)
    log.error(message, exc_info=error, extra={ERROR: number, RUN: run})
    return number


class Masked(logging.Filter):
    """Takes secrets out of the message and the traceback of every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - a library's arguments do not fit its message
            message = f"{record.msg} {record.args}"
        record.msg, record.args = without_secrets(message), None
        if record.exc_info:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = without_secrets(record.exc_text)
        if record.stack_info:
            record.stack_info = without_secrets(record.stack_info)
        return True


class TextFormatter(logging.Formatter):
    """Lines for people."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        number = getattr(record, ERROR, "")
        return super().formatMessage(record) + (f" (error {number})" if number else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, part, message, and run, error, traceback if any."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "part": self._part,
            "logger": record.name,
            "message": record.getMessage(),
            RUN: getattr(record, RUN, ""),
            ERROR: getattr(record, ERROR, ""),
            "traceback": record.exc_text or "",
        }
        return json.dumps({name: text for name, text in fields.items() if text != ""})


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what is standard error by then; a log on a full disk costs the line, no more."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log_failure(f"{kind.__name__}: {error}", error.with_traceback(where))
