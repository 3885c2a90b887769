"""Records that take the place of others: one movement is one transaction, however its source goes about telling it."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations, pairwise, permutations

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.books import (
    ACCOUNT,
    REF,
    all_rows,
    books,
    faults,
    instead_of,
    page,
    pull_of,
    seen,
    standing,
)

from caudal.model.changes import Change, SourceRef, Status, TransactionGone, TransactionSeen
from caudal.store.database import Store
from caudal.sync import engine

HOLD = seen("hold", "-20.00", text="HOTEL", status=Status.PENDING)
BILL = instead_of("hold", seen("bill", "-23.60", text="HOTEL ADLER"))
CREDIT = instead_of("bill", seen("credit", "-23.00", text="HOTEL ADLER, CORRECTED"))
OTHER = seen("other", "-7.00")


def gone(id_: str) -> TransactionGone:
    return TransactionGone(REF, id_)


class Outcome(msgspec.Struct):
    """What the ledger makes of what it was told."""

    held: dict[str, Decimal]
    transactions: int
    faults: dict[str, int]
    reports: list[engine.Report]


async def tell(store: Store, conninfo: str, pages: Iterable[Sequence[Change]]) -> Outcome:
    """Tell these pages, each in a run of its own, to a space of its own."""
    there = await books(store)
    reports = [await engine.run(store, there.job(), pull_of(page(changes))) for changes in pages]
    query = f"select count(*) from caudal.transaction where space_id = '{there.space_id}'"
    [(transactions,)] = all_rows(conninfo, query)
    held = standing(conninfo, there.space_id)
    return Outcome(held, int(str(transactions)), await faults(store, there.space_id), reports)


def told(conninfo: str, *pages: Sequence[Change]) -> Outcome:
    async def work() -> Outcome:
        async with await Store.open(conninfo) as store:
            return await tell(store, conninfo, pages)

    return asyncio.run(work())


def cuts(changes: Sequence[Change]) -> Iterator[list[Sequence[Change]]]:
    """Every way to cut changes into pages, their order kept."""
    places = range(1, len(changes))
    for count in range(len(changes)):
        for inner in combinations(places, count):
            yield [changes[start:end] for start, end in pairwise([0, *inner, len(changes)])]


def in_every_cut(conninfo: str, changes: Sequence[Change], held: dict[str, str], transactions: int) -> None:
    """However these changes are cut into pages, this is what the ledger holds."""
    expected = Outcome({id_: Decimal(amount) for id_, amount in held.items()}, transactions, {}, [])

    async def work() -> None:
        async with await Store.open(conninfo) as store:
            for pages in cuts(changes):
                outcome = await tell(store, conninfo, pages)
                assert msgspec.structs.replace(outcome, reports=[]) == expected, [len(one) for one in pages]

    asyncio.run(work())


ORDERS = list(permutations([HOLD, gone("hold"), BILL]))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: ", ".join(
    f"{change.id}{' gone' if isinstance(change, TransactionGone) else ''}" for change in order
))  # fmt: skip
def test_a_hold_and_its_bill_are_one_transaction_in_whatever_order_they_are_told(
    conninfo: str, order: Sequence[Change]
) -> None:
    in_every_cut(conninfo, order, {"bill": "-23.60"}, 1)


def test_the_transaction_keeps_the_id_it_had_while_pending(conninfo: str) -> None:
    query = "select transaction_id, status, amount, description from caudal.transaction"

    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            await engine.run(store, there.job(), pull_of(page([HOLD])))
            [(id_, *_)] = all_rows(conninfo, query)
            posted = await engine.run(store, there.job(), pull_of(page([gone("hold"), BILL])))
            assert all_rows(conninfo, query) == [(id_, "booked", Decimal("-23.60"), "HOTEL ADLER")]
            assert (posted.created, posted.changed, posted.gone) == (0, 1, 0)
            rules = all_rows(conninfo, "select rule from caudal.observation_link order by linked_at, rule")
            assert rules == [("provider_id",), ("provider_id",), ("replaces",)]

    asyncio.run(work())


def test_what_replaces_a_record_that_was_never_told_is_a_movement_like_any_other(conninfo: str) -> None:
    outcome = told(conninfo, [BILL, gone("hold")], [BILL])
    assert (outcome.held, outcome.transactions) == ({"bill": Decimal("-23.60")}, 1)
    assert [(report.created, report.known) for report in outcome.reports] == [(1, 1), (0, 1)]


def test_a_line_of_three_is_one_transaction(conninfo: str) -> None:
    in_every_cut(conninfo, [HOLD, BILL, CREDIT], {"credit": "-23.00"}, 1)
    in_every_cut(conninfo, [HOLD, gone("hold"), BILL, CREDIT, gone("bill")], {"credit": "-23.00"}, 1)


def test_a_line_of_three_that_comes_on_one_page_may_come_in_any_order(conninfo: str) -> None:
    for order in permutations([HOLD, BILL, CREDIT]):
        outcome = told(conninfo, order)
        assert (outcome.held, outcome.transactions, outcome.faults) == ({"credit": Decimal("-23.00")}, 1, {})


def test_who_claims_a_place_that_is_taken_is_a_movement_of_its_own(conninfo: str) -> None:
    also = instead_of("hold", seen("also", "-9.00"))
    in_every_cut(conninfo, [HOLD, BILL, also], {"bill": "-23.60", "also": "-9.00"}, 2)
    in_every_cut(conninfo, [HOLD, BILL, gone("hold"), also], {"bill": "-23.60", "also": "-9.00"}, 2)


def test_a_replaced_record_that_is_told_anew_is_kept_and_changes_nothing(conninfo: str) -> None:
    dearer = msgspec.structs.replace(HOLD, money=seen("", "-21.00").money)
    in_every_cut(conninfo, [HOLD, BILL, dearer], {"bill": "-23.60"}, 1)
    in_every_cut(conninfo, [HOLD, gone("hold"), BILL, HOLD], {"bill": "-23.60"}, 1)
    assert all_rows(
        conninfo, "select count(*) from caudal.observation where provider_id = 'hold' and amount = -21"
    ) == [(4,)]


def test_when_the_bill_is_taken_back_the_transaction_is_gone(conninfo: str) -> None:
    in_every_cut(conninfo, [HOLD, gone("hold"), BILL, gone("bill")], {}, 1)


def test_when_the_bill_is_taken_back_the_hold_that_is_still_told_stands_again(conninfo: str) -> None:
    in_every_cut(conninfo, [HOLD, BILL, gone("bill")], {"hold": "-20.00"}, 1)
    in_every_cut(conninfo, [HOLD, BILL, gone("bill"), HOLD], {"hold": "-20.00"}, 1)
    in_every_cut(conninfo, [HOLD, BILL, gone("hold"), HOLD, gone("bill")], {"hold": "-20.00"}, 1)


def test_a_bill_that_comes_back_takes_its_place_back(conninfo: str) -> None:
    back = [HOLD, gone("hold"), BILL, gone("bill"), HOLD, BILL]
    in_every_cut(conninfo, back, {"bill": "-23.60"}, 1)
    assert told(conninfo, *([change] for change in back), [gone("hold")]).held == {"bill": Decimal("-23.60")}


def test_a_bill_that_comes_back_to_find_its_place_taken_is_a_movement_of_its_own(conninfo: str) -> None:
    also = instead_of("hold", seen("also", "-9.00"))
    back = [HOLD, gone("hold"), BILL, gone("bill"), also, BILL]
    in_every_cut(conninfo, back, {"bill": "-23.60", "also": "-9.00"}, 2)


def test_a_bill_that_was_credited_may_be_told_again_beside_its_hold(conninfo: str) -> None:
    """The hold comes late, to a transaction that goes by another record than the one that replaced the hold."""
    in_every_cut(conninfo, [BILL, CREDIT, HOLD, BILL], {"credit": "-23.00"}, 1)


def test_a_record_cannot_replace_itself_nor_can_two_replace_each_other(conninfo: str) -> None:
    assert told(conninfo, [instead_of("hold", HOLD)]).held == {"hold": Decimal("-20.00")}
    circle = [instead_of("bill", HOLD), BILL]
    for pages in cuts(circle):
        assert told(conninfo, *pages).faults == {}


def test_a_record_of_another_account_is_not_replaced(conninfo: str) -> None:
    elsewhere = SourceRef("acc-2")
    other = msgspec.structs.replace(ACCOUNT, ref=elsewhere, name="Other")
    outcome = told(conninfo, [other, msgspec.structs.replace(HOLD, ref=elsewhere)], [BILL])
    assert outcome.held == {"hold": Decimal("-20.00"), "bill": Decimal("-23.60")}
    assert outcome.faults == {}


def test_a_record_that_learns_later_what_it_replaces_stays_the_transaction_it_was(conninfo: str) -> None:
    """Two transactions that were shown are not made one in silence: the hold's own end is told by its source."""
    unlinked = msgspec.structs.replace(BILL, replaces="", money=seen("", "-23.00").money)
    outcome = told(conninfo, [HOLD, unlinked], [BILL, gone("hold")])
    assert (outcome.held, outcome.transactions, outcome.faults) == ({"bill": Decimal("-23.60")}, 2, {})


