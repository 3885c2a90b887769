"""What can't be read is asked for again: broken on its way it heals by itself, broken for good it waits for a person."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.plaid_script import (
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

from caudal.model.changes import BalanceKind, BalanceSeen, Page, TransactionGone, TransactionSeen
from caudal.model.errors import CursorInvalid
from caudal.providers.plaid.standing import RETOLD_MAX, Standing

SYNC, ACCOUNTS = "transactions/sync", "accounts/get"
MUTATED = refusal("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", "TRANSACTIONS_ERROR")
BROKEN = {**transaction("t2"), "amount": "12.50 or so"}


def script(*syncs: Json | Raw, **more: object) -> Script:
    """An Item of one checking account, whose sync answers are given."""
    lines = {
        "item/get": item(),
        "institutions/get_by_id": institution(),
        ACCOUNTS: {"accounts": [account()]},
        SYNC: list(syncs),
    }
    return Script(lines | {name.replace("__", "/"): said for name, said in more.items()})  # type: ignore[arg-type]


def at_rest(cursor: str = "c1", **standing: object) -> str:
    """A cursor of a connection pulled before."""
    known = {"accounts": {"acc-till": ["USD"]}, "bank": "Alder Bank", "countries": ["US"], "next": cursor}
    return msgspec.json.encode(known | standing).decode()


def told(pages: list[Page]) -> list[str]:
    return [
        f"-{change.id}" if isinstance(change, TransactionGone) else change.id
        for page in pages
        for change in page.changes
        if isinstance(change, TransactionSeen | TransactionGone)
    ]


def kinds(pages: list[Page]) -> set[BalanceKind]:
    return {change.kind for page in pages for change in page.changes if isinstance(change, BalanceSeen)}


def asked_from(plaid: Script) -> list[str]:
    return [body.get("cursor", "") for body in plaid.bodies(SYNC)]


def broken_once() -> str:
    """The cursor after a pull one of whose records was broken on its way."""
    pages, error = pulled(
        script(synced("c2", [transaction("t1"), BROKEN, transaction("t3")]), synced("c2")), at_rest()
    )
    assert error is None
    assert told(pages) == ["t1", "t3"]
    return pages[-1].next


def test_a_record_broken_on_its_way_is_told_by_the_next_pull() -> None:
    rows = [transaction("t1"), transaction("t2"), transaction("t3")]
    plaid = script(synced("c2", rows), synced("c2"))
    pages, error = pulled(plaid, broken_once())
    assert error is None
    assert told(pages) == ["t1", "t2", "t3"]
    assert asked_from(plaid) == ["c1", "c2"]
    later = script(synced("c2"))
    assert pulled(later, pages[-1].next) == ([], None)
    assert asked_from(later) == ["c2"]


@pytest.mark.parametrize(
    "answer",
    [
        synced("c2", modified=[BROKEN]),
        {**synced("c2"), "removed": [{"transaction_id": 7, "account_id": "acc-till"}]},
        synced("c2", [{**transaction("t2"), "date": 8}]),
        synced("c2", [transaction("t2", iso_currency_code="U$")]),
    ],
)
def test_each_list_and_each_kind_of_break_is_asked_for_again(answer: Json) -> None:
    pages, _ = pulled(script(answer, synced("c2")), at_rest())
    assert len([each for page in pages for each in page.unreadable]) == 1
    again = script(synced("c2"), synced("c2"))
    pulled(again, pages[-1].next)
    assert asked_from(again) == ["c1", "c2"]


@pytest.mark.parametrize(
    "answer",
    [
        synced("c2", [transaction("t2", merchant_name=7)]),
        synced("c2", [transaction("t2", iso_currency_code=None, unofficial_currency_code="STARS")]),
        synced("c2", [transaction("t2")], accounts=[{**account(), "name": 7}]),
    ],
    ids=["booked without a word", "points, which we can't hold", "an account"],
)
def test_what_is_booked_all_the_same_or_would_read_alike_is_not_asked_for_again(answer: Json) -> None:
    pages, _ = pulled(script(answer, synced("c2")), at_rest())
    assert len([each for page in pages for each in page.unreadable]) == 1
    again = script(synced("c2"))
    assert pulled(again, pages[-1].next) == ([], None)
    assert asked_from(again) == ["c2"]
    assert kinds(pages) >= {BalanceKind.BOOKED}


def test_a_balance_that_counts_what_is_unread_waits_until_it_is_read() -> None:
    pages, _ = pulled(script(synced("c2", [BROKEN]), synced("c2")), at_rest())
    assert kinds(pages) == {BalanceKind.AVAILABLE}
    healed, _ = pulled(script(synced("c2", [transaction("t2")]), synced("c2")), pages[-1].next)
    assert kinds(healed) == {BalanceKind.BOOKED, BalanceKind.AVAILABLE}


def test_nothing_is_at_rest_while_it_will_be_told_again() -> None:
    pages, _ = pulled(script(synced("c2", [BROKEN]), synced("c2")), at_rest())
    assert not any(page.at_rest for page in pages)
    healed, _ = pulled(script(synced("c2", [transaction("t2")]), synced("c2")), pages[-1].next)
    assert [page.at_rest for page in healed] == [True] * len(healed)


def test_what_stays_broken_is_asked_for_three_times_more_and_then_left_to_a_person() -> None:
    assert RETOLD_MAX == 3
    cursor, balances, quarantined = at_rest(), [], set()
    for _ in range(4):
        plaid = script(synced("c2", [transaction("t1"), BROKEN]), synced("c2"))
        pages, error = pulled(plaid, cursor)
        assert error is None
        assert asked_from(plaid)[0] == "c1"
        balances.append(BalanceKind.BOOKED in kinds(pages))
        quarantined |= {(each.where, each.why, each.raw) for page in pages for each in page.unreadable}
        cursor = pages[-1].next
    assert balances == [False, False, False, True]
    assert len(quarantined) == 1
    assert pages[-1].at_rest
    plaid = script(synced("c2"))
    assert pulled(plaid, cursor) == ([], None)
    assert asked_from(plaid) == ["c2"]


def test_what_is_broken_otherwise_each_time_is_asked_for_until_it_reads() -> None:
    cursor = at_rest()
    for number in range(3 * RETOLD_MAX):
        broken = {**transaction(f"t{number % 2}"), "amount": f"broken in way {number}"}
        pages, error = pulled(script(synced("c2", [broken]), synced("c2")), cursor)
        assert error is None
        cursor = pages[-1].next
        assert Standing.read(pages[-1].next).unread == "c1"
    pages, error = pulled(script(synced("c2", [transaction("t0"), transaction("t1")]), synced("c2")), cursor)
    assert (told(pages), error) == (["t0", "t1"], None)
    assert Standing.read(pages[-1].next).unread is None
    assert pages[-1].at_rest


def test_one_that_heals_does_not_shorten_the_patience_with_the_next() -> None:
    plaid = script(synced("c2", [transaction("t2")]), synced("c3", [BROKEN]), synced("c3"))
    pages, _ = pulled(plaid, at_rest("c2", unread="c1", retold=2))
    stands = Standing.read(pages[-1].next)
    assert (stands.unread, stands.retold) == ("c2", 0)


def test_of_several_broken_ones_the_first_says_where_to_begin() -> None:
    plaid = script(
        synced("c2", [BROKEN]),
        synced("c3", [BROKEN]),  # the check finds news, and these are broken too
        synced("c3"),
    )
    pages, _ = pulled(plaid, at_rest())
    again = script(synced("c3", [transaction("t2"), transaction("t4")]), synced("c3"))
    healed, _ = pulled(again, pages[-1].next)
    assert asked_from(again) == ["c1", "c3"]
    assert told(healed) == ["t2", "t4"]
    assert Standing.read(healed[-1].next).at_rest


def test_a_loop_cut_off_after_the_broken_page_is_ended_first_and_then_told_again_by_the_same_pull() -> None:
    pages, _ = pulled(
        script(synced("c2", [BROKEN], has_more=True), refusal("ITEM_LOGIN_REQUIRED")), at_rest()
    )
    again = synced("c3", [transaction("t2"), transaction("t3")])
    resumed = script(synced("c3", [transaction("t3")]), again, synced("c3"))
    pages, _ = pulled(resumed, pages[-1].next)
    assert asked_from(resumed) == ["c2", "c1", "c3"]
    assert told(pages) == ["t3", "t2", "t3"]
    assert [page.at_rest for page in pages[:2]] == [False, True]
    assert BalanceKind.BOOKED in kinds(pages)


def test_what_is_broken_still_when_it_is_told_again_by_the_same_pull_waits_for_the_next() -> None:
    pages, _ = pulled(
        script(synced("c2", [BROKEN], has_more=True), refusal("ITEM_LOGIN_REQUIRED")), at_rest()
    )
    resumed = script(synced("c3"), synced("c3", [BROKEN]), synced("c3"))
    pages, _ = pulled(resumed, pages[-1].next)
    assert asked_from(resumed) == ["c2", "c1", "c3"]
    assert not any(page.at_rest for page in pages)
    stands = Standing.read(pages[-1].next)
    assert (stands.unread, stands.retold) == ("c1", 1)


def test_a_telling_again_that_is_cut_off_goes_on_where_it_was() -> None:
    again = script(synced("b1", [transaction("t1")], has_more=True), refusal("ITEM_LOGIN_REQUIRED"))
    pages, _ = pulled(again, broken_once())
    resumed = script(synced("c2", [transaction("t2"), transaction("t3")]), synced("c2"))
    pages, _ = pulled(resumed, pages[-1].next)
    assert asked_from(resumed) == ["b1", "c2"]
    assert Standing.read(pages[-1].next).at_rest


def test_a_telling_again_that_fails_before_its_first_page_is_not_counted() -> None:
    cursor = broken_once()
    pages, error = pulled(script(refusal("ITEM_LOGIN_REQUIRED")), cursor)
    assert (pages, error is not None) == ([], True)
    assert (Standing.read(cursor).unread, Standing.read(cursor).retold) == ("c1", 0)


def test_called_back_amid_a_telling_again_it_begins_where_that_began() -> None:
    again = script(synced("b1", [BROKEN], has_more=True), MUTATED)
    _, error = pulled(again, broken_once())
    assert isinstance(error, CursorInvalid)
    assert (
        Standing.read(error.restart).resumed().retold == 1
    )  # it is still the first time that it is told again
    anew = script(synced("c2", [transaction("t2")]), synced("c2"))
    pages, _ = pulled(anew, error.restart)
    assert asked_from(anew) == ["c1", "c2"]
    assert Standing.read(pages[-1].next).at_rest


def test_what_went_away_meanwhile_is_missed_by_nobody() -> None:
    plaid = script(synced("c1"), synced("c1"))  # of that loop there is nothing left to tell
    pages, _ = pulled(plaid, broken_once())
    assert told(pages) == []
    assert Standing.read(pages[-1].next).at_rest
    assert BalanceKind.BOOKED in kinds(pages)


def test_the_very_first_loop_is_told_again_from_the_beginning() -> None:
    pages, _ = pulled(script(synced("c1", [BROKEN]), synced("c1")))
    again = script(synced("c1", [transaction("t2")]), synced("c1"))
    pages, _ = pulled(again, pages[-1].next)
    assert "cursor" not in again.bodies(SYNC)[0]
    assert told(pages) == ["t2"]


def test_accounts_that_cannot_be_read_are_asked_for_again_three_times() -> None:
    cursor = at_rest()
    for _ in range(RETOLD_MAX + 1):
        lame = script(synced("c1"), synced("c1"), accounts__get={"accounts": [{**account(), "name": 7}]})
        pages, _ = pulled(lame, cursor)
        assert ACCOUNTS in lame.paths
        cursor = pages[-1].next
    left = script(synced("c1"))
    assert pulled(left, cursor) == ([], None)
    assert ACCOUNTS not in left.paths


def test_an_account_that_reads_the_second_time_has_its_balances_told() -> None:
    lame = script(synced("c1"), synced("c1"), accounts__get={"accounts": [{**account(), "name": 7}]})
    pages, _ = pulled(lame, at_rest())
    assert kinds(pages) == set()
    pages, _ = pulled(script(synced("c1"), synced("c1")), pages[-1].next)
    assert kinds(pages) == {BalanceKind.BOOKED, BalanceKind.AVAILABLE}
    assert Standing.read(pages[-1].next).amiss == {}


# Against a bank that keeps books


class Bank:
    """A log of changes as Plaid's stream has them, read two at a time; what is in `broken` can't be read now."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str | None]] = []
        self.broken: set[str] = set()

    @property
    def books(self) -> dict[str, str]:
        latest = dict(self.log)
        return {name: amount for name, amount in latest.items() if amount is not None}

    def sync(self, body: Json) -> Json:
        begin = int(body.get("cursor") or 0)
        last = {name: place for place, (name, _) in enumerate(self.log)}
        end = min(begin + 2, len(self.log))
        rows = [self.log[place] for place in range(begin, end) if last[self.log[place][0]] == place]
        changed = [self._row(name, amount) for name, amount in rows if amount is not None]
        gone = [name for name, amount in rows if amount is None]
        answer = synced(str(end), changed, removed=gone, has_more=end < len(self.log), accounts=[account()])
        for record in answer["removed"]:
            if record["transaction_id"] in self.broken:
                record["account_id"] = 7
        return answer

    def _row(self, name: str, amount: str) -> Json:
        row = transaction(name, amount)
        return row | {"date": 7} if name in self.broken else row


