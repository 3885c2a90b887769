"""Transfers in the ledger: concluded with the page that tells of a side, whatever the order, and as people say."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.books import all_rows, faults
from tests.support.opened import Opened

from caudal.hub import decisions, ledger, transfers
from caudal.hub.installation import Installation
from caudal.hub.scenarios.replay import Books
from caudal.hub.scenarios.story import Case, Step, Tx
from caudal.model.errors import ConflictError
from caudal.store.transfers import TransferRow

ACCOUNTS = ("giro", "savings", "card")


def moved(id_: str, amount: str, day: int = 10, name: str = "Transfer", **more: object) -> Tx:
    """A movement in March."""
    told = {"currency": "EUR", "name": name, **more}
    return Tx(id=id_, amount=Decimal(amount), date=f"2026-03-{day:02}", **told)  # type: ignore[arg-type]


def told(account: str, *txs: Tx, source: str = "plaid") -> Step:
    return Step(op="batch", source=source, account=account, txs=list(txs))


def withdrawn(account: str, *ids: str, source: str = "plaid") -> Step:
    return Step(op="removed", source=source, account=account, ids=list(ids))


async def after(hub: Installation, *steps: Step, case: Case | None = None) -> Books:
    """The books after these steps, their accounts made first."""
    books = await Books.opened(hub, case or Case("a story", []))
    for step in (*(told(account) for account in ACCOUNTS), *steps):
        await books.take(step)
    return books


async def pairs(hub: Installation, books: Books) -> list[tuple[str, str, str]]:
    """Each transfer as the accounts it joins, and the amount that came."""
    found = await transfers.listed(hub, books.space, 100)
    return sorted((each.out_account, each.into_account, str(each.into_amount)) for each in found)


async def ids(hub: Installation, books: Books) -> dict[str, str]:
    """Account and amount of each movement → its id."""
    rows = await ledger.transactions(hub, books.space, ledger.Filter(limit=100))
    return {f"{row.account} {row.amount}": str(row.transaction_id) for row in rows}


def kinds_told(conninfo: str, books: Books) -> list[tuple[str, int]]:
    """The events of transfers: kind, and of how many."""
    query = (
        "select kind, jsonb_array_length(data -> 'transfers') from caudal.event "
        "where kind like 'transfers.%%' and space_id = %s order by seq"
    )
    return [(str(kind), int(str(count))) for kind, count in all_rows(conninfo, query, [books.space.space_id])]


OUT, INTO = moved("o", "-100.00"), moved("i", "100.00", 12)


@pytest.mark.parametrize("steps", [
    [told("giro", OUT), told("savings", INTO)],
    [told("savings", INTO), told("giro", OUT)],
])  # fmt: skip
def test_two_sides_are_a_transfer_whichever_comes_first(
    opened: Opened, conninfo: str, steps: Sequence[Step]
) -> None:
    async def act(hub: Installation) -> None:
        books = await after(hub, *steps)
        [transfer] = await transfers.listed(hub, books.space, 10)
        assert (transfer.kind, transfer.day_gap, transfer.said) == ("own_transfer", 2, False)
        assert (transfer.out_account, transfer.into_account) == ("giro", "savings")
        assert kinds_told(conninfo, books) == [("transfers.linked", 1)]

    opened(act)


def test_a_side_that_is_withdrawn_leaves_the_other_free_for_the_next(opened: Opened, conninfo: str) -> None:
    async def act(hub: Installation) -> None:
        books = await after(hub, told("giro", OUT), told("savings", INTO))
        await books.take(withdrawn("savings", "i"))
        assert await pairs(hub, books) == []
        await books.take(told("card", moved("c", "100.00", 11)))
        assert await pairs(hub, books) == [("giro", "card", "100.00")]
        assert kinds_told(conninfo, books) == [
            ("transfers.linked", 1), ("transfers.unlinked", 1), ("transfers.linked", 1),
        ]  # fmt: skip

    opened(act)


def test_a_corrected_amount_parts_what_it_parts(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        books = await after(hub, told("giro", OUT), told("savings", INTO))
        await books.take(told("giro", moved("o", "-110.00")))
        assert await pairs(hub, books) == []
        await books.take(told("giro", OUT))
        assert await pairs(hub, books) == [("giro", "savings", "100.00")]

    opened(act)


def test_each_side_is_of_one_transfer_and_the_whole_is_chosen_not_the_nearest(opened: Opened) -> None:
    """Two left on the 10th and 12th, two came on the 12th and 14th: nobody is taken twice, nobody is left over."""

    async def act(hub: Installation) -> None:
        books = await after(
            hub,
            told("giro", OUT, moved("o2", "-100.00", 12)),
            told("savings", INTO, moved("i2", "100.00", 14)),
        )
        found = await transfers.listed(hub, books.space, 10)
        assert sorted((each.out_on.day, each.into_on.day) for each in found) == [(10, 12), (12, 14)]

    opened(act)


def test_a_pending_side_is_a_side_and_stays_one_when_it_is_booked(opened: Opened, conninfo: str) -> None:
    async def act(hub: Installation) -> None:
        pending = moved("p", "-100.00", pending=True)
        books = await after(hub, told("giro", pending), told("savings", INTO))
        [before] = await transfers.listed(hub, books.space, 10)
        await books.take(told("giro", moved("b", "-100.00", 11, pending_id="p")))
        [after_] = await transfers.listed(hub, books.space, 10)
        assert (after_.transfer_id, after_.out_id) == (before.transfer_id, before.out_id)
        assert kinds_told(conninfo, books) == [("transfers.linked", 1)]

    opened(act)


def test_of_two_tellings_of_one_side_that_is_of_the_transfer_which_stands(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        books = await after(hub, told("giro", OUT), told("savings", INTO))
        file = Step(op="file", account="giro", rows=[moved("", "-100.00", 11)])
        await books.take(file)
        [transfer] = await transfers.listed(hub, books.space, 10)
        assert set((await ids(hub, books)).values()) == {str(transfer.out_id), str(transfer.into_id)}
        await decisions.split_apart(hub, books.space, str(transfer.out_id))
        assert len(await transfers.listed(hub, books.space, 10)) == 1

    opened(act)


def test_any_day_that_a_source_gave_counts(opened: Opened) -> None:
    """By its bank it left six days before it came; a file books it within the four."""

    async def act(hub: Installation) -> None:
        books = await after(
            hub, told("giro", moved("o", "-100.00", 8)), told("savings", moved("i", "100.00", 14))
        )
        assert await pairs(hub, books) == []
        await books.take(Step(op="file", account="giro", rows=[moved("", "-100.00", 11)]))
        assert await pairs(hub, books) == [("giro", "savings", "100.00")]
        [transfer] = await transfers.listed(hub, books.space, 10)
        await decisions.split_apart(hub, books.space, str(transfer.out_id))
        [transfer] = await transfers.listed(hub, books.space, 10)
        assert transfer.out_on.day == 11

    opened(act)


# --- what people say ---------------------------------------------------------------------------------------


def test_what_a_person_parts_stays_parted_until_they_take_it_back(opened: Opened, conninfo: str) -> None:
    async def act(hub: Installation) -> None:
        books = await after(hub, told("giro", OUT), told("savings", INTO))
        word = await transfers.unlink(hub, books.space, (await ids(hub, books))["giro -100.00"])
        assert await pairs(hub, books) == []
        await books.take(told("giro", moved("o", "-100.00", 11)))
        assert await decisions.rebuild(hub, books.space, await accounts(hub, books)) == 0
        assert await pairs(hub, books) == []
        assert (await decisions.review(hub, books.space, 10)).transfers == []
        await decisions.undo(hub, books.space, word)
        assert await pairs(hub, books) == [("giro", "savings", "100.00")]
        await books.take(told("card", moved("c", "7.00")))
        lone = (await ids(hub, books))["card 7.00"]
        with pytest.raises(ConflictError, match="no side"):
            await transfers.unlink(hub, books.space, lone)

    opened(act)


def test_what_a_person_links_is_one_however_unlike_and_taken_back_no_more(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        books = await after(
            hub,
            told("giro", OUT),
            told("savings", INTO, moved("fee", "98.50", 28)),
            told("card", moved("x", "-5.00")),
        )
        there = await ids(hub, books)
        out, fee = there["giro -100.00"], there["savings 98.50"]
        word = await transfers.link(hub, books.space, out, fee)
        assert await pairs(hub, books) == [("giro", "savings", "98.50")]
        with pytest.raises(ConflictError, match="by a person's word already"):
            await transfers.link(hub, books.space, out, there["savings 100.00"])
        with pytest.raises(ConflictError, match="what left first"):
            await transfers.link(hub, books.space, fee, out)
        with pytest.raises(ConflictError, match="one account"):
            await transfers.link(hub, books.space, fee, there["savings 100.00"])
        with pytest.raises(ConflictError, match="link-transfer"):
            await decisions.merge(hub, books.space, out, fee)
        assert await decisions.rebuild(hub, books.space, await accounts(hub, books)) == 0
        await decisions.undo(hub, books.space, word)
        assert await pairs(hub, books) == [("giro", "savings", "100.00")]

    opened(act)


def test_a_person_s_word_holds_for_the_movement_that_a_telling_is_of(opened: Opened) -> None:
    """The link is of the file's telling; a bank tells it, too; then it is withdrawn, and comes back."""

    async def act(hub: Installation) -> None:
        file = Step(op="file", account="giro", rows=[moved("", "-100.00")])
        books = await after(hub, file, told("savings", moved("i", "98.50", 28)))
        there = await ids(hub, books)
        await transfers.link(hub, books.space, there["giro -100.00"], there["savings 98.50"])
        await books.take(told("giro", OUT))
        assert await pairs(hub, books) == [("giro", "savings", "98.50")]
        await books.take(withdrawn("savings", "i"))
        assert await pairs(hub, books) == []
        await books.take(told("savings", moved("i", "98.50", 28)))
        assert await pairs(hub, books) == [("giro", "savings", "98.50")]

    opened(act)


