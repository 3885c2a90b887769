"""The order of calls, and what is told when: pages, balances that belong to them, and what goes wrong on the way."""

import msgspec
import pytest
from tests.support.plaid_script import (
    TOKEN,
    HandClock,
    Json,
    Raw,
    Script,
    account,
    institution,
    item,
    pulled,
    refusal,
    synced,
    transaction,
)

from caudal.model.changes import (
    AccountGone,
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Page,
    TransactionGone,
    TransactionSeen,
)
from caudal.model.errors import (
    CursorInvalid,
    Malformed,
    NeedsUser,
    NotReady,
    RateLimited,
    Refused,
    Revoked,
    Unavailable,
)

SYNC = "transactions/sync"
HELLO = ["accounts/get", "institutions/get_by_id"]
NAMED = {"item": item()["item"]}
MUTATED = ("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", "TRANSACTIONS_ERROR")


def script(*syncs: Json | Raw, **more: object) -> Script:
    """An Item of one checking account, whose sync answers are given."""
    lines = {
        "item/get": item(),
        "institutions/get_by_id": institution(),
        "accounts/get": {"accounts": [account()], **NAMED},
        SYNC: list(syncs),
    }
    return Script(lines | {name.replace("__", "/"): said for name, said in more.items()})  # type: ignore[arg-type]


def told(pages: list[Page]) -> list[str]:
    """Ids told, in order; a leading minus is one that is gone."""
    return [
        f"-{change.id}" if isinstance(change, TransactionGone) else change.id
        for page in pages
        for change in page.changes
        if isinstance(change, TransactionSeen | TransactionGone)
    ]


def booked(pages: list[Page]) -> list[BalanceSeen]:
    return [
        change
        for page in pages
        for change in page.changes
        if isinstance(change, BalanceSeen) and change.kind is BalanceKind.BOOKED
    ]


def at_rest(cursor: str = "c1", **standing: object) -> str:
    """A cursor of a connection pulled before."""
    known = {"accounts": {"acc-till": ["USD"]}, "bank": "Alder Bank", "countries": ["US"], "next": cursor}
    return msgspec.json.encode(known | standing).decode()


def test_a_first_pull_tells_accounts_then_pages_then_balances() -> None:
    plaid = script(
        synced("c1", [transaction("t1"), transaction("t2")], has_more=True),
        synced("c2", [transaction("t3")]),
        synced("c2"),
    )
    pages, error = pulled(plaid)
    assert error is None
    assert plaid.paths == [*HELLO, SYNC, SYNC, "item/get", "accounts/get", SYNC]
    kinds = [sorted({type(change).__name__ for change in page.changes}) for page in pages]
    assert kinds == [["AccountSeen"], ["TransactionSeen"], ["TransactionSeen"], ["BalanceSeen"], []]
    assert [page.at_rest for page in pages] == [False, False, True, True, True]
    assert [page.more for page in pages] == [True, True, True, True, False]
    assert told(pages) == ["t1", "t2", "t3"]
    assert [change.institution for change in pages[0].changes if isinstance(change, AccountSeen)] == [
        "Alder Bank"
    ]


def test_an_item_that_does_not_name_its_bank_is_named_by_the_institution() -> None:
    nameless = {"accounts": [account()], "item": {"item_id": "item-alder", "institution_id": "ins_9"}}
    plaid = script(synced("c1"), synced("c1"), accounts__get=nameless)
    [seen] = pulled(plaid)[0][0].changes
    assert isinstance(seen, AccountSeen)
    assert seen.institution == "Alder Bank, N.A."
    assert plaid.bodies("institutions/get_by_id")[0]["institution_id"] == "ins_9"


def test_sync_is_asked_for_full_pages_with_the_banks_words_and_no_cursor_at_first() -> None:
    plaid = script(synced("c1", has_more=True), synced("c2"), synced("c2"))
    pulled(plaid)
    first, second, check = plaid.bodies(SYNC)
    assert first == {
        "access_token": TOKEN,
        "count": 500,
        "options": {"include_original_description": True, "personal_finance_category_version": "v2"},
    }
    assert (second["cursor"], check["cursor"]) == ("c1", "c2")


def test_an_unchanged_item_costs_two_calls_and_tells_nothing() -> None:
    first, _ = pulled(script(synced("c1", [transaction("t1")]), synced("c1")))
    plaid = script(synced("c1"))
    assert pulled(plaid, first[-1].next) == ([], None)
    assert plaid.paths == [SYNC, "item/get"]


