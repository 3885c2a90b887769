"""What the page of statement files shows: those that were tried, those that wait, those that were taken in."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from caudal.hub.imports import FileReport, Preview
from caudal.store.ledger import RunRow
from caudal.store.uploads import WaitingRow
from caudal.web.views.common import Proof
from caudal.web.views.ledger import verdict


class Taken(msgspec.Struct, frozen=True):
    """What became of one file; or why it was refused, and then nothing of it was written."""

    name: str
    report: FileReport | None
    refused: str = ""

    @property
    def proofs(self) -> list[tuple[str, Proof]]:
        """How its accounts stand."""
        return _proofs(self.report)


class Tried(msgspec.Struct, frozen=True):
    """What a file that waits would do; or why it was refused. `report` None beside a `preview`: it is too long to be
    tried."""

    name: str
    upload_id: UUID | None = None
    preview: Preview | None = None
    refused: str = ""

    @property
    def report(self) -> FileReport | None:
        """What it would do."""
        return self.preview.report if self.preview else None

    @property
    def proofs(self) -> list[tuple[str, Proof]]:
        """How its accounts would stand."""
        return _proofs(self.report)

    @property
    def days(self) -> tuple[date, date] | None:
        """From when to when it tells."""
        there = self.preview
        return (there.first_on, there.last_on) if there and there.first_on and there.last_on else None


class Earlier(msgspec.Struct, frozen=True):
    """A file that was taken in before."""

    name: str
    at: datetime
    created: int
    known: int
    quarantined: int
    outcome: str


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows of files."""

    tried: list[Tried] = []
    taken: list[Taken] = []
    waiting: list[WaitingRow] = []
    earlier: list[Earlier] = []

    @property
    def offered(self) -> list[UUID]:
        """Those that were just tried, and can be taken in."""
        return [each.upload_id for each in self.tried if each.upload_id]


def _proofs(report: FileReport | None) -> list[tuple[str, Proof]]:
    return [(each.account, verdict(each)) for each in report.proofs] if report else []


def earlier(run: RunRow) -> Earlier:
    """An import as a run tells it."""
    known = max(run.seen - run.created - run.changed - run.gone, 0)
    return Earlier(run.subject, run.started_at, run.created, known, run.quarantined, run.outcome)