def test_what_may_be_a_transfer_and_is_not_taken_for_one_is_asked_about(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        shop = moved("o", "-100.00", name="Harbour Books")
        books = await after(
            hub, told("giro", shop), told("savings", moved("i", "100.00", name="Quay Refunds"))
        )
        assert await pairs(hub, books) == []
        [doubt] = (await decisions.review(hub, books.space, 10)).transfers
        assert (doubt.out_account, doubt.into_account, doubt.transfer_id) == ("giro", "savings", None)
        await transfers.unlink(hub, books.space, str(doubt.out_id), str(doubt.into_id))
        assert (await decisions.review(hub, books.space, 10)).transfers == []

    opened(act)


def test_what_is_income_by_nature_is_never_a_side(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        pay = moved("i", "100.00", 12, category="INCOME_WAGES")
        books = await after(hub, told("giro", OUT), told("savings", pay))
        assert await pairs(hub, books) == []
        assert (await decisions.review(hub, books.space, 10)).transfers == []

    opened(act)


# --- other currencies --------------------------------------------------------------------------------------


def put_rate(conninfo: str, day: int, rate: str, base: str = "EUR", quote: str = "USD") -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "insert into caudal.fx_rate values (%s, %s, %s, %s, 'test')",
            (base, quote, date(2026, 3, day), rate),
        )


@pytest.mark.parametrize(
    ("rate_on", "rate", "base", "is_one"),
    [
        (10, "1.10", "EUR", True),
        (10, "0.909", "USD", True),
        (5, "1.10", "EUR", True),
        (4, "1.10", "EUR", True),
        (2, "1.10", "EUR", False),
        (13, "1.10", "EUR", False),
        (10, "1.20", "EUR", False),
    ],
)
@pytest.mark.parametrize("first", ["giro", "abroad"])
def test_another_currency_is_held_against_the_rate_of_the_day_or_of_some_days_before_never_later(
    opened: Opened, conninfo: str, rate_on: int, rate: str, base: str, *, is_one: bool, first: str
) -> None:
    put_rate(conninfo, rate_on, rate, base, "USD" if base == "EUR" else "EUR")
    sides = {
        "giro": told("giro", OUT),
        "abroad": told("abroad", moved("i", "112.00", 12, currency="USD"), source="pluggy"),
    }

    async def act(hub: Installation) -> None:
        books = await after(hub, sides.pop(first), *sides.values())
        assert bool(await pairs(hub, books)) is is_one

    opened(act)


def test_without_a_rate_another_currency_is_no_side(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        books = await after(hub, told("giro", OUT), told("abroad", moved("i", "100.00", currency="USD")))
        assert await pairs(hub, books) == []

    opened(act)


# --- whatever happens --------------------------------------------------------------------------------------


async def accounts(hub: Installation, books: Books) -> list[UUID]:
    return sorted({view.held.account_id for view in await ledger.accounts(hub, books.space)})


def dump(conninfo: str, books: Books) -> list[tuple[object, ...]]:
    """Transfers and questions as the database keeps them."""
    space_id = books.space.space_id
    return all_rows(
        conninfo,
        "select out_id, into_id, kind, day_gap, weight, found::text, said from caudal.transfer where space_id = %s "
        "union all "
        "select out_id, into_id, kind, day_gap, weight, found::text, null from caudal.transfer_doubt where space_id = %s "
        "order by 1, 2",
        [space_id, space_id],
    )


_MOVED = st.builds(
    moved,
    id_=st.sampled_from("abcdefgh"),
    amount=st.sampled_from(["-100.00", "-100.00", "100.00", "100.00", "-50.00", "50.00"]),
    day=st.integers(8, 16),
    name=st.sampled_from(["Transfer", "Savings plan", "Harbour Coffee", ""]),
    pending=st.booleans(),
    category=st.sampled_from([None, None, None, "INCOME_WAGES"]),
)
_PAGES = st.lists(_MOVED, max_size=4, unique_by=lambda tx: tx.id)
_STEPS = st.one_of(
    st.builds(lambda account, source, txs: told(account, *txs, source=source), st.sampled_from(ACCOUNTS),
              st.sampled_from(["plaid", "pluggy"]), _PAGES),
    st.builds(lambda account, txs: Step(op="file", account=account, rows=[
              Tx(amount=tx.amount, currency="EUR", date=tx.date, name=tx.name) for tx in txs]),
              st.sampled_from(ACCOUNTS), _PAGES),
    st.builds(withdrawn, st.sampled_from(ACCOUNTS), st.sampled_from("abcdefgh")),
    st.builds(lambda id_, day: Step(op="user_edit", select={"id": id_}, set={"date": f"2026-03-{day:02}"}),
              st.sampled_from("abcdefgh"), st.integers(8, 16)),
    st.builds(lambda id_: Step(op="user_delete", select={"id": id_}), st.sampled_from("abcdefgh")),
)  # fmt: skip
_WORDS = st.lists(
    st.tuples(
        st.sampled_from(["link", "unlink", "part", "merge", "apart", "undo"]),
        st.integers(0, 19),
        st.integers(0, 19),
    ),
    max_size=5,
)


async def say(hub: Installation, books: Books, word: str, one: int, other: int) -> None:
    """A person's word on any of the movements there are; nothing where it is refused."""
    there = [
        str(row.transaction_id)
        for row in await ledger.transactions(hub, books.space, ledger.Filter(limit=100))
    ]
    if not there:
        return
    first, second = there[one % len(there)], there[other % len(there)]
    try:
        if word == "link":
            await transfers.link(hub, books.space, first, second)
        elif word == "unlink":
            await transfers.unlink(hub, books.space, first)
        elif word == "part":
            await transfers.unlink(hub, books.space, first, second)
        elif word == "merge":
            await decisions.merge(hub, books.space, first, second)
        elif word == "apart":
            await decisions.split_apart(hub, books.space, first)
        elif said := await decisions.decided(hub, books.space, 100):
            await decisions.undo(hub, books.space, said[one % len(said)].decision_id)
    except ConflictError:
        return


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(_STEPS, min_size=1, max_size=7),
    words=_WORDS,
    later=st.lists(_STEPS, max_size=3),
)
def test_derived_anew_the_transfers_are_the_same_whatever_was_told_and_decided(
    opened: Opened,
    conninfo: str,
    steps: Sequence[Step],
    words: Iterable[tuple[str, int, int]],
    later: Sequence[Step],
) -> None:
    async def act(hub: Installation) -> None:
        books = await after(hub, *steps)
        for word, one, other in words:
            await say(hub, books, word, one, other)
        for step in later:
            await books.take(step)
        before = dump(conninfo, books)
        assert await decisions.rebuild(hub, books.space, await accounts(hub, books)) == 0
        assert dump(conninfo, books) == before
        sides = all_rows(
            conninfo,
            "select s.id, t.amount, t.gone_at from caudal.transfer r cross join lateral (values (r.out_id), (r.into_id)) s (id) "
            "join caudal.transaction t on t.space_id = r.space_id and t.transaction_id = s.id where r.space_id = %s",
            [books.space.space_id],
        )
        assert len({id_ for id_, _, _ in sides}) == len(sides)
        assert all(gone_at is None for _, _, gone_at in sides)
        assert await faults(hub.store, books.space.space_id) == {}

    opened(act)


def as_told(found: Iterable[TransferRow]) -> list[tuple[object, ...]]:
    """Transfers without the ids, which differ from time to time."""
    return sorted(
        (each.out_account, each.out_on, str(each.out_amount), each.out_counterparty, each.into_account, each.into_on,
         str(each.into_amount), each.into_counterparty, each.weight)
        for each in found
    )  # fmt: skip


_BOOKED = _MOVED.map(
    lambda tx: Tx(
        id=tx.id, amount=tx.amount, currency="EUR", date=tx.date, name=tx.name, category=tx.category
    )
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.lists(
        st.tuples(st.sampled_from(ACCOUNTS), st.lists(_BOOKED, min_size=1, max_size=4, unique_by=lambda tx: tx.id)),
        min_size=2, max_size=5,
    ),
    turns=st.randoms(use_true_random=False),
)  # fmt: skip
def test_in_whatever_order_the_sides_come_the_transfers_are_the_same(
    opened: Opened, pages: Sequence[tuple[str, Sequence[Tx]]], turns
) -> None:
    steps = [
        told(account, *(Tx(id=f"{place}-{tx.id}", amount=tx.amount, currency="EUR", date=tx.date, name=tx.name,
                           category=tx.category) for tx in txs))
        for place, (account, txs) in enumerate(pages)
    ]  # fmt: skip

    async def act(hub: Installation) -> None:
        one, another = await after(hub, *steps), await after(hub, *turns.sample(steps, len(steps)))
        assert as_told(await transfers.listed(hub, one.space, 100)) == as_told(
            await transfers.listed(hub, another.space, 100)
        )
        assert as_told((await decisions.review(hub, one.space, 100)).transfers) == as_told(
            (await decisions.review(hub, another.space, 100)).transfers
        )

    opened(act)
