"""Same account: asked, joined, parted, taken back; whatever is said, the ledger follows from what was told."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.books import all_rows, faults, pull_of
from tests.support.command import Command
from tests.support.opened import Opened

from caudal.hub import accounts, decisions, installation, ledger
from caudal.hub.installation import Installation
from caudal.model.changes import (
    AccountGone,
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Cursor,
    Page,
    SourceRef,
    Status,
    TransactionSeen,
)
from caudal.model.errors import ConflictError, NotFound
from caudal.model.money import Money
from caudal.settings import Settings
from caudal.store import spaces
from caudal.store.ids import new_id
from caudal.store.showing import Route
from caudal.store.spaces import Space
from caudal.sync import engine

DAY = date(2026, 3, 2)
GIRO = AccountSeen(
    SourceRef("giro"), AccountKind.CHECKING, "EUR", "Giro", mask="4711", institution="Alder Bank"
)
SAME = msgspec.structs.replace(GIRO, name="Konto", institution="Birch")
"""The same, as a provider shows it that calls the bank otherwise."""
UNNAMED = AccountSeen(SourceRef("csv:layout"), AccountKind.OTHER, "EUR", "Export")


def spent(
    id_: str, amount: str, day: int = 0, text: str = "Harbour Coffee", ref: str = "giro"
) -> TransactionSeen:
    """A purchase, so many days into March."""
    return TransactionSeen(
        SourceRef(ref),
        id_,
        Status.BOOKED,
        Money(Decimal(amount), "EUR"),
        DAY + timedelta(day),
        text,
        raw=f"<{id_}>",
    )


def months(prefix: str, ref: str, count: int = 12) -> list[TransactionSeen]:
    """A life: every third day something at a price of its own."""
    return [spent(f"{prefix}-{n}", f"-{11 + n}.{10 + n}", 3 * n, f"Shop {n}", ref) for n in range(count)]


class Told(msgspec.Struct):
    """A space, and the sources that tell it."""

    here: Installation
    space: Space
    conninfo: str

    @classmethod
    async def anew(cls, here: Installation) -> "Told":
        """An empty space."""
        return cls(
            here, await spaces.create_space(here.store, f"space {new_id()}"), here.settings.database_url
        )

    async def tell(self, provider: str, *changes: Change, route: Route | None = None) -> None:
        """One run of this provider's connection."""
        async with self.here.store.transaction(self.space.space_id) as tx:
            connection = await spaces.connection(tx, self.space.space_id, provider, provider)
        routes = {change.ref: route for change in changes if route and isinstance(change, AccountSeen)}
        job = engine.Job(self.space.space_id, connection.connection_id, stream=str(new_id()), routes=routes)
        await engine.run(self.here.store, job, pull_of(Page(changes, Cursor(""), more=False)))

    async def names(self) -> list[str]:
        """The accounts there are."""
        return [view.held.name for view in await ledger.accounts(self.here, self.space)]

    async def asked(self) -> list[tuple[str, str, str]]:
        """Which accounts may be one, and why."""
        found = await accounts.questions(self.here, self.space, 50)
        return [(each.account, each.other_account, each.rule) for each in found]

    async def rows(self, account: str | None = None) -> list[ledger.TransactionRow]:
        """The ledger, or an account's."""
        account_id = await ledger.account_id(self.here, self.space, account) if account else None
        return await ledger.transactions(self.here, self.space, ledger.Filter(account_id, limit=1_000))

    async def sound(self) -> None:
        """Derived anew the ledger is the same, and doctor finds nothing amiss."""
        before = self.dump()
        there = sorted({view.held.account_id for view in await ledger.accounts(self.here, self.space)})
        assert await decisions.rebuild(self.here, self.space, there) == 0
        assert self.dump() == before
        assert await faults(self.here.store, self.space.space_id) == {}

    def dump(self) -> dict[str, list[tuple[object, ...]]]:
        """Everything that is concluded."""
        where = f"where space_id = '{self.space.space_id}'"
        queries = {
            "transactions": f"""
                select transaction_id, account_id, into_id, status, amount, currency, booked_on, entered_on, value_on,
                    authorized_on, description, counterparty, reference, category, gone_at is null, concluded, deleted,
                    locked, split, conflict, match_rule, match_weight, match_found, follows
                from caudal.transaction {where} order by 1""",
            "sources": f"select source_account_id, account_id from caudal.source_account {where} order by 1",
            "days": f"""
                select account_id, currency, day, booked, booked_count, pending_count from caudal.account_day {where}
                and booked_count + pending_count > 0 order by 1, 2, 3""",
            "proofs": f"""
                select account_id, currency, verdict, proven_to, off_by, off_since from caudal.proof {where}
                order by 1, 2""",
            "balances": f"""
                select source_account_id, kind, as_of, amount, held_before, held_since from caudal.balance {where}
                order by 1, 2, 3, 4""",
            "doubts": f"select one_id, other_id, rule, weight, found from caudal.doubt {where} order by 1, 2",
            "joined": f"select account_id, joined_into from caudal.account {where} and joined_into is not null",
        }
        return {name: all_rows(self.conninfo, query) for name, query in queries.items()}

    def events(self, kind: str) -> list[dict[str, object]]:
        """What was told of this kind."""
        query = (
            f"select data from caudal.event where space_id = '{self.space.space_id}' and kind = '{kind}' "
            "order by seq"
        )
        return [dict(data) for (data,) in all_rows(self.conninfo, query) if isinstance(data, dict)]


