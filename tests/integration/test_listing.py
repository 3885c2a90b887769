"""Lists and searches: every page right, whatever was gathered of the days, and found along indexes."""

import asyncio
import itertools
import string
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.books import ACCOUNT, all_rows, books, faults, page, pull_of, seen
from tests.support.opened import Opened

from caudal.hub import decisions, ledger, listing
from caudal.hub.installation import Installation
from caudal.hub.scenarios.replay import Books as Story
from caudal.hub.scenarios.story import Case, Step, Tx
from caudal.model.changes import Change, SourceRef, Status, TransactionGone, TransactionSeen
from caudal.model.money import Money
from caudal.store import listing as store
from caudal.store import migrate
from caudal.store.listing import ListedRow, Place, Query
from caudal.store.queries import load
from caudal.store.spaces import Space
from caudal.sync import engine

FIRST: Final = date(2026, 3, 2)
OTHER: Final = SourceRef("acc-2")


def told(
    number: int, text: str = "coffee", *, day: int = 0, amount: str = "-4.50", **more: object
) -> TransactionSeen:
    one = seen(f"t{number}", amount, FIRST + timedelta(day), text)
    return msgspec.structs.replace(one, **more)


async def filled(hub: Installation, *changes: Change, name: str = "home") -> Space:
    """A space that was told this, of two accounts."""
    there = await books(hub.store, name)
    await tell(hub, there.space_id, there.connection_id, changes)
    return Space(there.space_id, name)


async def tell(hub: Installation, space_id: UUID, connection_id: UUID, changes: Iterable[Change]) -> None:
    other = msgspec.structs.replace(ACCOUNT, ref=OTHER, name="Savings")
    there = engine.Job(space_id, connection_id, stream="", subject="a test")
    await engine.run(hub.store, there, pull_of(page([other, *changes])))


async def tell_more(hub: Installation, space: Space, *changes: Change) -> None:
    query = "select connection_id from caudal.connection where space_id = %s"
    [(connection,)] = all_rows(hub.conninfo, query, [space.space_id])
    await tell(hub, space.space_id, UUID(str(connection)), changes)


async def walked(
    hub: Installation, space: Space, query: Query, limit: int = 50, examined_max: int = store.EXAMINED_MAX
) -> list[ListedRow]:
    """All pages, one after the other."""
    found: list[ListedRow] = []
    after: Place | None = None
    for _ in range(1_000):
        async with hub.store.transaction(space.space_id) as tx:
            rows, after, _stopped = await store.page(
                tx, space.space_id, query, after, limit, examined_max=examined_max
            )
        assert len(rows) <= limit
        found += rows
        if after is None:
            return found
    raise AssertionError("the pages don't end")


async def texts(hub: Installation, space: Space, text: str) -> list[str]:
    """What a search finds; the same whether days are stale or were gathered."""
    stale = [row.description for row in await walked(hub, space, Query(text=text))]
    await listing.gather(hub)
    assert [row.description for row in await walked(hub, space, Query(text=text))] == stale
    return sorted(stale)


