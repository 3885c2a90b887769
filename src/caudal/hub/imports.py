"""Importing a statement file: looked through first, then pulled page by page into the ledger."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from uuid import UUID

import msgspec

from caudal.hub import audit
from caudal.hub.installation import Installation
from caudal.model.changes import SourceRef
from caudal.model.currencies import UNKNOWN
from caudal.model.errors import ConflictError, NotFound
from caudal.providers.file.provider import FileDrop, FileProvider, OpenedFile, look_through
from caudal.store import ledger, spaces
from caudal.store.ids import new_id
from caudal.store.ledger import ProofRow
from caudal.store.showing import Route
from caudal.store.spaces import Space
from caudal.sync import engine

CONNECTION_LABEL = "files"
"""The one connection of a space through which its statement files come."""


class FileReport(msgspec.Struct, frozen=True):
    """What importing one file did."""

    file: str
    format: str
    space: str
    read: int
    """Movements the file tells of."""
    new: int
    known: int
    """Movements the ledger held already."""
    changed: int
    quarantined: int
    proofs: list[ProofRow]
    notes: list[str]
    """What a person should know: an account the file didn't name, a currency it didn't tell."""


Progress = Callable[[int, int], None]
"""Told how many movements are done, of how many."""


class Preview(msgspec.Struct, frozen=True):
    """What importing a file would do. `report` None: it tells of more than is tried beforehand, and only what it says of
    itself is known. `accounts`: those the ledger would have anew; `first_on` to `last_on`: the days it tells of."""

    format: str
    entries: int
    unreadable: int
    first_on: date | None
    last_on: date | None
    report: FileReport | None
    accounts: list[str]

    def tried(self) -> FileReport:
        """Its report. Raises ConflictError where it wasn't tried."""
        if self.report is None:
            raise ConflictError(
                f"a file of {self.entries} movements is too long to be tried beforehand",
                says="file_too_long",
                n=self.entries,
            )
        return self.report


class _Looked(msgspec.Struct, frozen=True):
    """A file that was read through once, and whose account the person named."""

    opened: OpenedFile
    chosen: Route | None


async def import_file(
    installation: Installation, space: Space, drop: FileDrop, progress: Progress = lambda _done, _of: None
) -> FileReport:
    """Bring one file into `space`. Raises Malformed where it can't be read; then nothing was written.

    The whole file is read once before the first page is committed. Importing it again, or another that overlaps
    it, adds nothing twice.
    """
    return await _bring_in(installation, space, await _looked(installation, space, drop), progress)


async def preview_file(installation: Installation, space: Space, drop: FileDrop) -> Preview:
    """What `import_file` would do, found out by doing it and taking it all back: up to `preview_entries_max` movements,
    for meanwhile others wait who write about the same accounts. Raises as `import_file`."""
    looked = await _looked(installation, space, drop)
    survey = looked.opened.survey
    days = [day for each in survey.statements for day in (each.first_on, each.last_on) if day is not None]
    report, anew = None, []
    if survey.entries <= installation.settings.file_bounds.preview_entries_max:
        async with installation.store.transaction(space.space_id) as tx:
            there = {each.account_id for each in await ledger.accounts(tx, space.space_id)}
        async with installation.store.rehearsal() as store:
            trying = msgspec.structs.replace(installation, store=store)
            report = await _bring_in(trying, space, looked)
            async with store.transaction(space.space_id) as tx:
                found = await ledger.accounts(tx, space.space_id)
            anew = list(dict.fromkeys(each.name for each in found if each.account_id not in there))
    return Preview(
        format=looked.opened.format.name,
        entries=survey.entries,
        unreadable=survey.unreadable,
        first_on=min(days, default=None),
        last_on=max(days, default=None),
        report=report,
        accounts=anew,
    )


async def import_sent(
    installation: Installation,
    space: Space,
    sent: tuple[str, bytes],
    *,
    account: str | None = None,
    currency: str | None = None,
) -> FileReport:
    """The same with a file that came over HTTP: its name (no path), what is in it. Raises as `import_file`."""
    async with _dropped(sent, account, currency) as drop:
        return await import_file(installation, space, drop)


async def preview_sent(
    installation: Installation,
    space: Space,
    sent: tuple[str, bytes],
    *,
    account: str | None = None,
    currency: str | None = None,
) -> Preview:
    """What that would do. Raises as `import_file`."""
    async with _dropped(sent, account, currency) as drop:
        return await preview_file(installation, space, drop)


