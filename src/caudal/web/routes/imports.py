"""Statement files, dropped or chosen: tried first, then taken in or left."""

from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

import msgspec
from starlette.responses import Response

from caudal.hub import connections, ledger, uploads
from caudal.hub.identity.roles import Scope
from caudal.model.errors import ConflictError, Malformed, MoneyError, NotFound
from caudal.web.forms import Form, Upload
from caudal.web.refusals import refusal
from caudal.web.routing import Declared, action, page
from caudal.web.views.common import Choice
from caudal.web.views.imports import Earlier, Files, Taken, Tried, earlier
from caudal.web.visits import InSpace

_NAME_MAX: Final = 60
_EARLIER: Final = 20
_REFUSALS: Final = (Malformed, ConflictError, NotFound, MoneyError)


@page("/s/{space}/imports/new", Scope.FILES_IMPORT)
async def new(visit: InSpace) -> Response:
    """Where files are dropped, what waits, what came before."""
    return await _shown(visit, Files())


@action("/s/{space}/imports", Scope.FILES_IMPORT, uploads=True)
async def offer(visit: InSpace) -> Response:
    """Each file by itself is tried, and waits: one that can't be read keeps no other from it."""
    form = await visit.form()
    files = form.files("files")
    if not files:
        return await _shown(visit, Files(), {"files": "import.none"})
    account = form.text("account", longest=200) or None
    return await _shown(visit, Files(tried=[await _tried(visit, each, account) for each in files]))


@action("/s/{space}/imports/take", Scope.FILES_IMPORT)
async def take(visit: InSpace) -> Response:
    """Those that waited are taken in."""
    ids = _ids(await visit.form())
    return await _shown(visit, Files(taken=[await _taken(visit, each) for each in ids]))


@action("/s/{space}/imports/leave", Scope.FILES_IMPORT)
async def leave(visit: InSpace) -> Response:
    """Those that waited are forgotten."""
    for each in _ids(await visit.form()):
        await uploads.leave(visit.installation, visit.space, each)
    return visit.go("/imports/new", said="import.was_left")


async def _tried(visit: InSpace, file: Upload, account: str | None) -> Tried:
    name = _named(file.name)
    most = visit.installation.settings.file_bounds.upload_bytes_max
    if file.size > most:
        return Tried(name, refused=visit.say("import.too_large", megabytes=most // 1024**2))
    try:
        sent = (name, await file.read())
        upload_id, preview = await uploads.offered(visit.installation, visit.space, sent, account)
    except _REFUSALS as error:
        return Tried(name, refused=refusal(error, visit.language)[:500])
    return Tried(name, upload_id, preview)


async def _taken(visit: InSpace, upload_id: UUID) -> Taken:
    try:
        return Taken(*await uploads.take(visit.installation, visit.space, upload_id))
    except _REFUSALS as error:
        return Taken(visit.say("import.a_file"), None, refused=refusal(error, visit.language)[:500])


def _ids(form: Form) -> list[UUID]:
    """The files that a page named; what is no id is none of them."""
    found = []
    for text in form.all("upload"):
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


def _named(told: str) -> str:
    """What it is called, without a path, as a file system takes it."""
    plain = "".join(c for c in PurePosixPath(told.replace("\\", "/")).name if c.isprintable()).lstrip(".")
    return plain[:_NAME_MAX] or "statement"


async def _earlier(visit: InSpace) -> list[Earlier]:
    if not visit.may(Scope.CONNECTIONS_READ):
        return []
    there = await connections.linked(visit.installation, visit.space)
    files = next((each.connection_id for each in there if each.provider == "file"), None)
    if files is None:
        return []
    return [earlier(run) for run in await ledger.runs(visit.installation, visit.space, files, None, _EARLIER)]


async def _shown(visit: InSpace, files: Files, errors: dict[str, str] | None = None) -> Response:
    there = await ledger.accounts(visit.installation, visit.space)
    names = {str(view.held.account_id): view.held.name for view in there}
    just_tried = set(files.offered)
    waiting = await uploads.waiting(visit.installation, visit.space)
    return await visit.show(
        "import.html",
        here="accounts",
        files=msgspec.structs.replace(
            files,
            waiting=[each for each in waiting if each.upload_id not in just_tried],
            earlier=await _earlier(visit),
        ),
        accounts=[Choice("", visit.say("import.by_itself")), *(Choice(*each) for each in names.items())],
        errors=errors or {},
        now=visit.now,
        status=422 if errors else 200,
    )


ROUTES: Final[tuple[Declared, ...]] = (new, offer, take, leave)