def told_twice(*more: Change) -> list[tuple[str, Sequence[Change]]]:
    """One account through two providers, which tell three of its movements both."""
    coffees = [("-3.50", 0, "Harbour Coffee"), ("-8.00", 1, "Quay Books"), ("-3.50", 4, "Harbour Coffee")]
    return [
        (
            "plaid",
            [GIRO, *(spent(f"p{n}", *each) for n, each in enumerate(coffees)), spent("p9", "-99.00", 9)],
        ),
        ("pluggy", [SAME, *(spent(f"q{n}", *each) for n, each in enumerate(coffees)), *more]),
    ]


def test_what_may_be_one_is_asked_joined_by_a_person_and_as_before_once_taken_back(opened: Opened) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        balance = BalanceSeen(GIRO.ref, BalanceKind.BOOKED, Money(Decimal(100), "EUR"), DAY + timedelta(9))
        for source, changes in told_twice(balance):
            await told.tell(source, *changes)
        assert await told.names() == ["Giro", "Konto"]
        assert await told.asked() == [("Konto", "Giro", "last_digits")]
        assert [event["rule"] for event in told.events("account.doubted")] == ["last_digits"]
        before = told.dump()
        word = await accounts.join(here, told.space, "Giro", "Konto")
        assert await told.names() == ["Giro"]
        assert sorted((row.booked_on, row.amount) for row in await told.rows()) == sorted(
            (DAY + timedelta(day), Decimal(amount))
            for amount, day in (("-3.50", 0), ("-8.00", 1), ("-3.50", 4), ("-99.00", 9))
        )
        assert await told.asked() == []
        assert len(told.events("account.rebooked")) == 1
        await told.sound()
        await decisions.undo(here, told.space, word)
        assert told.dump() == before
        assert await told.asked() == [("Konto", "Giro", "last_digits")]
        with pytest.raises(NotFound):
            await decisions.undo(here, told.space, word)

    opened(act)


def test_that_two_are_two_is_not_asked_again_until_it_is_taken_back(opened: Opened) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        for source, changes in told_twice():
            await told.tell(source, *changes)
        word = await accounts.keep_apart(here, told.space, "Konto", "Giro")
        assert await told.asked() == []
        found = await decisions.review(here, told.space, 10)
        assert found.accounts == []
        assert [each.kind for each in await accounts.decided(here, told.space)] == ["apart"]
        await decisions.undo(here, told.space, word)
        assert len(await told.asked()) == 1

    opened(act)