@asynccontextmanager
async def _dropped(
    sent: tuple[str, bytes], account: str | None, currency: str | None
) -> AsyncIterator[FileDrop]:
    name, data = sent
    with tempfile.TemporaryDirectory(prefix="caudal-") as folder:
        path = Path(folder) / name
        await asyncio.to_thread(path.write_bytes, data)
        yield FileDrop(path, account=account, currency=currency)


async def _looked(installation: Installation, space: Space, drop: FileDrop) -> _Looked:
    chosen, currency = await _chosen(installation, space, drop)
    drop = msgspec.structs.replace(
        drop, account_id=chosen and chosen.account_id, currency=drop.currency or currency
    )
    return _Looked(look_through(drop, installation.settings.file_bounds), chosen)


async def _bring_in(
    installation: Installation,
    space: Space,
    looked: _Looked,
    progress: Progress = lambda _done, _of: None,
) -> FileReport:
    settings, opened = installation.settings, looked.opened
    provider = FileProvider(settings.file_bounds, settings.page_transactions_max)
    async with installation.store.transaction(space.space_id) as tx:
        connection = await spaces.connection(tx, space.space_id, provider.name, CONNECTION_LABEL)
    job = engine.Job(
        space.space_id,
        connection.connection_id,
        stream=f"sha256:{opened.digest}",
        subject=opened.drop.path.name,
        routes=_routes(opened, looked.chosen),
        bounds=msgspec.structs.replace(settings.run, pages_max=sys.maxsize),  # a file is taken whole
        cause="import",
    )
    report = await engine.run(
        installation.store,
        job,
        lambda cursor: provider.pull(opened, cursor),
        lambda done: progress(done.seen, opened.survey.entries),
    )
    return await _report(installation, space, opened, report)


async def _report(
    installation: Installation, space: Space, opened: OpenedFile, done: engine.Report
) -> FileReport:
    """Write the import down in the audit trail, and tell what it did."""
    async with installation.store.transaction(space.space_id) as tx:
        proofs = await ledger.proofs(tx, space.space_id, done.accounts)
        details = {"run": str(done.run_id), "sha256": opened.digest, "new": str(done.created)}
        await audit.note(tx, installation, space, "file.imported", details)
    told, unreadable = opened.survey.entries, opened.survey.unreadable
    refused = max(
        done.quarantined - unreadable, 0
    )  # entries that were read, but are no money the ledger can hold
    return FileReport(
        file=str(opened.drop.path),
        format=opened.format.name,
        space=space.name,
        read=told + unreadable,
        new=done.created,
        known=max(told - done.created - done.changed - refused, 0),
        changed=done.changed,
        quarantined=refused + unreadable,
        proofs=proofs,
        notes=_notes(opened),
    )


async def _chosen(
    installation: Installation, space: Space, drop: FileDrop
) -> tuple[Route | None, str | None]:
    """The account that --account names, by name or id, and its currency, which a file that tells none is taken to be in.
    A new account, made with the first page, where the name is new: of no currency yet."""
    if drop.account is None:
        return None, None
    async with installation.store.transaction(space.space_id) as tx:
        account = await spaces.find_account(tx, space.space_id, drop.account)
    if account is not None:
        currency = account.currency if account.currency != UNKNOWN else None
        return Route(account.account_id, account.name), currency
    if _is_id(drop.account):
        raise NotFound(f"no account {drop.account} in space {space.name}")
    return Route(new_id(), drop.account), None


def _routes(opened: OpenedFile, chosen: Route | None) -> dict[SourceRef, Route]:
    refs = opened.survey.refs
    if chosen is None or not refs:
        return {}
    if len(refs) > 1:
        raise ConflictError(
            f"{opened.drop.path.name} tells of {len(refs)} accounts; --account names one. "
            "Import it without --account: the file says itself which is which"
        )
    return {refs[0]: chosen}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _notes(opened: OpenedFile) -> list[str]:
    notes = []
    if not opened.survey.statements and not opened.survey.unreadable:
        notes.append("the file is well-formed, but holds no statement")
    for statement in opened.survey.statements:
        account = statement.account
        if not (account.iban or account.number or account.id or opened.drop.account):
            notes.append(
                "the file names no account: exports of the same kind are booked together; "
                "use --account to tell accounts apart"
            )
        if statement.currency_untold:
            notes.append(
                "the file tells no currency: amounts are kept as XXX; use --currency to say which it is"
            )
    return list(dict.fromkeys(notes))
