"""Requests that their senders named, so that the same one isn't carried out twice. Only the door sees them."""

import msgspec

from caudal.store.database import Transaction


class RequestRow(msgspec.Struct, frozen=True):
    """What was asked under a name (a digest), and the sealed answer; `status` None: it isn't answered."""

    request: bytes
    status: int | None
    answer: bytes | None
    sealed_by: str | None


class _Name(msgspec.Struct, frozen=True):
    name: str


async def begin(tx: Transaction, owner: str, name: str, request: bytes) -> bool:
    """Take the name. False: it is taken."""
    return await tx.first("begin_request", _Name, owner=owner, name=name, request=request) is not None


async def under(tx: Transaction, owner: str, name: str) -> RequestRow | None:
    """What was asked under it."""
    return await tx.first("request_under", RequestRow, owner=owner, name=name)


async def answered(tx: Transaction, of: tuple[str, str], status: int, answer: tuple[bytes, str]) -> None:
    """Keep the answer (sealed, by which key) to what was asked under (owner, name)."""
    sealed, sealed_by = answer
    await tx.run("answer_request", owner=of[0], name=of[1], status=status, answer=sealed, sealed_by=sealed_by)


async def drop(tx: Transaction, owner: str, name: str) -> None:
    """Free the name of a request that nothing came of."""
    await tx.run("drop_request", owner=owner, name=name)