def test_edits_deletes_splits_and_words_on_transactions_stand_through_joining_and_parting(
    opened: Opened,
) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        for source, changes in told_twice(spent("q7", "-20.00", 7)):
            await told.tell(source, *changes)
        of_konto = {(row.amount, row.booked_on): str(row.transaction_id) for row in await told.rows("Konto")}
        books, coffee = of_konto[Decimal("-8.00"), DAY + timedelta(1)], of_konto[Decimal("-3.50"), DAY]
        await decisions.edit(here, told.space, books, {"category": "reading"})
        await decisions.delete(here, told.space, coffee)
        await decisions.split(
            here, told.space, of_konto[Decimal("-20.00"), DAY + timedelta(7)], [Decimal(-5)]
        )
        before = told.dump()
        joined = await accounts.join(here, told.space, "Giro", "Konto")
        held = all_rows(
            told.conninfo,
            "select amount, category, split is not null from caudal.transaction "
            f"where space_id = '{told.space.space_id}' and gone_at is null order by amount",
        )
        assert held == [
            (Decimal("-99.00"), "", False),
            (Decimal("-20.00"), "", True),
            (Decimal("-8.00"), "reading", False),
            (Decimal("-3.50"), "", False),
        ]
        one, other = sorted((row for row in await told.rows()), key=lambda row: row.amount)[:2]
        merged = await decisions.merge(here, told.space, str(one.transaction_id), str(other.transaction_id))
        await told.sound()
        parted = await accounts.part(here, told.space, "Giro", "Konto")
        assert await told.names() == ["Giro", "Konto (2)"]
        assert len(await told.rows("Konto (2)")) == 3
        await told.sound()
        for word in (parted, merged, joined):
            await decisions.undo(here, told.space, word)
        assert told.dump() == before

    opened(act)


def test_an_export_under_another_name_is_known_by_its_movements_and_the_ledger_holds_each_once(
    opened: Opened,
) -> None:
    """Two logins at one bank, one of whose accounts is exported to a file that names no account."""

    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        savings = msgspec.structs.replace(GIRO, ref=SourceRef("savings"), name="Savings", mask="9034")
        own = [spent(f"s-{n}", f"-{11 + n}.{50 + n}", 3 * n, "Rent", "savings") for n in range(12)]
        await told.tell("plaid", GIRO, savings, *months("p", "giro"), *own)
        await told.tell("truelayer", GIRO, *months("t", "giro"))
        assert await told.names() == ["Giro", "Savings"]
        await told.tell("file", UNNAMED, *months("f", "csv:layout"))
        assert await told.names() == ["Giro", "Savings"]
        assert len(await told.rows("Giro")) == 12
        [word] = await accounts.decided(here, told.space)
        assert (word.kind, word.account, word.said_by) == ("join", "Giro", "evidence")
        await told.sound()
        await decisions.undo(here, told.space, word.decision_id)
        assert await told.names() == ["Export", "Giro", "Savings"]
        await told.tell("file", UNNAMED, *months("f", "csv:layout"))
        assert await told.names() == ["Export", "Giro", "Savings"], "it is looked at once"

    opened(act)


def test_where_a_person_chose_the_account_its_movements_only_ask(opened: Opened) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        await told.tell("plaid", GIRO, *months("p", "giro"))
        await told.tell("file", UNNAMED, *months("f", "csv:layout"), route=Route(new_id(), "Holidays"))
        assert await told.names() == ["Giro", "Holidays"]
        assert await told.asked() == [("Holidays", "Giro", "same_movements")]

    opened(act)


def test_a_replaced_card_is_known_by_its_movements_and_keeps_its_history(opened: Opened) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        card = AccountSeen(SourceRef("old"), AccountKind.CARD, "EUR", "Gold", mask="1111", withdraws=True)
        new = msgspec.structs.replace(card, ref=SourceRef("new"), mask="2222")
        await told.tell("plaid", card, *months("o", "old"))
        [first] = {row.account_id for row in await told.rows()}
        await told.tell("plaid", AccountGone(card.ref), new, *months("n", "new", 16)[4:])
        assert await told.names() == ["Gold"]
        assert {row.account_id for row in await told.rows()} == {first}
        assert len(await told.rows()) == 16
        await told.sound()

    opened(act)


