"""Positions, the cash among them, and movements that have no cursor and shift while they are read."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.plaid_script import Json, Raw, Script, account, institution, item, pulled, refusal, synced

from caudal.model.changes import (
    BalanceKind,
    BalanceSeen,
    HoldingsSeen,
    Page,
    Status,
    TransactionSeen,
    Window,
)
from caudal.model.errors import Malformed, NeedsUser, NotReady, Unavailable

MOVEMENTS, HOLDINGS = "investments/transactions/get", "investments/holdings/get"
BROKER = account("acc-ira", "investment", "ira", balances={"current": Decimal("5000.5"), "available": None})
UPDATED = "2026-03-09T22:15:00Z"


def movement(place: int, amount: str = "100", **more: Any) -> Json:
    told = {
        "investment_transaction_id": f"m{place}",
        "account_id": "acc-ira",
        "security_id": "sec-1",
        "amount": Decimal(amount),
        "date": "2026-03-02",
        "name": f"BUY LARCH {place}",
        "quantity": Decimal(2),
        "price": Decimal(50),
        "type": "buy",
        "subtype": "buy",
        "iso_currency_code": "USD",
    }
    return {**told, **more}


def movements(*rows: Json, total: int | None = None) -> Json:
    count = len(rows) if total is None else total
    return {
        "accounts": [BROKER],
        "investment_transactions": list(rows),
        "total_investment_transactions": count,
    }


def served(rows: list[Json]) -> Callable[[Json], Json]:
    """The rows by offset, as they stand when asked; 500 at most."""

    def serve(body: Json) -> Json:
        offset, count = body["options"]["offset"], body["options"]["count"]
        return movements(*rows[offset : offset + count], total=len(rows))

    return serve


def position(security: str = "sec-1", quantity: str = "2", **more: Any) -> Json:
    told = {
        "account_id": "acc-ira",
        "security_id": security,
        "quantity": Decimal(quantity),
        "institution_price": Decimal("51.2075"),
        "institution_value": Decimal("102.415"),
        "cost_basis": Decimal(100),
        "iso_currency_code": "USD",
    }
    return {**told, **more}


def cash(quantity: str, security: str = "sec-usd", **more: Any) -> Json:
    priced = {"institution_price": Decimal(1), "institution_value": Decimal(quantity)}
    return position(security, quantity, **priced | more)


SECURITIES = [
    {"security_id": "sec-1", "ticker_symbol": "LRCH", "name": "Larch Works", "type": "equity"},
    {"security_id": "sec-2", "ticker_symbol": None, "isin": "XS0000000009", "name": "A note", "type": None},
    {"security_id": "sec-usd", "ticker_symbol": "CUR:USD", "name": "Dollar", "type": "cash"},
    {"security_id": "sec-eur", "ticker_symbol": "CUR:EUR", "name": "Euro", "type": "cash"},
]


def positions(*rows: Json, securities: list[Json] | None = None) -> Json:
    return {
        "accounts": [BROKER],
        "holdings": list(rows),
        "securities": SECURITIES if securities is None else securities,
    }


def script(moved: Any, held: Any, *, updated: str | None = UPDATED, **more: Any) -> Script:
    lines = {
        "item/get": item(invested=updated),
        "institutions/get_by_id": institution(),
        "accounts/get": {"accounts": [account(), BROKER]},
        "transactions/sync": synced("c1"),
        MOVEMENTS: moved,
        HOLDINGS: held,
    }
    return Script(lines | {name.replace("__", "/"): said for name, said in more.items()})


def of(pages: list[Page], kind: type) -> list[Any]:
    return [change for page in pages for change in page.changes if isinstance(change, kind)]


def cash_told(pages: list[Page]) -> list[str]:
    return [
        str(change.money)
        for change in of(pages, BalanceSeen)
        if change.ref == "acc-ira" and change.kind is BalanceKind.BOOKED
    ]


def windows(pages: list[Page]) -> list[Window]:
    return [window for page in pages for window in page.windows]


def test_a_purchase_takes_cash_and_a_sale_brings_it() -> None:
    rows = [movement(1, "100"), movement(2, "-30.5", type="sell"), movement(3, "-5000", type="cash")]
    pages, error = pulled(script(movements(*rows), positions()))
    assert error is None
    assert [str(each.money) for each in of(pages, TransactionSeen)] == ["-100 USD", "30.5 USD", "5000 USD"]
    [first, *_] = of(pages, TransactionSeen)
    assert (first.id, first.booked_on, first.description) == ("m1", date(2026, 3, 2), "BUY LARCH 1")
    assert '"security_id":"sec-1"' in first.raw


def test_what_moves_no_cash_is_kept_and_named_by_its_id() -> None:
    pages, _ = pulled(script(movements(movement(7, "0", type="transfer")), positions()))
    assert of(pages, TransactionSeen) == []
    [kept] = [each for page in pages for each in page.unreadable]
    assert kept.where == "investments/transactions/get m7"
    assert (kept.ref, '"type":"transfer"' in kept.raw) == ("acc-ira", True)
    assert windows(pages)  # it was read, so the reading is complete


def test_expected_cash_is_pending() -> None:
    pages, _ = pulled(
        script(movements(movement(1, "-9", type="cash", subtype="pending credit")), positions())
    )
    assert [each.status for each in of(pages, TransactionSeen)] == [Status.PENDING]


def test_positions_keep_every_decimal_and_their_best_name() -> None:
    rows = [position(), position("sec-2", "0.00000001"), position("sec-lost", "-3", cost_basis=None)]
    pages, _ = pulled(script(movements(), positions(*rows)))
    [seen] = of(pages, HoldingsSeen)
    assert (seen.ref, seen.on) == ("acc-ira", date(2026, 3, 9))
    share, note, lost = seen.holdings
    assert (share.asset, share.name, share.kind) == ("LRCH", "Larch Works", "equity")
    assert (share.price, share.value, share.cost) == (Decimal("51.2075"), Decimal("102.415"), Decimal(100))
    assert (note.asset, note.quantity, note.kind) == ("XS0000000009", Decimal("1E-8"), "")
    assert (lost.asset, lost.quantity, lost.cost) == ("sec-lost", Decimal(-3), None)


def test_two_positions_never_go_by_one_name() -> None:
    twins = [
        {"security_id": "sec-1", "ticker_symbol": "LRCH", "type": "equity"},
        {"security_id": "sec-2", "ticker_symbol": "LRCH", "type": "derivative"},
    ]
    rows = [position(), position("sec-2"), position("sec-2")]
    pages, _ = pulled(script(movements(), positions(*rows, securities=twins)))
    [seen] = of(pages, HoldingsSeen)
    assert [each.asset for each in seen.holdings] == ["sec-1", "sec-2", "sec-2\u241f2"]


def test_an_account_that_holds_nothing_says_so() -> None:
    [seen] = of(pulled(script(movements(), positions()))[0], HoldingsSeen)
    assert seen.holdings == ()


def test_the_cash_of_each_currency_is_the_balance_its_movements_must_add_up_to() -> None:
    rows = [position(), cash("80.25"), cash("19.75"), cash("7", "sec-eur", iso_currency_code="EUR")]
    pages, _ = pulled(script(movements(), positions(*rows)))
    assert cash_told(pages) == ["100.00 USD", "7 EUR"]


def test_cash_told_at_a_converted_price_proves_nothing() -> None:
    converted = cash("7", "sec-eur", institution_price=Decimal("1.08"), institution_value=Decimal("7.56"))
    assert cash_told(pulled(script(movements(), positions(converted)))[0]) == []


def test_without_cash_among_the_positions_no_booked_balance_is_told() -> None:
    assert cash_told(pulled(script(movements(), positions(position())))[0]) == []


def test_a_position_that_cannot_be_read_keeps_its_account_from_being_told() -> None:
    for lame in ({**position(), "quantity": "NaN"}, {**position(), "quantity": "many"}, {"quantity": 1}):
        pages, error = pulled(script(movements(), positions(position("sec-2"), lame)))
        assert of(pages, HoldingsSeen) == []
        assert cash_told(pages) == []
        assert len([each for page in pages for each in page.unreadable]) == 1
        assert error is None


def test_two_years_are_read_at_first_and_ninety_days_afterwards() -> None:
    plaid = script(movements(), positions())
    pages, _ = pulled(plaid)
    [asked] = plaid.bodies(MOVEMENTS)
    assert (asked["start_date"], asked["end_date"]) == ("2024-03-09", "2026-03-09")
    assert asked["options"] == {"count": 500, "offset": 0}
    assert windows(pages) == [Window("acc-ira", date(2024, 3, 9), date(2026, 3, 9), frozenset())]
    later = script(movements(), positions(), updated="2026-03-12T22:00:00Z")
    pulled(later, pages[-1].next)
    [asked] = later.bodies(MOVEMENTS)
    assert (asked["start_date"], asked["end_date"]) == ("2025-12-09", "2026-03-12")


def test_an_unchanged_broker_is_not_asked_again() -> None:
    pages, _ = pulled(script(movements(movement(1)), positions(cash("5"))))
    again = script([], [])
    assert pulled(again, pages[-1].next) == ([], None)
    assert again.paths == ["transactions/sync", "item/get"]


def test_pages_are_read_to_the_total() -> None:
    rows = [movement(place) for place in range(1201)]
    plaid = script(served(rows), positions())
    pages, _ = pulled(plaid)
    assert [asked["options"]["offset"] for asked in plaid.bodies(MOVEMENTS)] == [0, 499, 998]
    ids = {each.id for each in of(pages, TransactionSeen)}
    assert len(ids) == 1201
    assert [window.holds for window in windows(pages)] == [ids]


def test_rows_that_shift_while_they_are_read_are_read_again_and_none_is_missed() -> None:
    rows = [movement(place) for place in range(600)]
    told: list[Json] = []

    def shifting(body: Json) -> Json:
        told.append(body)
        if len(told) == 2:
            del rows[3]  # row 500 slides onto the first page, which has been read
        return served(rows)(body)

    pages, error = pulled(script(shifting, positions(cash("5"))))
    assert error is None
    assert [body["options"]["offset"] for body in told] == [0, 499, 0, 499]
    assert {each.id for each in of(pages, TransactionSeen)} >= {
        row["investment_transaction_id"] for row in rows
    }
    held = {row["investment_transaction_id"] for row in rows}
    assert [window.holds for window in windows(pages)] == [held], "the row that went is not among them"
    assert cash_told(pages) == ["5 USD"]


def test_a_swap_that_keeps_the_total_is_noticed_by_the_row_that_was_not_met() -> None:
    rows = [movement(place) for place in range(600)]
    told: list[Json] = []

    def swapping(body: Json) -> Json:
        told.append(body)
        if len(told) == 2:
            del rows[3]
            rows.append(movement(9999))
        return served(rows)(body)

    pages, _ = pulled(script(swapping, positions()))
    assert len(told) == 4
    assert {each.id for each in of(pages, TransactionSeen)} >= {
        row["investment_transaction_id"] for row in rows
    }


def test_rows_that_never_stand_still_leave_the_cash_for_the_next_pull() -> None:
    rows = [movement(place) for place in range(600)]
    told: list[Json] = []

    def restless(body: Json) -> Json:
        told.append(body)
        rows.insert(0, movement(10_000 + len(told)))
        return served(rows)(body)

    pages, error = pulled(script(restless, positions(cash("5"))))
    assert error is None
    assert windows(pages) == []
    assert cash_told(pages) == []
    assert of(pages, HoldingsSeen)
    again = script(movements(), positions(cash("5")))
    assert cash_told(pulled(again, pages[-1].next)[0]) == ["5 USD"]


def test_a_broker_asked_by_plaid_meanwhile_is_read_again() -> None:
    moved = [item(invested=UPDATED)] + [item(invested="2026-03-09T22:20:00Z")] * 9
    plaid = script(
        [movements(movement(1)), movements(movement(2), movement(1))], positions(cash("5")), item__get=moved
    )
    pages, _ = pulled(plaid, standing())
    assert [each.id for each in of(pages, TransactionSeen)] == ["m1", "m2", "m1"]
    assert cash_told(pages) == ["5 USD"]


def standing(**more: Any) -> str:
    told = {
        "accounts": {"acc-till": ["USD"], "acc-ira": ["USD", True]},
        "bank": "Alder Bank",
        "countries": ["US"],
        "next": "c1",
    }
    return msgspec.json.encode(told | more).decode()


@pytest.mark.parametrize(
    "code",
    [
        "NO_INVESTMENT_ACCOUNTS",
        "PRODUCTS_NOT_SUPPORTED",
        "ADDITIONAL_CONSENT_REQUIRED",
        "PRODUCT_NOT_ENABLED",
    ],
)
def test_a_login_without_investments_goes_on_without_and_is_not_asked_again(code: str) -> None:
    plaid = script(refusal(code), [])
    pages, error = pulled(plaid)
    assert error is None
    assert [each.ref for each in of(pages, BalanceSeen) if each.kind is BalanceKind.BOOKED] == ["acc-till"]
    later = script([], [], updated="2026-03-12T22:00:00Z")
    assert pulled(later, pages[-1].next)[1] is None
    assert MOVEMENTS not in later.paths


def test_a_product_that_was_off_is_tried_again_once_the_login_is_linked_anew() -> None:
    pages, _ = pulled(script(refusal("ADDITIONAL_CONSENT_REQUIRED"), []))
    consented = item(invested=UPDATED, consented_products=["transactions", "investments", "liabilities"])
    later = script(movements(movement(1)), positions(), item__get=consented)
    again, _ = pulled(later, pages[-1].next)
    assert [each.id for each in of(again, TransactionSeen)] == ["m1"]
    assert '"off"' in pages[-1].next
    assert '"off"' not in again[-1].next


def test_without_an_investment_account_nothing_is_asked_and_nothing_billed() -> None:
    plaid = script([], [], accounts__get={"accounts": [account()]})
    assert pulled(plaid)[1] is None
    assert MOVEMENTS not in plaid.paths
    assert HOLDINGS not in plaid.paths


def test_investments_in_the_making_are_no_failure_and_the_rest_is_told() -> None:
    pages, error = pulled(script(refusal("PRODUCT_NOT_READY"), []))
    assert isinstance(error, NotReady)
    assert [each.ref for each in of(pages, BalanceSeen) if each.kind is BalanceKind.BOOKED] == ["acc-till"]


@pytest.mark.parametrize("held", [refusal("INTERNAL_SERVER_ERROR", "API_ERROR", 500), Raw(200, b"{")])
def test_positions_that_cannot_be_had_are_asked_for_again(held: Raw) -> None:
    pages, error = pulled(script(movements(movement(1)), held))
    assert isinstance(error, Unavailable | Malformed)
    assert len(of(pages, TransactionSeen)) == 1
    later = script(movements(movement(1)), positions(cash("5")))
    assert cash_told(pulled(later, pages[-1].next)[0]) == ["5 USD"]


def test_balances_that_fail_do_not_keep_investments_from_being_told() -> None:
    down = refusal("INTERNAL_SERVER_ERROR", "API_ERROR", 500)
    plaid = script(movements(movement(1)), positions(cash("5")), accounts__get=down)
    pages, error = pulled(plaid, standing())
    assert isinstance(error, Unavailable)
    assert cash_told(pages) == ["5 USD"]


def test_without_plaids_word_on_when_positions_are_told_once_for_each_state() -> None:
    first = script(movements(), positions(cash("5")), updated=None)
    pages, _ = pulled(first)
    assert cash_told(pages) == ["5 USD"]
    again, _ = pulled(script(movements(), positions(cash("5")), updated=None), pages[-1].next)
    assert cash_told(again) == []
    other, _ = pulled(script(movements(), positions(cash("6")), updated=None), pages[-1].next)
    assert cash_told(other) == ["6 USD"]


LAME = {**movement(2), "amount": "a lot"}


def test_a_movement_that_cannot_be_read_is_kept_and_all_are_asked_for_again() -> None:
    pages, error = pulled(script(movements(movement(1), LAME), positions(cash("5"))))
    assert error is None
    assert [each.id for each in of(pages, TransactionSeen)] == ["m1"]
    assert len([each for page in pages for each in page.unreadable]) == 1
    assert (windows(pages), cash_told(pages)) == (
        [],
        [],
    )  # neither complete, nor what the ledger must add up to
    again = script(movements(movement(1), movement(2)), positions(cash("5")))
    pages, _ = pulled(again, pages[-1].next)
    assert (
        again.bodies(MOVEMENTS)[0]["start_date"] == "2024-03-09"
    )  # all of it: the first reading wasn't complete
    assert [each.id for each in of(pages, TransactionSeen)] == ["m1", "m2"]
    assert (len(windows(pages)), cash_told(pages)) == (1, ["5 USD"])
    assert "amiss" not in pages[-1].next


def test_a_movement_that_stays_unreadable_is_left_to_a_person_after_three_times() -> None:
    cursor, told = "", []
    for _ in range(4):
        pages, _ = pulled(script(movements(movement(1), LAME), positions(cash("5"))), cursor)
        told.append(bool(cash_told(pages)))
        assert windows(pages) == []  # nor is it ever said to be gone
        cursor = pages[-1].next
    assert told == [False, False, False, True]
    left = script([], [])
    assert pulled(left, cursor) == ([], None)
    later = script(movements(movement(1), LAME), positions(cash("5")), updated="2026-03-12T22:00:00Z")
    assert cash_told(pulled(later, cursor)[0]) == ["5 USD"]  # the next day needs no new patience


def test_positions_that_read_the_second_time_are_told_then() -> None:
    pages, _ = pulled(script(movements(movement(1)), positions({**position(), "quantity": "many"})))
    assert of(pages, HoldingsSeen) == []
    pages, _ = pulled(script(movements(movement(1)), positions(position())), pages[-1].next)
    assert [len(each.holdings) for each in of(pages, HoldingsSeen)] == [1]


def test_what_was_unreadable_in_a_reading_that_is_repeated_counts_for_nothing() -> None:
    moved = [item(invested=UPDATED)] + [item(invested="2026-03-09T22:20:00Z")] * 9
    plaid = script([movements(LAME), movements(movement(2))], positions(cash("5")), item__get=moved)
    pages, _ = pulled(plaid, standing())
    assert (cash_told(pages), len(windows(pages))) == (["5 USD"], 1)


def test_points_that_are_moved_keep_nothing_waiting() -> None:
    odd = movement(2, iso_currency_code=None, unofficial_currency_code="STARS")
    pages, _ = pulled(script(movements(movement(1), odd), positions(cash("5"))))
    assert cash_told(pages) == ["5 USD"]


# A broker's login: no transactions at all

BROKERS = refusal("PRODUCTS_NOT_SUPPORTED")


def broker(moved: Any, held: Any, *shown: Json, updated: str | None = UPDATED, **more: Any) -> Script:
    lines: dict[str, Any] = {
        "item__get": item(None, updated, products=["investments"], consented_products=["investments"]),
        "accounts__get": {"accounts": [BROKER, *shown]},
        "transactions__sync": BROKERS,
    }
    return script(moved, held, **lines | more)


@pytest.mark.parametrize(
    "code", ["PRODUCTS_NOT_SUPPORTED", "ADDITIONAL_CONSENT_REQUIRED", "PRODUCT_NOT_ENABLED"]
)
def test_a_login_without_transactions_has_its_investments_told(code: str) -> None:
    plaid = broker(movements(movement(1)), positions(cash("5")), transactions__sync=refusal(code))
    pages, error = pulled(plaid)
    assert error is None
    assert [each.id for each in of(pages, TransactionSeen)] == ["m1"]
    assert (cash_told(pages), values(pages)) == (["5 USD"], [("5000.5 USD", "2026-03-09T22:15:00+00:00")])
    assert [page.at_rest for page in pages] == [False] + [True] * (len(pages) - 1)
    unchanged = broker([], [])
    assert pulled(unchanged, pages[-1].next) == ([], None)
    assert set(unchanged.paths) == {"item/get"}


def test_transactions_are_tried_again_once_the_login_shares_them() -> None:
    pages, _ = pulled(broker(movements(), positions()))
    shared = item(UPDATED, UPDATED, products=["investments"])
    plaid = broker([], [], item__get=shared, transactions__sync=[synced("c1"), synced("c1")])
    pages, error = pulled(plaid, pages[-1].next)
    assert error is None
    assert "transactions/sync" in plaid.paths
    assert '"off"' not in pages[-1].next


def test_where_no_movements_are_told_of_a_balance_is_a_value_and_never_held_against_them() -> None:
    pages, _ = pulled(broker(movements(), positions(), account()))
    kinds = {each.kind for each in of(pages, BalanceSeen) if each.ref == "acc-till"}
    assert kinds == {BalanceKind.VALUE, BalanceKind.AVAILABLE}


def test_a_bank_that_does_not_give_its_transactions_any_more_needs_its_person() -> None:
    plaid = script([], [], transactions__sync=refusal("ACCESS_NOT_GRANTED"))
    assert isinstance(pulled(plaid, standing())[1], NeedsUser)


def values(pages: list[Page]) -> list[tuple[str, str | None]]:
    return [
        (str(change.money), change.at and change.at.isoformat())
        for change in of(pages, BalanceSeen)
        if change.ref == "acc-ira" and change.kind is BalanceKind.VALUE
    ]


def test_what_the_account_is_worth_is_told_with_its_positions_as_of_the_broker() -> None:
    pages, _ = pulled(script(movements(), positions(cash("5"))))
    assert values(pages) == [("5000.5 USD", "2026-03-09T22:15:00+00:00")]


def test_without_its_positions_what_the_account_is_worth_is_told_as_of_the_bank() -> None:
    plaid = script(movements(), positions(cash("5")), updated=None)
    assert values(pulled(plaid)[0])[0] == ("5000.5 USD", "2026-03-10T12:00:00+00:00")
    pages, _ = pulled(script(refusal("ACCESS_NOT_GRANTED"), []))
    later = script([], [], item__get=item("2026-03-11T12:00:00Z", UPDATED))
    assert values(pulled(later, pages[-1].next)[0]) == [("5000.5 USD", "2026-03-11T12:00:00+00:00")]