def test_balances_are_told_again_when_the_bank_was_asked_again() -> None:
    first, _ = pulled(script(synced("c1", [transaction("t1")]), synced("c1")))
    plaid = script(synced("c1"), synced("c1"), item__get=item("2026-03-10T18:00:00Z"))
    pages, _ = pulled(plaid, first[-1].next)
    [balance] = booked(pages)
    assert balance.at is not None
    assert balance.at.hour == 18
    assert plaid.paths == [SYNC, "item/get", "accounts/get", SYNC]


def test_a_movement_that_comes_between_is_told_before_the_balances_that_count_it() -> None:
    plaid = script(
        synced("c1", [transaction("t1")]),
        synced("c2", [transaction("t2")], has_more=True),  # the check finds news, of two pages
        synced("c3", [transaction("t3")]),
        synced("c3"),
    )
    pages, _ = pulled(plaid)
    assert told(pages) == ["t1", "t2", "t3"]
    last = [type(change).__name__ for page in pages for change in page.changes]
    assert last.index("BalanceSeen") > last.index("TransactionSeen", last.index("TransactionSeen") + 2)
    assert len(booked(pages)) == 1
    assert plaid.paths[2:] == [SYNC, "item/get", "accounts/get", SYNC, SYNC, "item/get", "accounts/get", SYNC]


def test_after_three_rounds_balances_wait_for_the_next_pull() -> None:
    restless = [synced(f"c{place}", [transaction(f"t{place}")]) for place in range(4)]
    pages, error = pulled(script(*restless))
    assert error is None
    assert told(pages) == ["t0", "t1", "t2", "t3"]
    assert booked(pages) == []
    assert [c for page in pages for c in page.changes if isinstance(c, BalanceSeen)] != []
    again, _ = pulled(script(synced("c3"), synced("c3")), pages[-1].next)
    assert len(booked(again)) == 1


def test_without_plaids_word_on_when_balances_are_told_once_for_each_state() -> None:
    plaid = script(synced("c1"), synced("c1"), item__get=item(None))
    pages, _ = pulled(plaid)
    [balance] = booked(pages)
    assert (balance.at, balance.on.isoformat()) == (None, "2026-03-10")
    again = script(synced("c1"), synced("c1"), item__get=item(None))
    assert pulled(again, pages[-1].next) == ([], None)
    other = {"accounts": [account(balances={"current": 7})]}
    moved = script(synced("c1"), synced("c1"), item__get=item(None), accounts__get=other)
    assert [str(each.money) for each in booked(pulled(moved, pages[-1].next)[0])] == ["7 USD"]


def test_a_mutation_calls_back_to_the_start_of_the_loop() -> None:
    start = at_rest("c7")
    plaid = script(synced("c8", [transaction("t8")], has_more=True), refusal(*MUTATED))
    pages, error = pulled(plaid, start)
    assert isinstance(error, CursorInvalid)
    assert [page.at_rest for page in pages] == [False]
    again = script(synced("c9", [transaction("t9")]), synced("c9"))
    pages, error = pulled(again, error.restart)
    assert again.bodies(SYNC)[0]["cursor"] == "c7"
    assert error is None
    assert pages[0].at_rest


def test_a_mutation_met_after_a_crash_calls_back_to_where_the_loop_began_before_it() -> None:
    pages, _ = pulled(
        script(synced("c8", [transaction("t8")], has_more=True), refusal(*MUTATED)), at_rest("c7")
    )
    resumed = script(refusal(*MUTATED))
    _, error = pulled(resumed, pages[-1].next)
    assert resumed.bodies(SYNC)[0]["cursor"] == "c8"
    assert isinstance(error, CursorInvalid)
    again = script(synced("c9"), synced("c9"))
    pulled(again, error.restart)
    assert again.bodies(SYNC)[0]["cursor"] == "c7"


def test_a_loop_pulled_anew_tells_its_end_even_if_it_brings_nothing() -> None:
    _, error = pulled(
        script(synced("c8", has_more=True), refusal(*MUTATED)),
        at_rest("c7", told="2026-03-10T12:00:00+00:00"),
    )
    assert isinstance(error, CursorInvalid)
    pages, _ = pulled(script(synced("c7")), error.restart)
    assert pages[0].at_rest
    assert pulled(script(synced("c7")), pages[-1].next) == ([], None)


@pytest.mark.parametrize("message", ["cursor not associated with access_token", "The Cursor is too old"])
def test_a_cursor_plaid_does_not_know_begins_again(message: str) -> None:
    denied = refusal("INVALID_FIELD", "INVALID_REQUEST", error_message=message)
    _, error = pulled(script(denied), at_rest())
    assert isinstance(error, CursorInvalid)
    assert error.restart == ""


