"""Running a story: each step through the same doors as a real source's pages and a person's word."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Self
from uuid import uuid4

import msgspec

from caudal.hub import decisions, ledger
from caudal.hub.installation import Installation
from caudal.hub.scenarios.outcome import Outcome, outcome
from caudal.hub.scenarios.story import Case, Described, Step, Tx
from caudal.hub.scenarios.telling import StepRefused, page
from caudal.matching.evidence import CERTAIN
from caudal.matching.rates import Rate
from caudal.matching.transfers import Bounds
from caudal.model.changes import Cursor, Page, SourceRef
from caudal.model.errors import CaudalError
from caudal.store import events, matching, spaces, transfers
from caudal.store.ids import new_id
from caudal.store.matching import Movement
from caudal.store.showing import Route
from caudal.store.spaces import Space
from caudal.sync import engine
from caudal.sync.transferring import transfers_anew

_TODAY: Final = date(2026, 3, 20)
_FIELDS: Final = {
    "name": "counterparty", "description": "description", "category": "category", "amount": "amount",
    "date": "booked_on", "ref": "reference", "authorised_date": "authorized_on",
}  # fmt: skip
"""A story's word for a field → the ledger's."""
_LIMIT: Final = 1_000


async def replay(installation: Installation, case: Case) -> Outcome:
    """Run a case in a space of its own. A step that is refused as a whole ends it; the outcome says why."""
    books = await Books.opened(installation, case)
    error = None
    try:
        for step in case.steps:
            await books.take(step)
    except StepRefused as refused:
        error = refused.code
    return await books.outcome(error)


class Books:
    """A case under way, in a space of its own."""

    def __init__(self, installation: Installation, space: Space, case: Case) -> None:
        self.space = space
        self._installation = installation
        self._case = case
        self._today = _TODAY
        self._hours = 0
        self._pages = 0
        self._routes: dict[str, Route] = {}
        self._counted = (0, 0)

    @classmethod
    async def opened(cls, installation: Installation, case: Case) -> Self:
        """A new space for a case, with nothing in it."""
        space = await spaces.create_space(installation.store, f"{case.id} {uuid4()}", new_id())
        return cls(installation, space, case)

    async def take(self, step: Step) -> None:
        """One step. Raises StepRefused."""
        async with self._installation.store.transaction(self.space.space_id) as tx:
            before = await events.last(tx, self.space.space_id)
        acts = {
            "observe": self._observe,
            "batch": self._observe,
            "removed": self._observe,
            "file": self._observe,
            "manual": self._observe,
            "ledger": self._observe,
            "user_edit": self._edit,
            "user_delete": self._delete,
            "user_lock": self._lock,
            "user_split": self._split,
            "user_merge": self._merge,
            "accept_suggestion": self._merge,
            "match_transfers": self._match_transfers,
            "clock": self._clock,
        }
        act = acts.get(step.op)
        if act is None:
            raise StepRefused("op_unknown", f"{step.op!r} is no step that is known")
        await act(step)
        async with self._installation.store.transaction(self.space.space_id) as tx:
            told = await events.after(tx, self.space.space_id, before, _LIMIT)
        changed: Counter[str] = Counter()
        for event in told:
            if event.kind.startswith("transactions."):
                changed[event.kind] += len(msgspec.json.decode(event.data)["ids"])
        self._counted = changed.total(), changed["transactions.created"]

    async def outcome(self, error: str | None = None) -> Outcome:
        """What the ledger holds now."""
        space_id = self.space.space_id
        async with self._installation.store.transaction(space_id) as tx:
            movements = await matching.movements(tx, space_id)
            linked = await transfers.listed(tx, space_id, _LIMIT)
            questions = [
                *await matching.probable(tx, space_id, CERTAIN, _LIMIT),
                *await matching.doubts(tx, space_id, _LIMIT),
                *await matching.twins(tx, space_id, _LIMIT),
            ]
        quarantined = await ledger.quarantine(self._installation, self.space, _LIMIT)
        return outcome(
            self._case.id,
            movements,
            questions,
            transfers=linked,
            proofs=await ledger.proofs(self._installation, self.space),
            quarantined=len(quarantined),
            counted=self._counted,
            error=error,
            today=self._today,
        )

    async def _observe(self, step: Step) -> None:
        source = {"file": "file", "manual": "manual", "ledger": "seed"}.get(step.op, step.source or "")
        if not source.strip():
            raise StepRefused("source_required", "nobody says who told this")
        told = [*([step.tx] if step.tx is not None else []), *step.txs, *step.rows]
        of_account: dict[str, list[Tx]] = {}
        if step.account is not None:
            of_account[step.account] = []
        for tx in told:
            of_account.setdefault(tx.account or step.account or "acc1", []).append(tx)
        for account, txs in of_account.items():
            await self._tell(source, step, account, txs)
        for tx in told:
            if tx.split:
                await self._split(Step(op="user_split", select={"id": tx.id or tx.ref}, parts=tx.split))

    async def _tell(self, source: str, step: Step, account: str, txs: list[Tx]) -> None:
        self._pages += 1
        told = page(step, account, txs, self._case.given.accounts.get(account, Described()), self._pages)
        route = self._routes.setdefault(account, Route(new_id(), account))
        async with self._installation.store.transaction(self.space.space_id) as tx:
            connection = await spaces.connection(tx, self.space.space_id, source, source)
        job = engine.Job(
            self.space.space_id,
            connection.connection_id,
            stream="story",
            subject=step.op,
            routes={SourceRef(account): route},
        )
        await engine.run(self._installation.store, job, _once(told))

    async def _edit(self, step: Step) -> None:
        values = {
            _FIELDS[name]: str(value)
            for name, value in step.set.items()
            if name in _FIELDS and value is not None
        }
        for transaction in await self._selected(step.select):
            if values:
                await decisions.edit(self._installation, self.space, transaction, values)

    async def _delete(self, step: Step) -> None:
        for transaction in await self._selected(step.select):
            await decisions.delete(self._installation, self.space, transaction)

    async def _lock(self, step: Step) -> None:
        for transaction in await self._selected(step.select):
            await decisions.lock(self._installation, self.space, transaction)

    async def _split(self, step: Step) -> None:
        for transaction in await self._selected(step.select):
            await decisions.split(self._installation, self.space, transaction, step.parts)

    async def _merge(self, step: Step) -> None:
        keep, drop = await self._selected({"id": step.keep}), await self._selected({"id": step.drop})
        if len(keep) != 1 or len(drop) != 1:
            raise StepRefused("select_ambiguous", f"{step.keep!r} and {step.drop!r} are not two transactions")
        if keep != drop:
            await decisions.merge(self._installation, self.space, keep[0], drop[0])

    async def _clock(self, step: Step) -> None:
        self._hours += 24 * step.advance_days + step.advance_hours
        self._today = _TODAY + timedelta(days=self._hours // 24)

    async def _match_transfers(self, step: Step) -> None:
        """The ledger's transfers drawn anew, of all it holds, by the step's bounds and the case's rates."""
        space_id = self.space.space_id
        bounds = Bounds(step.window_days, step.fx_tolerance)
        given = [
            Rate(base, quote, date.fromisoformat(day), rate)
            for pair, days in self._case.given.rates.items()
            for base, _, quote in [pair.partition("/")]
            for day, rate in days.items()
        ]
        async with self._installation.store.transaction(space_id) as tx:
            seeds = [each.transaction_id for each in await matching.movements(tx, space_id)]
            await transfers_anew(tx, space_id, seeds, bounds=bounds, given=given)
            await events.write(tx, space_id)

    async def _selected(self, select: Mapping[str, object]) -> list[str]:
        async with self._installation.store.transaction(self.space.space_id) as tx:
            movements = await matching.movements(tx, self.space.space_id)
        return [str(each.transaction_id) for each in movements if not each.gone and _fits(each, select)]


