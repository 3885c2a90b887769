"""Statement files: looked through, and taken in."""

from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from caudal.api.rest.endpoints import Endpoint, InSpace, Raw, post
from caudal.api.rest.forms import Asked, Code, Told
from caudal.hub import imports
from caudal.hub.identity.roles import Scope

FileName = Annotated[str, Meta(max_length=60, pattern=r"^[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*$")]
"""What it is called: no path. 60 characters are at most the 240 bytes that a file system takes."""


class FileQuery(Asked, frozen=True):
    """What the file doesn't say: what it is called, whose account it is of (a name or an id), in which currency.
    `preview`: only say what taking it in would do."""

    name: FileName = "statement"
    preview: bool = False
    account: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    currency: Code | None = None


class Verdict(Told, frozen=True):
    """How an account stands after it."""

    account_id: UUID
    account: str
    currency: str
    verdict: str


class Import(Told, frozen=True):
    """What taking a file in did. `known`: held already; `quarantined`: couldn't be read, and is kept; `notes`: what to
    know."""

    file: str
    format: str
    read: int
    new: int
    known: int
    changed: int
    quarantined: int
    proofs: list[Verdict]
    notes: list[str]


@post("/v1/spaces/{space_id}/files", Scope.FILES_IMPORT, tag="files")
async def import_file(call: InSpace, query: FileQuery, body: Raw) -> Import:
    """Take a statement file in: OFX, CAMT, SWIFT MT940, BAI2, QIF, CSV; told by its content.

    Taken in twice, or beside another that overlaps it, it adds nothing twice. One that can't be read whole is refused,
    and nothing is written. With `preview` nothing is either: the answer is what it would be.
    """
    sent, more = (query.name, body.data), {"account": query.account, "currency": query.currency}
    if query.preview:
        done = (await imports.preview_sent(call.installation, call.space, sent, **more)).tried()
    else:
        done = await imports.import_sent(call.installation, call.space, sent, **more)
    return Import(
        query.name,
        done.format,
        done.read,
        done.new,
        done.known,
        done.changed,
        done.quarantined,
        [Verdict(each.account_id, each.account, each.currency, each.verdict) for each in done.proofs],
        done.notes,
    )


ENDPOINTS: Final[tuple[Endpoint, ...]] = (import_file,)