def test_another_invalid_field_is_our_bug_and_so_is_a_cursor_we_did_not_send() -> None:
    count = refusal("INVALID_FIELD", "INVALID_REQUEST", error_message="count must be between 1 and 500")
    assert isinstance(pulled(script(count), at_rest())[1], Refused)
    cursor = refusal("INVALID_FIELD", "INVALID_REQUEST", error_message="cursor is odd")
    assert isinstance(pulled(script(cursor))[1], Refused)


def test_a_cursor_of_nobody_begins_again() -> None:
    for cursor in ("3x500", "[]", '{"next":7}'):
        error = pulled(script(), cursor)[1]
        assert isinstance(error, CursorInvalid)
        assert error.restart == ""


def test_not_ready_tells_the_accounts_and_comes_again() -> None:
    plaid = script(synced("", status="NOT_READY"))
    pages, error = pulled(plaid)
    assert isinstance(error, NotReady)
    assert error.retry_after.total_seconds() == 5
    [page] = pages
    assert [type(change) for change in page.changes] == [AccountSeen]
    again = script(synced("", status="NOT_READY"))
    pages, error = pulled(again, page.next)
    assert (pages, type(error), again.paths) == ([], NotReady, [SYNC])
    ready = script(synced("c1", [transaction("t1")]), synced("c1"))
    assert told(pulled(ready, page.next)[0]) == ["t1"]
    assert "cursor" not in ready.bodies(SYNC)[0]


def test_the_first_thirty_days_are_told_with_their_balances_and_more_is_announced() -> None:
    initial = "INITIAL_UPDATE_COMPLETE"
    plaid = script(synced("c1", [transaction("t1")], status=initial), synced("c1", status=initial))
    pages, error = pulled(plaid)
    assert isinstance(error, NotReady)
    assert told(pages) == ["t1"]
    assert len(booked(pages)) == 1
    assert pages[-1].more is False


def test_product_not_ready_on_sync_is_no_failure() -> None:
    assert isinstance(pulled(script(refusal("PRODUCT_NOT_READY")))[1], NotReady)


def test_added_modified_and_removed_are_told_in_this_order() -> None:
    plaid = script(
        synced("c1", [transaction("t1")], [transaction("t0", "3")], ["t9", "t1"]),
        synced("c1"),
    )
    assert told(pulled(plaid)[0]) == ["t1", "t0", "-t9", "-t1"]


def test_a_record_removed_earlier_in_the_loop_stays_removed() -> None:
    plaid = script(
        synced("c1", removed=["t1"], has_more=True),
        synced("c2", [transaction("t1"), transaction("t2")], has_more=True),
        synced("c3", [transaction("t3")]),
        synced("c3"),
    )
    assert told(pulled(plaid)[0]) == ["-t1", "t1", "t2", "-t1", "t3"]


def test_an_account_nobody_told_of_is_told_before_its_transactions() -> None:
    late = {"accounts": [account(), account("acc-new", "depository", "savings")]}
    plaid = script(
        synced("c1", [transaction("t1", account_id="acc-new")], accounts=[]),
        synced("c1"),
        accounts__get=[late, late],
    )
    pages, _ = pulled(plaid, at_rest("c0"))
    first = [change for change in pages[0].changes if change.ref == "acc-new"]
    assert [type(change) for change in first] == [AccountSeen, TransactionSeen]
    assert isinstance(first[0], AccountSeen)
    assert first[0].kind is AccountKind.SAVINGS


def test_an_account_plaid_itself_does_not_show_is_told_by_its_id() -> None:
    plaid = script(
        synced("c1", [transaction("t1", account_id="acc-ghost")], accounts=[]),
        synced("c1"),
    )
    pages, error = pulled(plaid)
    ghost = [change for change in pages[1].changes if change.ref == "acc-ghost"]
    assert [type(change) for change in ghost] == [AccountSeen, TransactionSeen]
    assert isinstance(ghost[0], AccountSeen)
    assert (ghost[0].kind, ghost[0].currency) == (AccountKind.OTHER, "XXX")
    assert error is None


def test_what_is_removed_from_an_account_never_told_needs_no_telling() -> None:
    answer_ = synced("c1")
    answer_["removed"] = [{"transaction_id": "t1", "account_id": "acc-ghost"}]
    assert told(pulled(script(answer_, synced("c1")))[0]) == []


def test_an_account_that_vanished_is_gone_once() -> None:
    cursor = at_rest("c1", accounts={"acc-till": ["USD"], "acc-old": ["USD"]})
    pages, _ = pulled(script(synced("c1"), synced("c1")), cursor)
    assert [c.ref for page in pages for c in page.changes if isinstance(c, AccountGone)] == ["acc-old"]
    moved = item("2026-03-11T12:00:00Z")
    again, _ = pulled(script(synced("c1"), synced("c1"), item__get=moved), pages[-1].next)
    assert [c for page in again for c in page.changes if isinstance(c, AccountGone)] == []


