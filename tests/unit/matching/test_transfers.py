"""Two sides of one movement between own accounts: the best choice over all, and never what is income or spending."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.matching.transfers import Bounds, Rates, Side, Transfer, TransferKind, kind_of, transfers
from caudal.model.changes import AccountKind

FIRST = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AS_A_RULE = Bounds()
CHECKING, SAVINGS, CARD = AccountKind.CHECKING, AccountKind.SAVINGS, AccountKind.CARD


def left(key: str = "out", amount: str = "-100.00", day: int = 0, **more: object) -> Side:
    """Money that leaves the current account."""
    return side(key, "checking", CHECKING, amount, day, **more)


def came(key: str = "in", amount: str = "100.00", day: int = 0, **more: object) -> Side:
    """Money that comes into the savings."""
    return side(key, "savings", SAVINGS, amount, day, **more)


def side(key: str, account: str, kind: AccountKind, amount: str, day: int, /, **more: object) -> Side:
    plain = Side(key, account, kind, Decimal(amount), "EUR", (FIRST + timedelta(day),), text="TRANSFER")
    return msgspec.structs.replace(plain, **more)


def told(*sides: Side, bounds: Bounds = AS_A_RULE, rates: Rates | None = None) -> set[tuple[str, str]]:
    found, _ = transfers(sides, bounds, rates)
    return {(each.out, each.into) for each in found}


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


@st.composite
def books(draw: st.DrawFn) -> list[Side]:
    """A fortnight of movements on three accounts, many of one amount."""
    kinds = {"checking": CHECKING, "savings": SAVINGS, "card": CARD}
    movements = draw(
        st.lists(
            st.tuples(
                st.sampled_from(sorted(kinds)),
                st.sampled_from(["-100.00", "100.00", "-50.00", "50.00", "0.00"]),
                st.integers(0, 13),
                st.sampled_from(["TRANSFER", "Coffee", ""]),
                st.sampled_from(["", "", "", "SALARY"]),
            ),
            max_size=12,
        )
    )
    return [
        side(f"s{place}", account, kinds[account], amount, day, text=text, category=category)
        for place, (account, amount, day, text, category) in enumerate(movements)
    ]


# --- what holds of whatever was told -----------------------------------------------------------------------


@given(book=books())
def test_each_side_is_of_one_transfer_at_most(book: list[Side]) -> None:
    found, _ = transfers(book, AS_A_RULE)
    keys = [key for each in found for key in (each.out, each.into)]
    assert len(keys) == len(set(keys))


@given(book=books())
def test_a_transfer_leaves_one_account_and_comes_into_another_in_time(book: list[Side]) -> None:
    sides = {each.key: each for each in book}
    for each in (pair for pairs in transfers(book, AS_A_RULE) for pair in pairs):
        out, into = sides[each.out], sides[each.into]
        assert out.amount < 0 < into.amount == -out.amount
        assert out.account != into.account
        assert each.day_gap == (into.on - out.on).days
        assert abs(each.day_gap) <= AS_A_RULE.days_max
        assert each.kind is kind_of(out.kind, into.kind)
        assert "SALARY" not in {out.category, into.category}


@given(book=books(), order=st.randoms(use_true_random=False))
def test_the_order_of_the_sides_changes_nothing(book: list[Side], order) -> None:
    assert transfers(order.sample(book, len(book)), AS_A_RULE) == transfers(book, AS_A_RULE)


@given(book=books())
def test_what_a_person_rejected_is_never_found_again(book: list[Side]) -> None:
    first = {(each.out, each.into) for each in transfers(book, AS_A_RULE)[0]}
    found, doubts = transfers(book, AS_A_RULE, rejected=frozenset(first))
    assert first.isdisjoint((each.out, each.into) for each in [*found, *doubts])


@given(book=books())
def test_a_doubt_is_of_two_that_are_free(book: list[Side]) -> None:
    found, doubts = transfers(book, AS_A_RULE)
    taken = {key for each in found for key in (each.out, each.into)}
    assert taken.isdisjoint(key for each in doubts for key in (each.out, each.into))


# --- kinds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("out", "into", "kind"),
    [
        (CHECKING, SAVINGS, TransferKind.OWN_TRANSFER),
        (CHECKING, CARD, TransferKind.CARD_PAYMENT),
        (CARD, CARD, TransferKind.OWN_TRANSFER),
        (SAVINGS, AccountKind.LOAN, TransferKind.LOAN_PAYMENT),
        (CHECKING, AccountKind.EXCHANGE, TransferKind.EXCHANGE_DEPOSIT),
        (AccountKind.WALLET, CHECKING, TransferKind.EXCHANGE_DEPOSIT),
    ],
)
def test_a_transfer_is_named_by_the_accounts_it_joins(
    out: AccountKind, into: AccountKind, kind: TransferKind
) -> None:
    ((found,), _) = transfers([left(kind=out), came(kind=into)], AS_A_RULE)
    assert found.kind is kind


def test_paying_a_card_is_sure() -> None:
    paid = came("in", account="card", kind=CARD, day=1, text="PAYMENT THANK YOU")
    ((found,), _) = transfers([left(text="AUTOPAY CREDIT CARD PMT"), paid], AS_A_RULE)
    assert (found.kind, found.day_gap, found.certain) == (TransferKind.CARD_PAYMENT, 1, True)


# --- windows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "is_one"), [(-4, True), (0, True), (4, True), (5, False), (-5, False)])
def test_four_days_may_lie_between_the_sides(days: int, is_one: bool) -> None:
    assert bool(told(left(), came(day=days))) is is_one


def test_how_many_days_may_be_told() -> None:
    assert told(left(), came(day=2), bounds=Bounds(days_max=2))
    assert not told(left(), came(day=2), bounds=Bounds(days_max=1))


def test_any_day_a_source_gave_counts() -> None:
    days = (FIRST + timedelta(6), FIRST + timedelta(3))
    assert told(left(), msgspec.structs.replace(came(), days=days))


@pytest.mark.parametrize(("hours", "is_one"), [(23, True), (24, True), (24.5, False), (-24.5, False)])
def test_where_both_tell_the_instant_the_window_is_exact(hours: float, is_one: bool) -> None:
    sides = left(at=NOON), came(day=1 if hours > 0 else -1, at=at(hours))
    assert bool(told(*sides, bounds=Bounds(days_max=1))) is is_one


def test_an_instant_on_one_side_alone_leaves_it_to_the_days() -> None:
    assert told(left(at=NOON), came(day=1), bounds=Bounds(days_max=1))


def test_instants_settle_which_of_several_belong_together() -> None:
    sides = [left("o1", at=at(0)), left("o2", at=at(5)), came("i1", at=at(5.1)), came("i2", at=at(0.1))]
    assert told(*sides) == {("o1", "i2"), ("o2", "i1")}


# --- amounts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["100.01", "99.99", "-100.00", "0.00"])
def test_another_amount_is_no_other_side(amount: str) -> None:
    assert not told(left(), came(amount=amount))


def test_money_that_stays_on_an_account_is_no_transfer() -> None:
    assert not told(left(), came(account="checking"))


def rates(of_day: dict[int, str]) -> Rates:
    """Dollars for a euro, by day."""

    def rate(one: str, other: str, day: date) -> Decimal | None:
        told = of_day.get((day - FIRST).days)
        return Decimal(told) if told and (one, other) == ("EUR", "USD") else None

    return rate


@pytest.mark.parametrize(
    ("amount", "is_one"),
    [("110.00", True), ("115.50", True), ("104.50", True), ("115.51", False), ("104.49", False)],
)
def test_another_currency_is_held_against_the_days_rate(amount: str, is_one: bool) -> None:
    assert bool(told(left(), came(amount=amount, currency="USD"), rates=rates({0: "1.10"}))) is is_one


def test_the_rates_of_both_days_count_and_how_far_off_may_be_told() -> None:
    dollars = came(amount="120.00", currency="USD", day=2)
    assert not told(left(), dollars, rates=rates({0: "1.10"}))
    assert told(left(), dollars, rates=rates({0: "1.10", 2: "1.20"}))
    close = Bounds(fx_tolerance=Decimal("0.001"))
    assert not told(left(), dollars, rates=rates({2: "1.21"}), bounds=close)
    assert told(left(), dollars, rates=rates({2: "1.2001"}), bounds=close)


def test_without_a_rate_another_currency_is_no_other_side() -> None:
    dollars = came(currency="USD")
    assert not told(left(), dollars)
    assert not told(left(), dollars, rates=rates({}))


def test_the_same_currency_to_the_cent_is_likelier_than_another_at_the_days_rate() -> None:
    sides = [left(), came("euros"), came("dollars", amount="103.00", currency="USD", account="abroad")]
    assert told(*sides, rates=rates({0: "1.00"})) == {("out", "euros")}


# --- what is never one -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "category", ["SALARY", "INCOME_WAGES", "FOOD_AND_DRINK_COFFEE", "MEDICAL", "Dividend"]
)
def test_what_is_income_or_spending_by_nature_is_never_a_transfer(category: str) -> None:
    assert not told(left(), came(category=category))
    assert not told(left(category=category), came())
    assert not transfers([left(), came(category=category)], AS_A_RULE)[1]


@pytest.mark.parametrize("category", ["TRANSFER_IN_SAVINGS", "INCOME_TRANSFER", "LOAN_PAYMENTS", ""])
def test_a_category_that_may_be_a_transfer_s_is_no_hindrance(category: str) -> None:
    assert told(left(), came(category=category))


def test_a_purchase_and_a_refund_of_one_amount_are_no_transfer() -> None:
    bought = side("out", "card", CARD, "-40.00", 0, text="SHOE SHOP")
    assert not told(bought, side("in", "checking", CHECKING, "40.00", 1, text="OTHER SHOP"))


def test_a_rejected_pair_leaves_each_to_another() -> None:
    sides = [left(), came("i1"), came("i2", day=1)]
    assert told(*sides) == {("out", "i1")}
    found, _ = transfers(sides, AS_A_RULE, rejected=frozenset({("out", "i1")}))
    assert [(each.out, each.into) for each in found] == [("out", "i2")]


# --- which of several --------------------------------------------------------------------------------------


def test_the_best_over_all_is_not_the_nearest_first() -> None:
    # o2 and i1 are of one day; taken first they would leave o1 and i2 five days apart, and alone.
    sides = [left("o1", day=0), left("o2", day=3), came("i1", day=3), came("i2", day=5)]
    assert told(*sides) == {("o1", "i1"), ("o2", "i2")}


def test_of_the_same_evidence_order_is_kept() -> None:
    sides = [left("o1", day=0), left("o2", day=1), came("i1", day=1), came("i2", day=2)]
    assert told(*sides) == {("o1", "i1"), ("o2", "i2")}


@given(count=st.integers(0, 8), more=st.integers(0, 4))
def test_so_many_leave_and_so_many_come_are_as_many_transfers_as_the_fewer(count: int, more: int) -> None:
    outs = [left(f"o{place}", day=place % 3) for place in range(count)]
    ins = [came(f"i{place}", day=place % 3) for place in range(count + more)]
    assert len(told(*outs, *ins)) == count


def test_one_reference_from_end_to_end_settles_it() -> None:
    sides = [left(reference="E2E-0815"), came("i1"), came("i2", day=3, reference="e2e-0815 ")]
    assert told(*sides) == {("out", "i2")}


def test_what_may_be_one_is_asked_about() -> None:
    found, doubts = transfers([left(text="Rent"), came(text="Mum")], AS_A_RULE)
    assert not found
    assert [(type(each), each.out, each.into) for each in doubts] == [(Transfer, "out", "in")]


# --- a person's word ---------------------------------------------------------------------------------------


def test_what_a_person_linked_is_a_transfer_whatever_speaks_against_it() -> None:
    sides = [left(category="FOOD_AND_DRINK"), came(amount="7.00", day=40), came("near")]
    ((found,), doubts) = transfers(sides, AS_A_RULE, linked=[("out", "in")])
    assert (found.out, found.into, found.said, found.day_gap) == ("out", "in", True, 40)
    assert found.certain
    assert doubts == []


def test_of_two_words_on_one_side_the_first_holds_and_the_other_side_is_free() -> None:
    sides = [left(), left("o2"), came(), came("i2")]
    found, _ = transfers(sides, AS_A_RULE, linked=[("out", "i2"), ("out", "in")])
    assert {(each.out, each.into, each.said) for each in found} == {("out", "i2", True), ("o2", "in", False)}


@pytest.mark.parametrize("pair", [("in", "out"), ("out", "nobody"), ("out", "same")])
def test_a_word_on_what_can_t_be_two_sides_is_none(pair: tuple[str, str]) -> None:
    same = came("same", account="checking", day=30)
    found, _ = transfers([left(), came(), same], AS_A_RULE, linked=[pair])
    assert [(each.out, each.into, each.said) for each in found] == [("out", "in", False)]


# --- choices that weigh the same ---------------------------------------------------------------------------


@given(book=books(), gone=st.integers(0, 11))
def test_who_is_no_side_can_go_and_no_pair_changes(book: list[Side], gone: int) -> None:
    found, _ = transfers(book, AS_A_RULE)
    taken = {key for each in found for key in (each.out, each.into)}
    without = [side for place, side in enumerate(book) if place != gone or side.key in taken]
    assert transfers(without, AS_A_RULE)[0] == found
