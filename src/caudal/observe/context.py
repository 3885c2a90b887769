"""What a line in the log is about: which request or job, which space, connection and run. It follows the work wherever
it is awaited, and into the tasks it starts."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from uuid import UUID, uuid4

from caudal.observe.redaction import redact

_ABOUT: Final[ContextVar[Mapping[str, str]]] = ContextVar("caudal_about", default={})  # noqa: B039  (never changed)
_REQUEST_ID: Final = re.compile(r"[\w.:-]{8,64}", re.ASCII)


@contextmanager
def about(
    *,
    request_id: str | None = None,
    job: int | None = None,
    space: UUID | None = None,
    connection: UUID | None = None,
    run: UUID | None = None,
) -> Iterator[None]:
    """Within the block every line says this too. What was said around it stays, unless said anew."""
    told = {"request_id": request_id, "job": job, "space": space, "connection": connection, "run": run}
    before = _ABOUT.set(
        {**_ABOUT.get(), **{name: str(value) for name, value in told.items() if value is not None}}
    )
    try:
        yield
    finally:
        _ABOUT.reset(before)


def current() -> Mapping[str, str]:
    """What lines are about just now."""
    return _ABOUT.get()


def request_id(offered: str | None = None) -> str:
    """A name for a request: the one its sender gave it, if it is one and no secret that strayed there; else a new one."""
    if offered is not None and _REQUEST_ID.fullmatch(offered) and redact(offered) == offered:
        return offered
    return uuid4().hex
