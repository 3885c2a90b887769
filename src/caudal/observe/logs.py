"""One way out for everything that is logged, ours and the libraries': a line a thing, said what it is about, no secret
in it.

    configure("info")                     # once, where a process begins
    log = logger("caudal.sync")
    with about(space=…, connection=…):
        log.info("run ended", outcome="complete", pages=3)

JSON for machines, readable where standard error is a terminal. Libraries are heard from WARNING on: below it httpx prints
URLs with their queries, httpcore headers, uvicorn the address of every callback, procrastinate the arguments of jobs.
"""

import contextlib
import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping, Sequence
from copy import copy
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from caudal.observe import context, exceptions
from caudal.observe.exceptions import Shown
from caudal.observe.redaction import REDACTED, names_a_secret, redact

_QUIET: Final = (
    "alembic", "asyncio", "httpcore", "httpx", "procrastinate", "psycopg", "psycopg.pool", "uvicorn", "uvicorn.access",
    "uvicorn.error",
)  # fmt: skip
_ALWAYS: Final = frozenset({"timestamp", "level", "logger"})
"""Made here, whatever is said."""
_DEPTH_MAX: Final = 6
_MEMBERS_MAX: Final = 100

SERVER: Final[Mapping[str, Any]] = {"log_config": None, "access_log": False}
"""For uvicorn.Config: it logs through here, and leaves the line for each request to whoever knows its route."""

logging.getLogger("caudal").addHandler(logging.NullHandler())  # unconfigured, nothing goes out unredacted


def logger(name: str) -> BoundLogger:
    """A logger whose lines take fields: ``log.info("run ended", outcome=…)``. Configured or not, it is stdlib's."""
    bound: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name), processors=_OURS, wrapper_class=BoundLogger
    )
    return bound


def configure(level: str, stream: TextIO | None = None) -> None:
    """Log ours from `level` on and libraries' from WARNING on to `stream` (standard error). Uncaught exceptions too."""
    out = sys.stderr if stream is None else stream
    handler = _Handler(out)
    handler.setFormatter(_formatter(readable=out.isatty()))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("caudal").setLevel(level.upper())
    for name in _QUIET:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
    structlog.configure(
        processors=_OURS, wrapper_class=BoundLogger, logger_factory=structlog.stdlib.LoggerFactory()
    )
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda failed: _uncaught(
        failed.exc_type, failed.exc_value or failed.exc_type(), failed.exc_traceback
    )


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("caudal").critical("ended by an exception", exc_info=(kind, error, trace))


@lru_cache(maxsize=1_000)
def _field(name: str) -> str:
    return redact(name)


@lru_cache(maxsize=1_000)
def _secret(name: str) -> bool:
    return names_a_secret(name)


class _Handler(logging.StreamHandler[TextIO]):
    """Where a line can't be made or written, logging's own handler would print its arguments as they are."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        failed = sys.exception()
        lost = {
            "level": "error",
            "event": "a line of the log was lost",
            "logger": record.name,
            "line": record.lineno,
        }
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(_json({**lost, "why": type(failed).__qualname__}) + "\n")
            self.flush()


class _Formatter(ProcessorFormatter):
    """Where an exception stands among a message's arguments, its redacted words stand instead: psycopg's quote rows."""

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.args, tuple) and any(isinstance(each, BaseException) for each in record.args):
            record = copy(record)
            record.args = tuple(
                exceptions.words(each) if isinstance(each, BaseException) else each
                for each in record.args or ()
            )
        return super().format(record)


def _formatter(*, readable: bool) -> logging.Formatter:
    write: list[Processor] = (
        [_as_text, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if readable
        else [structlog.processors.JSONRenderer(serializer=_json)]
    )
    return _Formatter(
        foreign_pre_chain=_ALL,
        processors=[ProcessorFormatter.remove_processors_meta, _show_exception, _redacted, *write],
    )


def _with_context(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    for name, value in context.current().items():
        line.setdefault(name, value)
    return line


def _show_exception(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """In place of `exc_info`, in any of the forms that logging takes, the exception as it may be shown."""
    given = line.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        line["exception"] = exceptions.shown(error)
    return line


def _redacted(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """The last look at a line before it is written: by the names of its fields, and by the form of their values."""
    return {
        _field(name): value if name in _ALWAYS else _shown(name, value, _DEPTH_MAX)
        for name, value in line.items()
    }


def _shown(name: str, value: object, depth: int) -> object:
    match value:
        case None | bool():
            return value
        case _ if _secret(name) or depth == 0:
            return REDACTED
        case list() if value and isinstance(value[0], Shown):
            return value  # redacted as it was made
        case int() | float():
            return value if redact(str(value)) == str(value) and abs(value) < 2**63 else redact(str(value))
        case bytes() | bytearray() | memoryview():
            return f"{len(value)} bytes"
        case Mapping():
            members = list(value.items())[:_MEMBERS_MAX]
            return {redact(str(key)): _shown(str(key), member, depth - 1) for key, member in members}
        case BaseException():
            return exceptions.words(value)
        case str():
            return redact(value)
        case Sequence() | set() | frozenset():
            return [_shown("", member, depth - 1) for member in list(value)[:_MEMBERS_MAX]]
    return redact(str(value))


def _as_text(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    chain = line.get("exception")
    if isinstance(chain, list):
        line["exception"] = "\n".join(exceptions.as_lines(chain))
    return line


def _json(line: MutableMapping[str, Any], **_: object) -> str:
    return msgspec.json.encode(line).decode()


_ALL: Final[list[Processor]] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _with_context,
]
"""What every line says, whoever logged it."""

_OURS: Final[list[Processor]] = [
    structlog.stdlib.filter_by_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    *_ALL,
    ProcessorFormatter.wrap_for_formatter,
]
