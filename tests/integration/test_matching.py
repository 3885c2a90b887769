"""One truth: what several sources, files and people tell of an account, as the ledger holds it."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.books import ACCOUNT, REF, all_rows, books, faults, page, pull_of, seen
from tests.support.opened import Opened
from tests.support.shared import shared

from caudal.hub import decisions, ledger
from caudal.hub.installation import Installation
from caudal.hub.scenarios import story
from caudal.hub.scenarios.outcome import Outcome
from caudal.hub.scenarios.replay import Books, replay
from caudal.hub.scenarios.story import Case, Step, Tx
from caudal.model.changes import BalanceKind, BalanceSeen
from caudal.model.errors import ConflictError, NotFound
from caudal.model.money import Money
from caudal.store import spaces
from caudal.store.database import Store
from caudal.sync import engine


def coffee(
    id_: str = "",
    day: int = 10,
    amount: str = "-3.50",
    name: str = "Harbour Coffee",
    *,
    pending: bool = False,
) -> Tx:
    """A small purchase in March."""
    return Tx(
        id=id_, amount=Decimal(amount), currency="EUR", date=f"2026-03-{day:02}", name=name, pending=pending
    )


def told(source: str, *txs: Tx) -> Step:
    return Step(op="batch", source=source, account="giro", txs=list(txs))


def in_file(*txs: Tx) -> Step:
    return Step(op="file", account="giro", rows=list(txs))


def story_of(*steps: Step) -> Case:
    return Case("a story", list(steps))


async def rows_of(hub: Installation, books: Books) -> list[ledger.TransactionRow]:
    return await ledger.transactions(hub, books.space, ledger.Filter(None, None, None, None, 100))


def in_ledger(outcome: Outcome) -> list[tuple[str, str]]:
    return sorted((str(row["date"]), row["amount"]) for row in outcome.ledger if not row["removed"])


def test_what_a_bank_and_a_file_tell_is_one_movement_and_why_says_so(opened: Opened) -> None:
    async def act(here: Installation) -> None:
        books = await Books.opened(here, story_of())
        await books.take(told("plaid", coffee("p-1", name="Harbour Coffee Co")))
        await books.take(in_file(coffee(day=11, name="CARD PAYMENT TO HARBOUR COFFEE CO")))
        done = await books.outcome()
        assert done.ledger_count == 1
        assert done.ledger[0]["sources"] == ["plaid", "file"]
        found = await rows_of(here, books)
        why = await ledger.why(here, books.space, str(found[0].transaction_id))
        assert {seen.provider for seen in why.observations} == {"plaid", "file"}
        [joined] = {seen.match_rule for seen in why.observations} - {None}
        assert joined == "across_sources"

    opened(act)


@pytest.mark.parametrize(("here", "there"), [(2, 2), (2, 1), (1, 3), (3, 0)])
def test_counts_come_before_looks(opened: Opened, here: int, there: int) -> None:
    bank = told("plaid", *(coffee(f"p-{n}") for n in range(here)))
    file = in_file(*(coffee() for _ in range(there)))
    outcome = opened(lambda hub: replay(hub, story_of(bank, file)))
    assert outcome.ledger_count == max(here, there)


def test_a_person_merges_takes_apart_and_takes_both_back(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        books = await Books.opened(hub, story_of())
        await books.take(
            told("plaid", coffee("p-1", name="Harbour Coffee"), coffee("p-2", 25, name="Quay Books"))
        )
        ids = [str(row.transaction_id) for row in await rows_of(hub, books)]
        merged = await decisions.merge(hub, books.space, ids[0], ids[1])
        assert (await books.outcome()).ledger_count == 1
        with pytest.raises(ConflictError, match="one already"):
            await decisions.merge(hub, books.space, ids[0], ids[1])
        [apart] = await decisions.split_apart(hub, books.space, ids[0])
        assert (await books.outcome()).ledger_count == 2
        await decisions.undo(hub, books.space, apart)
        assert (await books.outcome()).ledger_count == 1
        await decisions.undo(hub, books.space, merged)
        assert (await books.outcome()).ledger_count == 2
        with pytest.raises(NotFound):
            await decisions.undo(hub, books.space, merged)
        assert await faults(hub.store, books.space.space_id) == {}

    opened(act)


def test_three_taken_apart_are_told_of_once_each_and_what_is_no_amount_is_refused(
    opened: Opened, conninfo: str
) -> None:
    async def act(hub: Installation) -> None:
        books = await Books.opened(hub, story_of())
        for source in ("plaid", "pluggy"):
            await books.take(told(source, coffee(source)))
        await books.take(in_file(coffee()))
        [row] = await rows_of(hub, books)
        one = str(row.transaction_id)
        for wrong in ({"amount": "a lot"}, {"amount": "-3.505"}, {"booked_on": "soon"}, {"colour": "red"}):
            with pytest.raises(ConflictError):
                await decisions.edit(hub, books.space, one, wrong)
        last = all_rows(conninfo, "select max(seq) from caudal.event")
        await decisions.split_apart(hub, books.space, one)
        assert (await books.outcome()).ledger_count == 3
        since = all_rows(
            conninfo,
            "select kind, sum(jsonb_array_length(data->'ids'))::int from caudal.event "
            f"where kind like 'transactions.%%' and seq > {last[0][0]} group by 1 order by 1",
        )
        assert dict(since)["transactions.created"] == 2

    opened(act)


def test_a_person_s_edit_holds_for_its_field_and_a_later_amount_still_arrives(opened: Opened) -> None:
    held, settled = coffee("p-1", pending=True), coffee("p-1", 12, "-4.00")
    edit = Step(op="user_edit", select={"id": "p-1"}, set={"category": "treats"})
    [row] = opened(
        lambda hub: replay(hub, story_of(told("plaid", held), edit, told("plaid", settled)))
    ).ledger
    assert (row["category"], row["amount"], row["pending"]) == ("treats", "-4.00", False)


def test_of_two_held_alike_a_booking_that_names_one_leaves_the_other_pending(opened: Opened) -> None:
    held = told("plaid", coffee("p-1", pending=True), coffee("p-2", pending=True))
    booked = told("plaid", msgspec.structs.replace(coffee("b-1", 11), pending_id="p-1"))
    rows = opened(lambda hub: replay(hub, story_of(held, booked))).ledger
    assert sorted(row["pending"] for row in rows if not row["removed"]) == [False, True]


def test_what_is_reconciled_stays_and_what_its_bank_says_now_is_shown(opened: Opened) -> None:
    lock = Step(op="user_lock", select={"id": "p-1"})
    done = opened(
        lambda hub: replay(
            hub, story_of(told("plaid", coffee("p-1")), lock, told("plaid", coffee("p-1", amount="-4.00")))
        )
    )
    assert done.ledger[0]["amount"] == "-3.50"
    assert [(each["field"], each["kept"], each["told"]) for each in done.conflicts] == [
        ("amount", "-3.50", "-4.00")
    ]


def test_what_a_person_deleted_does_not_come_back_by_another_source(opened: Opened) -> None:
    delete = Step(op="user_delete", select={"id": "p-1"})
    done = opened(lambda hub: replay(hub, story_of(told("plaid", coffee("p-1")), delete, in_file(coffee()))))
    assert done.ledger_count == 0


def test_a_balance_is_told_with_what_the_ledger_holds_once_known_movements_are_known_again(
    conninfo: str,
) -> None:
    giro = msgspec.structs.replace(ACCOUNT, iban="DE89370400440532013000")
    balance = BalanceSeen(
        REF, BalanceKind.BOOKED, Money(Decimal("95.50"), "EUR"), date(2026, 3, 2), firm=False
    )

    async def act() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            await engine.run(store, there.job(), pull_of(page([giro, seen("in the file")])))
            async with store.transaction(there.space_id) as tx:
                live = await spaces.connection(tx, there.space_id, "plaid", "live")
            job = msgspec.structs.replace(there, connection_id=live.connection_id).job()
            await engine.run(store, job, pull_of(page([giro, seen("live"), balance])))

    asyncio.run(act())
    assert all_rows(conninfo, "select count(*) from caudal.transaction where gone_at is null") == [(1,)]
    assert all_rows(conninfo, "select held_before, held_since from caudal.balance") == [(0, Decimal("-4.50"))]


_TXS = st.builds(
    coffee,
    id_=st.sampled_from("abcdefgh"),
    day=st.integers(9, 13),
    amount=st.sampled_from(["-3.50", "-3.50", "-8.00"]),
    name=st.sampled_from(["Harbour Coffee", "HARBOUR COFFEE LTD", "Quay Books"]),
    pending=st.booleans(),
)
_ROWS = _TXS.map(lambda tx: Tx(amount=tx.amount, currency="EUR", date=tx.date, name=tx.name))
_TOLD = st.lists(
    st.lists(_TXS.filter(lambda tx: not tx.pending), max_size=3, unique_by=lambda tx: tx.id), max_size=2
)
_STEPS = st.one_of(
    st.builds(
        lambda source, txs: told(source, *txs),
        st.sampled_from(["plaid", "pluggy"]),
        st.lists(_TXS, max_size=4, unique_by=lambda tx: tx.id),
    ),
    st.builds(
        lambda txs: in_file(*txs),
        st.lists(_ROWS, max_size=4),
    ),
    st.builds(
        lambda id_: Step(op="removed", source="plaid", account="giro", ids=[id_]), st.sampled_from("abcdefgh")
    ),
    st.builds(
        lambda id_, name: Step(op="user_edit", select={"id": id_}, set={"name": name}),
        st.sampled_from("abcdefgh"),
        st.sampled_from(["Mine", "Ours"]),
    ),
    st.builds(lambda id_: Step(op="user_delete", select={"id": id_}), st.sampled_from("abcdefgh")),
)


def dump(conninfo: str, space_id: object) -> list[tuple[object, ...]]:
    return all_rows(
        conninfo,
        "select transaction_id, into_id, status, amount, booked_on, authorized_on, description, counterparty, gone_at is null, "
        f"deleted, locked, match_rule, match_weight from caudal.transaction where space_id = '{space_id}' order by 1",
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(_STEPS, min_size=1, max_size=7),
    words=st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 9)), max_size=3),
)
def test_derived_anew_the_ledger_is_the_same_whatever_was_told_and_decided(
    opened: Opened, conninfo: str, steps: Sequence[Step], words: Iterable[tuple[bool, int, int]]
) -> None:
    async def act(hub: Installation) -> None:
        books = await Books.opened(hub, story_of())
        for step in steps:
            await books.take(step)
        there = await rows_of(hub, books)
        for joining, one, other in words:
            try:
                if joining and there:
                    await decisions.merge(
                        hub,
                        books.space,
                        str(there[one % len(there)].transaction_id),
                        str(there[other % len(there)].transaction_id),
                    )
                elif there:
                    await decisions.split_apart(hub, books.space, str(there[one % len(there)].transaction_id))
            except ConflictError:  # one already, or told by one alone
                continue
        before = dump(conninfo, books.space.space_id)
        accounts = sorted({row.account_id for row in there})
        assert await decisions.rebuild(hub, books.space, accounts) == 0
        assert dump(conninfo, books.space.space_id) == before
        assert await faults(hub.store, books.space.space_id) == {}

    opened(act)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bank=_TOLD,
    other=_TOLD,
    file=st.lists(_ROWS, max_size=3),
    turns=st.permutations(["plaid", "plaid", "pluggy", "pluggy", "file"]),
)
def test_in_whatever_order_the_sources_come_the_ledger_is_the_same(
    opened: Opened,
    bank: Sequence[Sequence[Tx]],
    other: Sequence[Sequence[Tx]],
    file: Sequence[Tx],
    turns: Sequence[str],
) -> None:
    """Each source's own pages in their order; between sources, any."""

    def steps(order: Iterable[str]) -> list[Step]:
        pages = {
            "plaid": iter([told("plaid", *txs) for txs in bank]),
            "pluggy": iter([told("pluggy", *txs) for txs in other]),
            "file": iter([in_file(*file)]),
        }
        return [step for source in order if (step := next(pages[source], None)) is not None]

    async def act(hub: Installation) -> None:
        one = await replay(hub, story_of(*steps(["plaid", "plaid", "pluggy", "pluggy", "file"])))
        another = await replay(hub, story_of(*steps(turns)))
        assert in_ledger(one) == in_ledger(another)

    opened(act)