LINES = {"a": "", "b": "a", "c": "", "d": "c", "e": "", "f": ""}
"""Record → the one it replaces. `a` and `b` are of one movement, `c` and `d` of another."""
_AMOUNTS = ("-1.00", "-2.00", "3.00")
_History = list[tuple[str, str | None]]


def expected(history: _History) -> tuple[dict[str, Decimal], int]:
    """The rules on dicts: what is told and not taken back stands, but for a record whose heir stands; and the records
    of one line that were ever told are one transaction.
    """
    last: dict[str, str | None] = {}
    for id_, amount in history:
        if amount is not None or id_ in last:
            last[id_] = amount
    told_now = {id_: Decimal(amount) for id_, amount in last.items() if amount is not None}
    replaced = {LINES[id_] for id_ in told_now}
    held = {id_: amount for id_, amount in told_now.items() if id_ not in replaced}
    return held, len({LINES[id_] or id_ for id_ in last})


def _change(id_: str, amount: str | None) -> TransactionSeen | TransactionGone:
    status = Status.PENDING if id_ in LINES.values() else Status.BOOKED
    if amount is None:
        return gone(id_)
    told = msgspec.structs.replace(seen(id_, amount, status=status), description=6 * id_)  # no two alike
    return instead_of(LINES[id_], told)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from([*_AMOUNTS, None, None])), max_size=14
    ),
    edges=st.lists(st.integers(1, 13), max_size=5, unique=True),
)
@example(history=[("a", "-1.00"), ("b", "-2.00"), ("b", None)], edges=[1, 2])
@example(history=[("b", "-2.00"), ("a", "-1.00")], edges=[1])
@example(history=[(id_, amount) for amount in ("-1.00", None, "-2.00") for id_ in "ab"], edges=[])
def test_whatever_is_told_of_records_and_their_heirs_the_ledger_is_what_the_rules_say(
    conninfo: str, history: _History, edges: list[int]
) -> None:
    changes = [_change(*step) for step in history]
    pages = [changes[start:end] for start, end in pairwise([0, *sorted(edges), len(changes)])]
    outcome = told(conninfo, *pages)
    assert outcome.faults == {}
    assert (outcome.held, outcome.transactions) == expected(history)