NAMES = st.sampled_from(["t1", "t2", "t3", "t4", "t5"])
DEEDS = st.lists(st.tuples(NAMES, st.none() | st.integers(1, 9).map(str)), max_size=6)
ROUNDS = st.lists(st.tuples(DEEDS, st.sets(NAMES), st.none() | st.integers(0, 3)), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(ROUNDS)
def test_whatever_breaks_and_wherever_a_pull_is_cut_off_the_books_are_right_once_all_reads_again(
    rounds: list[tuple[list[tuple[str, str | None]], set[str], int | None]],
) -> None:
    bank, held, cursor = Bank(), dict[str, str](), at_rest("0")

    def pull(pages_max: int | None = None) -> bool:
        nonlocal cursor
        pages, error = pulled(script(SYNC, transactions__sync=bank.sync), cursor)
        assert error is None
        for page in pages[:pages_max]:
            for change in page.changes:
                if isinstance(change, TransactionSeen):
                    held[change.id] = str(-change.money.amount)
                elif isinstance(change, TransactionGone):
                    held.pop(change.id, None)
            cursor = page.next
        return any(BalanceKind.BOOKED in kinds([page]) for page in pages[:pages_max])

    for deeds, broken, cut_off_after in rounds:
        bank.log += deeds
        bank.broken = broken
        if pull(cut_off_after):
            assert held == bank.books, "a balance was told beside books that lack what it counts"
    bank.broken = set()
    pull()
    assert held == bank.books
    assert Standing.read(cursor).at_rest
    assert pulled(script(SYNC, transactions__sync=bank.sync), cursor) == ([], None)