def test_the_stories_of_other_programs_end_as_they_should(opened: Opened) -> None:
    """`ledger_count`, `ledger_count_visible`, conflicts and transfers of every story that fixes them."""
    cases = shared("data", "scenarios", "cases.json").read_bytes()
    expected = {each["id"]: each["expect"] for each in json.loads(cases)}

    async def act(hub: Installation) -> dict[str, Outcome]:
        return {case.id: await replay(hub, case) for case in story.read(cases)}

    wrong = Counter(
        (id_, name)
        for id_, done in opened(act).items()
        for name, value in expected[id_].items()
        if (
            name in ("ledger_count", "ledger_count_visible", "quarantined", "changes_in_last_step", "added")
            and getattr(done, name) != value
        )
        or (name in ("conflicts", "transfers") and len(getattr(done, name)) != value)
        or (name == "lineage" and not any(set(value) <= set(row["ids"]) for row in done.ledger))
    )
    assert wrong == {}


def test_one_index_alone_leads_to_what_was_taken_for_a_movement(conninfo: str) -> None:
    """Another of the same condition looks as cheap while few are taken for others; planned then, it is read whole for each
    movement once many are."""
    told = all_rows(
        conninfo,
        "select indexname from pg_indexes where schemaname = 'caudal' and tablename = 'transaction' "
        "and indexdef like '%WHERE (into_id IS NOT NULL)'",
    )
    assert told == [("transaction_into_index",)]
