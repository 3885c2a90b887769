"""Statement files, dropped or chosen, and what taking them in did."""

from pathlib import PurePosixPath
from typing import Final

import msgspec
from starlette.responses import Response

from caudal.hub import imports, ledger
from caudal.hub.identity.roles import Scope
from caudal.hub.imports import FileReport
from caudal.model.errors import CaudalError, ConflictError, Malformed, MoneyError, NotFound
from caudal.web.forms import Upload
from caudal.web.routing import Declared, action, page
from caudal.web.views.common import Choice, Proof
from caudal.web.views.ledger import verdict
from caudal.web.visits import InSpace

_NAME_MAX: Final = 60


class Taken(msgspec.Struct, frozen=True):
    """What became of one file: a report, with the verdict on each of its accounts; or why it was refused, and then
    nothing of it was written."""

    name: str
    report: FileReport | None
    proofs: tuple[tuple[str, Proof], ...] = ()
    refused: str = ""


@page("/s/{space}/imports/new", Scope.FILES_IMPORT)
async def new(visit: InSpace) -> Response:
    """Where files are dropped."""
    return await _shown(visit)


@action("/s/{space}/imports", Scope.FILES_IMPORT, uploads=True)
async def take(visit: InSpace) -> Response:
    """Each file by itself: one that can't be read keeps no other from being taken in."""
    form = await visit.form()
    files = form.files("files")
    if not files:
        return await _shown(visit, {"files": "import.none"})
    account = form.text("account", longest=200) or None
    return await _shown(visit, taken=[await _one(visit, each, account) for each in files])


async def _one(visit: InSpace, file: Upload, account: str | None) -> Taken:
    name = _named(file.name)
    try:
        sent = (name, file.data)
        done = await imports.import_sent(visit.installation, visit.space, sent, account=account)
        return Taken(name, done, tuple((each.account, verdict(each)) for each in done.proofs))
    except (Malformed, ConflictError, NotFound, MoneyError) as error:
        return Taken(name, None, refused=_plain(error))


def _named(told: str) -> str:
    """What it is called, without a path, as a file system takes it."""
    plain = "".join(c for c in PurePosixPath(told.replace("\\", "/")).name if c.isprintable()).lstrip(".")
    return plain[:_NAME_MAX] or "statement"


def _plain(error: CaudalError) -> str:
    return str(error)[:500]


async def _shown(
    visit: InSpace, errors: dict[str, str] | None = None, taken: list[Taken] | None = None
) -> Response:
    there = await ledger.accounts(visit.installation, visit.space)
    names = {str(view.held.account_id): view.held.name for view in there}
    return await visit.show(
        "import.html",
        here="accounts",
        taken=taken or [],
        accounts=[Choice("", visit.say("import.by_itself")), *(Choice(*each) for each in names.items())],
        errors=errors or {},
        status=422 if errors else 200,
    )


ROUTES: Final[tuple[Declared, ...]] = (new, take)