def _once(told: Page) -> Callable[[Cursor], AsyncIterator[Page]]:
    async def pages(_: Cursor) -> AsyncIterator[Page]:
        yield told

    return pages


def _fits(movement: Movement, select: Mapping[str, object]) -> bool:
    """Whether a movement, or what any source told of it, is selected. A field nobody knows selects nothing away."""
    told: dict[str, set[str]] = {
        "id": set(movement.ids),
        "source": set(movement.sources),
        "account": {movement.account},
        "currency": {movement.currency},
        "name": {movement.counterparty, movement.description},
        "description": {movement.description},
        "ref": {movement.reference, *movement.ids},
        "category": {movement.category},
        "date": {movement.booked_on.isoformat(), *(day.isoformat() for day in movement.days)},
    }
    for field, value in select.items():
        if field == "amount" and Decimal(str(value)) != movement.amount:
            return False
        if field in told and str(value) not in told[field]:
            return False
    return True


async def replay_all(installation: Installation, cases: list[Case]) -> AsyncIterator[Outcome]:
    """Every case, in order. One that can't be run at all says so in its outcome."""
    for case in cases:
        try:
            yield await replay(installation, case)
        except CaudalError as error:
            yield Outcome(
                id=case.id, ledger=[], ledger_count=0, ledger_count_visible=0, suggestions=[], transfers=[],
                conflicts=[], quarantined=0, drift={}, alerts=[], changes_in_last_step=0, added=0,
                user_edits_kept=False, confidence_recorded=False, error=f"failed: {error}",
            )  # fmt: skip