def test_two_cards_of_a_household_with_the_same_standing_orders_stay_two_unasked(opened: Opened) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        orders = [("-12.99", 3), ("-9.99", 5), ("-50.00", 1), ("-3.50", 8)]
        for source, own in (("plaid", 100), ("pluggy", 300)):
            account = msgspec.structs.replace(GIRO, name=source, mask=None)
            both = [spent(f"{source}-{n}", amount, day) for n, (amount, day) in enumerate(orders)]
            alone = [spent(f"{source}+{n}", f"-{own + n}.00", n) for n in range(10)]
            await told.tell(source, account, *both, *alone)
        assert await told.names() == ["plaid", "pluggy"]
        assert await told.asked() == []

    opened(act)


def test_one_iban_in_files_of_two_formats_is_one_account(opened: Opened) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        for family in ("camt", "mt940"):
            iban = AccountSeen(
                SourceRef(family), AccountKind.OTHER, "EUR", family, iban="DE89370400440532013000"
            )
            await told.tell("file", iban, spent(f"{family}-1", "-3.50", ref=family))
        assert await told.names() == ["camt"]
        assert len(await told.rows()) == 1

    opened(act)


def test_what_is_known_as_the_dropped_one_goes_with_it_and_so_does_an_import_by_its_name(
    opened: Opened,
) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        for source, changes in told_twice():
            await told.tell(source, *changes)
        word = await accounts.join(here, told.space, "Giro", "Konto")
        again = msgspec.structs.replace(SAME, ref=SourceRef("again"))
        await told.tell("truelayer", again, spent("t1", "-8.00", 1, "Quay Books", "again"))
        async with here.store.transaction(told.space.space_id) as tx:
            konto = await spaces.find_account(tx, told.space.space_id, "Konto")
        assert konto is not None
        route = Route(konto.account_id, konto.name)
        for _ in range(2):
            await told.tell("file", UNNAMED, spent("f1", "-70.00", 20, "Cash", "csv:layout"), route=route)
        assert await told.names() == ["Giro"]
        assert len(await told.rows("Konto")) == 5
        await decisions.undo(here, told.space, word)
        assert sorted(row.amount for row in await told.rows("Konto")) == [
            Decimal(amount) for amount in ("-70.00", "-8.00", "-3.50", "-3.50")
        ]
        await told.sound()

    opened(act)


def test_what_makes_no_sense_is_refused_and_changes_nothing(opened: Opened) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        dollars = msgspec.structs.replace(
            GIRO, ref=SourceRef("usd"), name="Dollars", currency="USD", mask="1"
        )
        await told.tell("plaid", GIRO, dollars)
        before = told.dump()
        with pytest.raises(ConflictError, match="USD"):
            await accounts.join(here, told.space, "Giro", "Dollars")
        with pytest.raises(ConflictError, match="are one account"):
            await accounts.join(here, told.space, "Giro", "Giro")
        with pytest.raises(ConflictError, match="nothing to part"):
            await accounts.part(here, told.space, "Giro", "Giro")
        with pytest.raises(NotFound, match="those that do"):
            await accounts.part(here, told.space, "Giro", "Nobody")
        with pytest.raises(NotFound):
            await accounts.keep_apart(here, told.space, "Giro", "Nobody")
        assert told.dump() == before

    opened(act)


