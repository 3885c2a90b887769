"""What happened at the door: who came in and who didn't, what shows who they are, what was refused (ASVS 16.3).

One line each in the log ``caudal.security``, with a kind and ids. When, and in which request, every line says anyhow.
What a space's audit trail tells of who may do what there, and of its connections, is told here too.
"""

from typing import Final
from uuid import UUID

from caudal.observe import logs

_LOG: Final = logs.logger("caudal.security")


def happened(kind: str, *, actor: UUID | str | None = None, **more: str) -> None:
    """It was done, by somebody who may: `actor` is a person, or what the audit trail calls whoever it was. `kind`:
    ``session.begun``; `more`: never what opens anything."""
    _LOG.info("security", kind=kind, **_who(actor), **more)


def refused(kind: str, *, actor: UUID | str | None = None, **more: str) -> None:
    """It was tried, and not let."""
    _LOG.warning("security", kind=kind, **_who(actor), **more)


def _who(actor: UUID | str | None) -> dict[str, str]:
    if actor is None:
        return {}
    return {"actor": actor if isinstance(actor, str) else f"person:{actor}"}