def test_pages_neither_miss_nor_repeat_while_rows_come(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        at_first = [told(n, day=n // 20) for n in range(60)]  # twenty on one day: most pages end amid a tie
        space = await filled(hub, *at_first)
        held = [row.transaction_id for row in await walked(hub, space, Query())]
        found: list[UUID] = []
        after: Place | None = None
        for number in range(20):
            shown = await listing.listed(hub, space, Query(), after, 7)
            found += [row.transaction_id for row in shown.rows]
            if (after := shown.next) is None:
                break
            await tell_more(hub, space, *(told(1_000 + number * 3 + day, day=day) for day in range(3)))
        assert after is None
        assert len(found) == len(set(found))
        assert [one for one in found if one in set(held)] == held

    opened(act)


def test_a_list_is_by_day_and_then_by_id_and_ends_without_a_next_page(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        space = await filled(hub, *(told(n, day=n % 3) for n in range(10)))
        whole = await listing.listed(hub, space, Query(), None, 10)
        keys = [(row.booked_on, row.transaction_id) for row in whole.rows]
        assert keys == sorted(keys, reverse=True)
        assert (len(keys), whole.next) == (10, None)

    opened(act)


SPACES: Final = itertools.count()
WORDS: Final = ("coffee", "Café", "100%", "a_b", "MÜNCHEN", "straße", "rent", "4.50", "zu\\rück")
MOVEMENTS: Final = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join),
        st.integers(0, 4),
        st.sampled_from(["-4.50", "4.50", "-1000", "999.99", "0.05", "-12", "450"]),
        st.sampled_from(["EUR", "USD", "GBP"]),
        st.sampled_from(["", "food", "foo"]),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "Bäcker", "coffee"]),
    ),
    max_size=14,
)
QUERIES: Final = st.builds(
    Query,
    start=st.none() | st.integers(0, 4).map(lambda day: FIRST + timedelta(day)),
    end=st.none() | st.integers(0, 4).map(lambda day: FIRST + timedelta(day)),
    amount_min=st.none() | st.sampled_from(["0", "4.5", "12", "450", "999.9"]).map(Decimal),
    amount_max=st.none() | st.sampled_from(["0.05", "4.50", "12.01", "1000"]).map(Decimal),
    direction=st.sampled_from([None, None, "in", "out"]),
    currency=st.sampled_from([None, None, "EUR", "GBP", "XAU"]),
    status=st.sampled_from([None, None, "booked", "pending"]),
    category=st.sampled_from([None, None, "food", "fo"]),
    transfer=st.sampled_from([None, None, False, True]),
    text=st.lists(
        st.sampled_from([*WORDS, "cafe", "COFF", "%", "_", "\\", "munchen", "STRASSE", "12", "4,5", "backer", "x"]),
        max_size=2,
    ).map(" ".join),
)  # fmt: skip