def test_an_account_that_cannot_be_read_is_not_taken_for_gone() -> None:
    lame = {"accounts": [{**account(), "name": 7}]}
    pages, _ = pulled(script(synced("c1"), synced("c1"), accounts__get=lame), at_rest())
    assert [c for page in pages for c in page.changes if isinstance(c, AccountGone)] == []
    assert [each.where for page in pages for each in page.unreadable] == ["accounts/get $.accounts[0]"]


def test_one_malformed_record_costs_only_itself() -> None:
    lame = {**transaction("t2"), "amount": None}
    pages, error = pulled(script(synced("c1", [transaction("t1"), lame, transaction("t3")]), synced("c1")))
    assert told(pages) == ["t1", "t3"]
    [unreadable] = [each for page in pages for each in page.unreadable]
    assert unreadable.where == "transactions/sync $.added[1]"
    assert '"t2"' in unreadable.raw
    assert error is None


@pytest.mark.parametrize(
    "body",
    [b"<html>proxy</html>", b"", b"[]", b'{"added":[]', b'{"added":7,"modified":[],"removed":[]}', b"null"],
)
def test_an_answer_that_is_none_is_malformed_and_its_cursor_stays(body: bytes) -> None:
    pages, error = pulled(script(Raw(200, body)), at_rest())
    assert pages == []
    assert isinstance(error, Malformed)
    assert "transactions/sync" in error.where


def test_a_cursor_that_stands_still_with_more_to_come_is_no_endless_loop() -> None:
    assert isinstance(pulled(script(synced("c1", has_more=True)), at_rest("c1"))[1], Malformed)


def test_a_loop_left_half_way_ends_the_pull_within_it() -> None:
    plaid = script(synced("c2", [transaction("t2")], has_more=True), refusal("ITEM_LOGIN_REQUIRED"))
    pages, error = pulled(plaid, at_rest())
    assert isinstance(error, NeedsUser)
    assert [page.at_rest for page in pages] == [False]
    assert plaid.paths == [SYNC, SYNC]
    resumed = script(synced("c3", [transaction("t3")]), synced("c3"))
    assert told(pulled(resumed, pages[-1].next)[0]) == ["t3"]
    assert resumed.bodies(SYNC)[0]["cursor"] == "c2"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (refusal("ITEM_LOGIN_REQUIRED"), NeedsUser),
        (refusal("ITEM_NOT_FOUND"), Revoked),
        (refusal("INSTITUTION_DOWN", "INSTITUTION_ERROR"), Unavailable),
        (refusal("TRANSACTIONS_SYNC_LIMIT", "RATE_LIMIT_EXCEEDED", 429), RateLimited),
        (refusal("INTERNAL_SERVER_ERROR", "API_ERROR", 500), Unavailable),
        (Raw(502, b"<html>"), Unavailable),
        (refusal("MISSING_FIELDS", "INVALID_REQUEST"), Refused),
    ],
)
def test_what_plaid_refuses_is_raised_as_what_it_means(said: Raw, kind: type[Exception]) -> None:
    error = pulled(script(said, said, said), at_rest())[1]
    assert type(error) is kind
    assert TOKEN not in str(error)


def test_an_error_of_the_item_is_raised_after_what_could_be_had() -> None:
    broken = {
        "error_code": "ITEM_LOGIN_REQUIRED",
        "error_type": "ITEM_ERROR",
        "display_message": "Log in, Ada.",
    }
    plaid = script(synced("c2", [transaction("t2")]), item__get=item(error=broken))
    pages, error = pulled(plaid, at_rest())
    assert told(pages) == ["t2"]
    assert isinstance(error, NeedsUser)
    assert error.reason == "Log in, Ada."


def test_balances_that_cannot_be_had_leave_the_rest_and_are_tried_again() -> None:
    down = refusal("INTERNAL_SERVER_ERROR", "API_ERROR", 500)
    pages, error = pulled(script(synced("c2", [transaction("t2")]), accounts__get=down), at_rest())
    assert (told(pages), type(error)) == (["t2"], Unavailable)
    assert len(booked(pulled(script(synced("c2"), synced("c2")), pages[-1].next)[0])) == 1


def test_a_bank_whose_country_plaid_does_not_tell_is_in_the_configured_ones() -> None:
    plaid = script(
        synced("c1"), synced("c1"), institutions__get_by_id=refusal("INVALID_INSTITUTION", "INVALID_INPUT")
    )
    plaid_at_night = pulled(plaid, clock=HandClock())
    [balance] = booked(plaid_at_night[0])
    assert balance.on.isoformat() == "2026-03-10"
