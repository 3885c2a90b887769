"""What happened at the door: who came in and who didn't, what shows who they are, what was refused (ASVS 16.3).

One line each in the log ``caudal.security``, with a kind and ids. When, and in which request, every line says anyhow.
What is done within a space is told by its audit trail.
"""

from typing import Final
from uuid import UUID

from caudal.observe import logs

_LOG: Final = logs.logger("caudal.security")


def happened(kind: str, *, actor: UUID | None = None, **more: str) -> None:
    """It was done, by somebody who may. `kind`: ``session.begun``; `more`: never what opens anything."""
    _LOG.info("security", kind=kind, **_who(actor), **more)


def refused(kind: str, *, actor: UUID | None = None, **more: str) -> None:
    """It was tried, and not let."""
    _LOG.warning("security", kind=kind, **_who(actor), **more)


def _who(actor: UUID | None) -> dict[str, str]:
    return {} if actor is None else {"actor": f"person:{actor}"}