def plain(text: str) -> str:
    """Without case and accents, as the standard library has it."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in folded if not unicodedata.combining(each))


def fits(row: ListedRow, query: Query) -> bool:
    """The promise, read row by row."""
    amount = abs(row.amount)
    said = [plain(text) for text in (row.description, row.counterparty, row.reference)]

    def has(term: str) -> bool:
        number = term.replace(",", ".")
        as_amount = set(number) <= set(string.digits + ".") and Decimal(number) == amount
        return as_amount or any(plain(term) in text for text in said)

    return (
        (query.accounts is None or row.account_id in query.accounts)
        and (query.start is None or row.booked_on >= query.start)
        and (query.end is None or row.booked_on <= query.end)
        and (query.amount_min is None or amount >= query.amount_min)
        and (query.amount_max is None or amount <= query.amount_max)
        and (query.direction is None or (row.amount < 0) == (query.direction == "out"))
        and query.currency in {None, row.currency}
        and query.status in {None, row.status}
        and query.category in {None, row.category}
        and (query.transfer is None or (row.transfer is not None) == query.transfer)
        and all(has(term) for term in query.text.split())
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    MOVEMENTS, st.lists(QUERIES, min_size=12, max_size=12), st.booleans(), st.booleans(), st.integers(1, 6)
)
def test_every_filter_alone_and_with_others_keeps_what_fits_and_nothing_else(
    opened: Opened,
    movements: Sequence[tuple[str, int, str, str, str, bool, bool, str]],
    queries: Sequence[Query],
    gathered: bool,
    later: bool,
    examined_max: int,
) -> None:
    numbers = itertools.count()

    def made(told_of: Sequence[tuple[str, int, str, str, str, bool, bool, str]]) -> list[TransactionSeen]:
        return [
            told(
                next(numbers), text, day=day, amount=amount, category=category, counterparty=name,
                money=Money(Decimal(amount), currency), ref=OTHER if other else ACCOUNT.ref,
                status=Status.PENDING if pending else Status.BOOKED,
            )
            for text, day, amount, currency, category, other, pending, name in told_of
        ]  # fmt: skip

    async def act(hub: Installation) -> None:
        half = len(movements) // 2 if later else len(movements)
        space = await filled(hub, *made(movements[:half]), name=f"space {next(SPACES)}")
        if gathered:
            await listing.gather(hub)
        await tell_more(hub, space, *made(movements[half:]))
        rows = await walked(hub, space, Query())
        accounts = sorted({row.account_id for row in rows}, key=str)
        for place, query in enumerate(queries):
            some = accounts[: place % 3] if place % 2 else None
            asked = msgspec.structs.replace(query, accounts=some)
            only = Query(accounts=some, start=query.start, end=query.end)
            for each in (asked, only):
                expected = [row for row in rows if fits(row, each)]
                assert await walked(hub, space, each, 5) == expected, each
                assert await walked(hub, space, each, 5, examined_max) == expected, each
        assert await faults_of(hub, space) == {}

    async def faults_of(hub: Installation, space: Space) -> dict[str, int]:
        await listing.gather(hub)
        return await faults(hub.store, space.space_id)

    opened(act)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("COFFEE", ["Coffee House"]),
        ("cafe", ["CAFÉ Zürich"]),
        ("CAFÉ zurich", ["CAFÉ Zürich"]),
        ("zurich café", ["CAFÉ Zürich"]),
        ("strasse", ["Hauptstraße 5"]),
        ("lodz", ["Łódź"]),
        ("100%", ["100% wool"]),
        ("%", ["100% wool"]),
        ("_", ["under_score"]),
        ("\\", ["back\\slash"]),
        ("offe", ["Coffee House"]),
        ("coffee zurich", []),
        ("absent", []),
        ("7.25", ["Hauptstraße 5"]),
        ("-7,25", ["Hauptstraße 5"]),
        ("ref-9", ["under_score"]),
        ("wooly", ["Łódź"]),
    ],
)
def test_a_search_finds_words_as_people_type_them(opened: Opened, text: str, found: list[str]) -> None:
    async def act(hub: Installation) -> None:
        space = await filled(
            hub,
            told(1, "Coffee House"),
            told(2, "CAFÉ Zürich"),
            told(3, "Hauptstraße 5", amount="-7.25"),
            told(4, "Łódź", counterparty="Wooly"),
            told(5, "100% wool", day=1),
            told(6, "under_score", day=1, reference="REF-9"),
            told(7, "back\\slash", day=2),
        )
        assert await texts(hub, space, text) == found

    opened(act)


def test_what_changed_is_found_by_what_it_says_now(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        space = await filled(hub, told(1, "first words"), told(2, "rent"))
        assert await texts(hub, space, "first") == ["first words"]
        await tell_more(hub, space, told(1, "second words", day=3))
        assert await texts(hub, space, "first") == []
        assert await texts(hub, space, "second") == ["second words"]
        [row] = await walked(hub, space, Query(text="second"))
        await decisions.edit(hub, space, str(row.transaction_id), {"description": "third words"})
        assert await texts(hub, space, "second") == []
        assert await texts(hub, space, "third") == ["third words"]
        [row] = await walked(hub, space, Query(text="third"))
        assert (row.edited, row.locked, row.split) == (True, False, False)
        await decisions.delete(hub, space, str(row.transaction_id))
        assert await texts(hub, space, "words") == []
        await tell_more(hub, space, TransactionGone(ACCOUNT.ref, "t2"))
        assert await texts(hub, space, "rent") == []
        assert await walked(hub, space, Query()) == []
        assert await faults(hub.store, space.space_id) == {}

    opened(act)


def test_what_two_sources_tell_is_listed_once_with_both(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        story = await Story.opened(hub, Case("a story", []))
        one = Tx(id="a", amount=Decimal("-4.50"), date="2026-03-02", currency="EUR", name="Corner Coffee")
        for source in ("plaid", "file"):
            told_by = Step(op="batch", source=source, account="giro", txs=[one])
            await story.take(told_by)
        [row] = await walked(hub, story.space, Query(text="corner"))
        assert (row.sources, len(row.providers)) == (2, 2)

    opened(act)


def test_transfers_are_listed_as_such_and_are_no_money_in_or_out(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        space = await filled(
            hub,
            told(1, "Transfer", amount="-100.00"),
            told(2, "Transfer", amount="100.00", day=1, ref=OTHER),
            told(3, "coffee"),
            told(4, "salary", amount="2000.00", day=40),
            told(5, "hold", amount="-9.00", status=Status.PENDING),
        )
        for _ in range(2):
            sides = await walked(hub, space, Query(transfer=True))
            assert [row.other_side for row in sides] == [row.transaction_id for row in reversed(sides)]
            assert {row.amount for row in sides} == {Decimal(100), Decimal(-100)}
            others = await walked(hub, space, Query(transfer=False))
            assert {row.description for row in others} == {"coffee", "salary", "hold"}
            await listing.gather(hub)
        found = await listing.months(hub, space, 2, date(2026, 4, 30))
        assert [(row.month, row.came, row.went) for row in found] == [
            (date(2026, 4, 1), Decimal(2000), Decimal(0)),
            (date(2026, 3, 1), Decimal(0), Decimal("4.50")),
        ]
        assert await listing.months(hub, space, 1, date(2026, 5, 1)) == []

    opened(act)


def test_a_balance_is_known_at_both_ends_and_wherever_it_changes(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        space = await filled(
            hub, told(1, amount="10.00"), told(2, amount="5.00", day=4), told(3, amount="-1.00", day=9)
        )
        account = await ledger.account_id(hub, space, "Giro")
        start, end = FIRST + timedelta(2), FIRST + timedelta(7)
        days = await listing.balance_days(hub, space, account, start, end)
        assert [(row.day, row.held) for row in days] == [
            (start, Decimal(10)), (FIRST + timedelta(4), Decimal(15)), (end, Decimal(15)),
        ]  # fmt: skip

    opened(act)


def test_nothing_of_another_space_is_listed(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        home = await filled(hub, told(1, "mine"))
        firm = await filled(hub, told(1, "theirs"), name="firm")
        assert await texts(hub, home, "theirs") == []
        assert await texts(hub, firm, "theirs") == ["theirs"]
        account = await ledger.account_id(hub, firm, "Giro")
        assert await walked(hub, home, Query(accounts=[account])) == []

    opened(act)


def test_a_search_that_stops_short_goes_on_where_it_stopped(opened: Opened) -> None:
    """And bit by bit gathers the days, where no worker does."""

    async def act(hub: Installation) -> None:
        space = await filled(hub, *(told(n, "needle" if n == 0 else "hay", day=n // 10) for n in range(100)))
        async with hub.store.transaction(space.space_id) as tx:
            rows, after, stopped = await store.page(
                tx, space.space_id, Query(text="needle"), None, 5, examined_max=30
            )
        assert (rows, stopped) == ([], True)
        assert after is not None
        assert after.booked_on == FIRST + timedelta(7)
        assert len(await walked(hub, space, Query(text="needle"), 5, 30)) == 1
        assert await listing.gather(hub) == 10
        async with hub.store.transaction(space.space_id) as tx:
            rows, after, stopped = await store.page(
                tx, space.space_id, Query(text="needle"), None, 5, examined_max=30
            )
        assert (len(rows), after, stopped) == (1, None, False)
        assert await listing.gather(hub) == 0

    opened(act)


def test_a_day_that_somebody_notes_just_now_is_not_waited_for_and_gathered_later(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        space = await filled(hub, told(1, "early"))
        with psycopg.connect(hub.conninfo) as other:
            other.execute("select from caudal.search_day where space_id = %s for update", [space.space_id])
            assert await listing.gather(hub) == 0
        assert await listing.gather(hub) == 1

    opened(act)


def test_a_ledger_that_was_there_before_is_searched_as_one_that_came_after(opened: Opened) -> None:
    async def act(hub: Installation) -> None:
        space = await filled(hub, told(1, "before"), told(2, "taken back", day=1))
        await tell_more(hub, space, TransactionGone(ACCOUNT.ref, "t2"))
        await listing.gather(hub)
        await asyncio.to_thread(migrate.downgrade, hub.conninfo, "0012")
        await asyncio.to_thread(migrate.upgrade, hub.conninfo)
        assert await texts(hub, space, "before") == ["before"]
        assert await texts(hub, space, "back") == []
        assert await faults(hub.store, space.space_id) == {}

    opened(act)


ASKED: Final = {
    "first page": Query(),
    "account": Query(accounts=[UUID(int=7)]),
    "days": Query(start=date(2015, 1, 1), end=date(2020, 1, 1)),
    "amounts": Query(amount_min=Decimal(2), amount_max=Decimal("2.10")),
    "direction": Query(direction="in"),
    "currency": Query(currency="ISK"),
    "status": Query(status="pending"),
    "category": Query(category="food"),
    "transfer": Query(transfer=True),
    "no transfer": Query(transfer=False),
    "word": Query(text="coffee"),
    "absent word": Query(text="xylophone"),
    "two words": Query(text="coffee house"),
    "amount as text": Query(text="42.50"),
}


@pytest.mark.parametrize("known", [False, True], ids=["without statistics", "with statistics"])
def test_no_list_or_search_reads_a_space_from_end_to_end(opened: Opened, conninfo: str, known: bool) -> None:
    """Explained as the app: no sequential scan, no bitmap of a space, nothing sorted whole."""

    async def act(hub: Installation) -> Space:
        rows = [told(n, "coffee house", day=n // 4, amount=f"-{n % 90}.50") for n in range(2_000)]
        space = await filled(hub, *rows)
        await listing.gather(hub)
        return space

    space: Space = opened(act)
    if known:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("vacuum analyze")
    for what, query in ASKED.items():
        for statement in explained(conninfo, space, query):
            plan = "\n".join(statement)
            assert "Seq Scan" not in plan, f"{what}:\n{plan}"
            assert "Bitmap" not in plan, f"{what}:\n{plan}"
            if "search_day" in plan:
                assert "->  Incremental Sort" in plan, f"{what}:\n{plan}"
                assert "->  Sort" not in plan, f"{what}:\n{plan}"
            scans = [line for line in statement if " on transaction " in line]
            assert scans, f"{what}:\n{plan}"
            assert all("Index" in line for line in scans), f"{what}:\n{plan}"


def explained(conninfo: str, space: Space, query: Query) -> list[list[str]]:
    """The plan of each statement that `page` sends."""

    class Spy:
        def __init__(self, connection: psycopg.Connection) -> None:
            self.connection, self.plans = connection, list[list[str]]()

        async def run(self, name: str, **values: object) -> int:
            self.connection.execute(load()[name].encode(), values or None)
            return 0

        async def all(self, name: str, row: type, **values: object) -> list[object]:
            plan = self.connection.execute(b"explain " + load()[name].encode(), values).fetchall()
            self.plans.append([line for (line,) in plan])
            return [row(space.space_id, FIRST, True, False)] if name.startswith("list_by") else []

    async def act(tx: Spy) -> None:
        await store.page(tx, space.space_id, query, Place(FIRST, space.space_id), 50)  # type: ignore[arg-type]

    with psycopg.connect(conninfo) as connection:
        connection.execute("set local role caudal_app")
        connection.execute("select set_config('caudal.spaces', %s, true)", [f"{{{space.space_id}}}"])
        spy = Spy(connection)
        asyncio.run(act(spy))
        return spy.plans