def test_cards_that_share_a_credit_line_say_so(opened: Opened) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)
        cards = [
            AccountSeen(SourceRef(name), AccountKind.CARD, "EUR", name)
            for name in ("gold", "silver", "black")
        ]
        left = {"gold": "4210.35", "silver": "4210.35", "black": "100.00"}
        balances = [
            BalanceSeen(SourceRef(name), kind, Money(Decimal(amount), "EUR"), DAY, firm=False)
            for name in left
            for kind, amount in ((BalanceKind.LIMIT, "5000"), (BalanceKind.AVAILABLE, left[name]))
        ]
        await told.tell("plaid", *cards, *balances)
        views = await ledger.accounts(here, told.space)
        assert {view.held.name: view.shares_limit_with for view in views} == {
            "black": [], "gold": ["silver"], "silver": ["gold"]
        }  # fmt: skip

    opened(act)


_SOURCES = ("plaid", "pluggy", "truelayer", "file")
_MOVED = st.builds(
    lambda day, amount, text: (day, amount, text),
    st.integers(0, 4),
    st.sampled_from(["-3.50", "-3.50", "-8.00"]),
    st.sampled_from(["Harbour Coffee", "HARBOUR COFFEE LTD", "Quay Books"]),
)
_TOLD = st.lists(st.lists(_MOVED, max_size=4), min_size=4, max_size=4)
_WORDS = st.lists(
    st.tuples(
        st.sampled_from(["join", "join", "part", "undo", "edit", "tell"]),
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    max_size=8,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moved=_TOLD, words=_WORDS)
def test_whatever_is_joined_and_parted_the_ledger_follows_and_taken_back_it_is_as_at_the_start(
    opened: Opened, moved: list[list[tuple[int, str, str]]], words: list[tuple[str, int, int]]
) -> None:
    async def act(here: Installation) -> None:
        told = await Told.anew(here)

        async def tell(place: int, turn: int = 0) -> None:
            source = _SOURCES[place]
            account = AccountSeen(SourceRef(source), AccountKind.CHECKING, "EUR", source)
            txs = [
                spent(f"{turn}/{n}", amount, day, text, source)
                for n, (day, amount, text) in enumerate(moved[place])
            ]
            await told.tell(source, account, *txs)

        for place in range(len(_SOURCES)):
            await tell(place)
        before, said, more = told.dump(), list[UUID](), 0
        for kind, one, other in words:
            names = await told.names()
            with suppress(ConflictError, NotFound):  # one already, or told by one alone
                if kind == "join":
                    there = names[one % len(names)], names[other % len(names)]
                    said.append(await accounts.join(here, told.space, *there))
                elif kind == "part":
                    source = _SOURCES[other % len(_SOURCES)]
                    said.append(await accounts.part(here, told.space, names[one % len(names)], source))
                elif kind == "undo" and said:
                    await decisions.undo(here, told.space, said.pop(one % len(said)))
                elif kind == "edit" and (rows := await told.rows()):
                    chosen = str(rows[one % len(rows)].transaction_id)
                    said.append(await decisions.edit(here, told.space, chosen, {"category": "mine"}))
                elif kind == "tell":
                    more += 1
                    await tell(one % len(_SOURCES), more)
            await told.sound()
        for word in said:
            await decisions.undo(here, told.space, word)
        await told.sound()
        assert more or told.dump() == before

    opened(act)


def test_the_commands_ask_join_part_and_take_back(settings: Settings, tmp_path: Path) -> None:
    caudal = Command(settings, tmp_path)

    async def fill() -> None:
        async with installation.opened(settings) as here:
            space = await spaces.create_space(here.store, "home")
            told = Told(here, space, settings.database_url)
            for source, changes in told_twice():
                await told.tell(source, *changes)

    asyncio.run(fill())
    assert "may be one account" in caudal("review").out
    joined = caudal("join-accounts", "Giro", "Konto")
    assert joined.code == 0
    [word] = json.loads(caudal("decisions", "--json").out)
    assert (word["kind"], word["said_by"]) == ("join", "person")
    assert [account["name"] for account in json.loads(caudal("accounts", "--json").out)] == ["Giro"]
    assert caudal("part-accounts", "Giro", "Konto").code == 0
    assert caudal("undo", word["decision_id"]).code == 0
    assert caudal("keep-accounts-apart", "Giro", "Konto").code == 0
    assert "apart" in caudal("decisions").out
