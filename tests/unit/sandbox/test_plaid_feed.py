"""The feed of /transactions/sync, read by a client that follows the documented loop and nothing else."""

import copy
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.plaid_items import Json, Plaid, institution_of, open_item

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.movements import MovementId, State
from caudal_sandbox.plaid.cursors import LENGTH_MAX
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.feed import Feed, News, Shape, as_it_stands, is_matched
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.records.accounts import has_transactions
from caudal_sandbox.world import World

MUTATION = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"


class Client:
    """Holds what it was told, by id. A page's `added` and `modified` are written, then its `removed` taken away."""

    def __init__(self, plaid: Plaid, item: Item, **options: object) -> None:
        self.plaid = plaid
        self.item = item
        self.options = options
        self.cursor = ""
        self.held: dict[str, Json] = {}
        self.restarts = 0
        self.removed: list[str] = []

    def sync(self, count: int = 100, between: Callable[[], object] | None = None) -> None:
        """One loop of pages, restarted as often as the data changes under it. `between`: done once after a page."""
        while True:
            pages, cursor = [], self.cursor
            while True:
                page = self.plaid.call(
                    "/transactions/sync", self.item, cursor=cursor, count=count, options=self.options
                )
                if "error_code" in page:
                    break
                pages.append(page)
                cursor = page["next_cursor"]
                if between is not None:
                    between, once = None, between
                    once()
                if not page["has_more"]:
                    return self._apply(pages, cursor)
            assert page["error_code"] == MUTATION, page
            self.restarts += 1

    def _apply(self, pages: list[Json], cursor: str) -> None:
        for page in pages:
            for record in (*page["added"], *page["modified"]):
                self.held[record["transaction_id"]] = record
            for record in page["removed"]:
                self.removed.append(record["transaction_id"])
                self.held.pop(record["transaction_id"], None)
        self.cursor = cursor

    def fork(self) -> "Client":
        other = copy.copy(self)
        other.held, other.removed = dict(self.held), list(self.removed)
        return other

    def told(self) -> Counter[tuple[Any, ...]]:
        return Counter(
            (each["account_id"], each["pending"], each["amount"], each["date"], each["name"])
            for each in self.held.values()
        )


def visible(item: Item, world: World) -> Counter[tuple[Any, ...]]:
    """What the banks showed at the item's last update, from the first day of its history on."""
    seen: Counter[tuple[Any, ...]] = Counter()
    for account_id, world_id in item.truth_accounts().items():
        view = world.account(world_id)
        if not has_transactions(view.terms):
            continue
        for each in view.movements(item.updated_at):
            pending = each.state is State.PENDING
            if pending or (each.state is State.BOOKED and each.on >= item.visible_from):
                seen[account_id, pending, -each.amount, each.on.isoformat(), each.text] += 1
    return seen


def small_world(seed: int = 1, *, days: int = 120, country: CountryCode = CountryCode.US) -> World:
    begins = date(2025, 3, 3)
    now = datetime(2025, 3, 3, 12, tzinfo=UTC)
    world = World(seed, people=0, firms=0, begins=begins, now=now)
    world.advance(days=days)
    world.person("person-1", country)
    return world


def linked(world: World, **options: Any) -> tuple[Plaid, Item, Client]:
    plaid = Plaid(world, checked=False)
    item = open_item(plaid, "person-1", institution_of(world.person("person-1")), **options)
    return plaid, item, Client(plaid, item)


def brought_up(client: Client) -> None:
    """Until the whole history is there, and told."""
    for _ in range(3):
        client.sync()


# The loop


def test_a_client_that_follows_the_loop_ends_with_what_the_bank_shows():
    world = small_world()
    plaid, item, client = linked(world)
    brought_up(client)
    assert client.told() == visible(item, world)
    assert len(client.held) > 200
    for _ in range(30):
        world.advance(hours=17)
        plaid.update(item)
        client.sync(count=7)
        assert client.told() == visible(item, world)


_DEEDS = ("authorise", "settle", "release", "book", "amend")
_ACTIONS = st.one_of(
    st.tuples(st.just("advance"), st.integers(1, 80)),
    st.tuples(st.just("sync"), st.integers(1, 60)),
    st.tuples(st.just("disturbed"), st.integers(1, 40)),
    st.tuples(st.sampled_from(("update", "fork", "touch")), st.just(0)),
    st.tuples(st.sampled_from(_DEEDS), st.integers(0, 10_000)),
)


class Hand:
    """Does deeds to one account, as a test's draws say."""

    def __init__(self, world: World, item: Item) -> None:
        self.world = world
        self.account = item.accounts[0].world_id
        self.open: list[MovementId] = []
        self.done: list[MovementId] = []

    def do(self, deed: str, number: int) -> None:
        world = self.world
        match deed:
            case "authorise":
                self.open.append(world.authorise(self.account, -number - 1, f"DEED {number}").id)
            case "settle" if self.open:
                minor = -number - 1 if number % 2 else None
                self.done.append(world.settle(self.open.pop(number % len(self.open)), minor=minor).id)
            case "release" if self.open:
                world.release(self.open.pop(number % len(self.open)))
            case "amend" if self.open or self.done:
                everything = [*self.open, *self.done]
                world.amend(everything[number % len(everything)], -number - 7)
            case "book":
                self.done.append(world.book(self.account, number + 1, f"BOOKED {number}").id)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 3),
    st.sampled_from((1, 20, 45, 730)),
    st.lists(_ACTIONS, min_size=5, max_size=30),
    st.data(),
)
def test_whatever_happens_in_between_every_reader_ends_with_the_same_movements(seed, days, actions, data):
    world = small_world(seed, days=60)
    plaid, item, client = linked(world, days_requested=days)
    hand, readers = Hand(world, item), [client]
    for action, number in actions:
        match action:
            case "advance":
                world.advance(hours=number)
            case "update":
                plaid.update(item)
            case "touch":
                item.touch()
            case "fork":
                readers.append(data.draw(st.sampled_from(readers)).fork())
            case "sync":
                data.draw(st.sampled_from(readers)).sync(count=number)
            case "disturbed":
                world.advance(hours=5)
                client.sync(count=number, between=lambda: plaid.update(item))
            case deed:
                hand.do(deed, number)
    brought_up(client)
    plaid.update(item)
    for reader in readers:
        reader.sync(count=50)
        assert reader.told() == visible(item, world)
    fresh = Client(plaid, item)
    fresh.sync(count=500)
    assert fresh.told() == visible(item, world)
    assert sum(1 for _ in item.feed.entries()) == len(fresh.held)
    late = Client(plaid, open_item(plaid, "person-1", item.institution, days_requested=days))
    brought_up(late)
    assert late.told() == visible(late.item, world)


def test_old_cursors_may_be_replayed():
    world = small_world()
    plaid, item, client = linked(world)
    brought_up(client)
    before = client.fork()
    world.advance(days=9)
    plaid.update(item)
    client.sync(count=5)
    again = before.fork()
    again.sync(count=500)
    again.sync()
    before.sync(count=3)
    assert client.told() == before.told() == again.told() == visible(item, world)


def test_what_changes_between_two_pages_is_an_error_until_the_loop_begins_again():
    world = small_world()
    _, item, client = linked(world)
    brought_up(client)
    fresh = Client(client.plaid, item)
    first = fresh.plaid.call("/transactions/sync", item, count=10)
    assert item.touch()
    answer = fresh.plaid.call("/transactions/sync", item, count=10, cursor=first["next_cursor"])
    assert answer["error_code"] == MUTATION
    fresh.sync(count=40, between=item.touch)
    assert fresh.restarts == 1
    assert fresh.told() == visible(item, world)


def test_a_cursor_after_a_whole_loop_outlives_every_change():
    world = small_world()
    plaid, item, client = linked(world)
    brought_up(client)
    item.touch()
    page = plaid.call("/transactions/sync", item, cursor=client.cursor)
    assert [len(page[each]) for each in ("added", "modified", "removed")] == [0, 1, 0]


def test_each_list_is_in_order_of_last_modification_and_no_record_is_told_twice():
    world = small_world()
    plaid, item, client = linked(world)
    brought_up(client)
    world.advance(days=20)
    plaid.update(item)
    item.touch()
    seen = []
    cursor, more = client.cursor, True
    while more:
        page = plaid.call("/transactions/sync", item, cursor=cursor, count=4)
        assert sum(len(page[each]) for each in ("added", "modified", "removed")) <= 4
        seen += [each["transaction_id"] for kind in ("added", "modified", "removed") for each in page[kind]]
        cursor, more = page["next_cursor"], page["has_more"]
    assert len(seen) == len(set(seen)) > 40
    last = plaid.call("/transactions/sync", item, cursor=client.cursor, count=500)
    assert last["modified"] == [] or last["modified"][-1]["transaction_id"] == seen[-1]


def test_a_stream_of_one_account_has_its_own_cursor_and_tells_of_that_account_alone():
    world = small_world()
    plaid, item, client = linked(world)
    brought_up(client)
    for linked_account in item.accounts:
        one = Client(plaid, item, account_id=linked_account.account_id)
        one.sync(count=9)
        world.advance(days=2)
        plaid.update(item)
        one.sync(count=9)
        theirs = {
            key: many for key, many in visible(item, world).items() if key[0] == linked_account.account_id
        }
        assert one.told() == theirs
    other = plaid.call(
        "/transactions/sync", item, cursor=client.cursor, options={"account_id": item.accounts[0].account_id}
    )
    assert other["error_code"] == "INVALID_FIELD"


@pytest.mark.parametrize("cursor", ["nonsense", "AAAA", "bm90IGEgY3Vyc29y", "nów", "=" * 8])
def test_a_cursor_that_was_never_given_out_is_refused(cursor):
    plaid, item, client = linked(small_world(days=40))
    brought_up(client)
    answer = plaid.call("/transactions/sync", item, cursor=cursor)
    assert (answer["error_code"], answer["error_message"]) == (
        "INVALID_FIELD",
        "cursor not associated with access_token",
    )


def test_a_cursor_of_another_item_is_refused():
    plaid, item, client = linked(small_world(days=40))
    other = open_item(plaid, "person-1", item.institution)
    stranger = Client(plaid, other)
    brought_up(client)
    brought_up(stranger)
    assert plaid.call("/transactions/sync", item, cursor=stranger.cursor)["error_code"] == "INVALID_FIELD"


def test_reissued_ids_are_all_new_and_void_every_cursor():
    world = small_world()
    plaid, item, client = linked(world)
    brought_up(client)
    before = set(client.held)
    item.reissue()
    assert plaid.call("/transactions/sync", item, cursor=client.cursor)["error_code"] == "INVALID_FIELD"
    again = Client(plaid, item)
    again.sync()
    assert again.told() == client.told()
    assert not before & set(again.held)
    world.advance(days=4)
    plaid.update(item)
    again.sync()
    assert again.told() == visible(item, world)


def test_the_literal_now_skips_what_was_before():
    world = small_world()
    plaid, item, client = linked(world)
    brought_up(client)
    page = plaid.call("/transactions/sync", item, cursor="now")
    assert (page["added"], page["has_more"]) == ([], False)
    late = Client(plaid, item)
    late.cursor = page["next_cursor"]
    world.advance(days=3)
    plaid.update(item)
    late.sync()
    client.sync()
    assert 0 < len(late.held) < len(client.held)


def test_a_cursor_is_short_opaque_text():
    _plaid, _item, client = linked(small_world())
    brought_up(client)
    assert 0 < len(client.cursor) <= LENGTH_MAX


# Stages


def test_history_comes_in_stages_and_the_webhooks_tell():
    world = small_world()
    plaid, item, client = linked(world)
    first = plaid.call("/transactions/sync", item)
    assert (first["transactions_update_status"], first["next_cursor"], first["added"]) == (
        "NOT_READY",
        "",
        [],
    )
    assert first["has_more"] is False
    assert plaid.codes() == ["INITIAL_UPDATE", "SYNC_UPDATES_AVAILABLE"]
    client.sync(count=500)
    days = sorted(each["date"] for each in client.held.values())
    assert days[0] >= "2025-06-01"
    assert plaid.codes() == ["HISTORICAL_UPDATE", "SYNC_UPDATES_AVAILABLE"]
    client.sync(count=500)
    assert min(each["date"] for each in client.held.values()) < "2025-03-15"
    last = plaid.call("/transactions/sync", item, cursor=client.cursor)
    assert (last["transactions_update_status"], last["added"]) == ("HISTORICAL_UPDATE_COMPLETE", [])
    assert plaid.codes() == []


def test_updates_move_the_stages_on_as_well_and_sync_webhooks_wait_for_a_first_sync():
    plaid, item, _ = linked(small_world())
    assert plaid.update(item) == ["INITIAL_UPDATE"]
    assert plaid.update(item) == ["HISTORICAL_UPDATE"]
    assert plaid.update(item) == []
    item.armed = True
    item.touch()
    plaid.world.advance(days=2)
    assert plaid.update(item)[:2] == ["SYNC_UPDATES_AVAILABLE", "DEFAULT_UPDATE"]


def test_no_loop_of_pages_is_ever_disturbed_by_the_stages_themselves():
    plaid, _, client = linked(small_world())
    for _ in range(4):
        client.sync(count=2)
    assert client.restarts == 0
    assert client.told() == visible(client.item, plaid.world)


@pytest.mark.parametrize("days", [1, 10, 90])
def test_no_booking_from_before_the_days_requested_is_told(days):
    world = small_world()
    _, item, client = linked(world, days_requested=days)
    brought_up(client)
    assert (date(2025, 7, 1) - item.visible_from).days == days
    posted = [each["date"] for each in client.held.values() if not each["pending"]]
    assert all(each >= item.visible_from.isoformat() for each in posted)
    assert client.told() == visible(item, world)


# Pending and posted


def deed_item() -> tuple[World, Plaid, Item, Client]:
    world = small_world(days=30)
    plaid, item, client = linked(world)
    brought_up(client)
    return world, plaid, item, client


def test_a_pending_record_that_posts_is_removed_and_comes_back_under_a_new_id_that_names_it():
    world, plaid, item, client = deed_item()
    account = item.accounts[0].world_id
    movements = [world.authorise(account, -100 - n, f"SHOP {n}") for n in range(40)]
    plaid.update(item)
    client.sync()
    pending = {item.feed.transaction_id(each.id, pending=True) for each in movements}
    assert pending <= set(client.held)
    for each in movements:
        world.settle(each.id)
    plaid.update(item)
    client.sync()
    assert pending <= set(client.removed)
    posted = [client.held[item.feed.transaction_id(each.id, pending=False)] for each in movements]
    links = [each["pending_transaction_id"] for each in posted]
    assert {each for each in links if each} <= pending
    assert 0 < links.count(None) < 12
    assert [each is None for each in links] == [
        not is_matched(each) for each in movements_as_booked(world, account, movements)
    ]


def movements_as_booked(world: World, account: Any, movements: list[Any]) -> list[Any]:
    wanted = [each.id for each in movements]
    booked = {each.movement.id: each.movement for each in world.account(account).movements()}
    return [booked[each] for each in wanted]


def test_a_settlement_of_another_amount_names_no_pending_record():
    world, plaid, item, client = deed_item()
    movement = world.authorise(item.accounts[0].world_id, -5000, "FUEL 12")
    plaid.update(item)
    world.settle(movement.id, minor=-4312)
    plaid.update(item)
    client.sync()
    posted = client.held[item.feed.transaction_id(movement.id, pending=False)]
    assert (posted["amount"], posted["pending_transaction_id"]) == (Decimal("43.12"), None)


def test_a_hold_that_lapses_is_removed_and_never_booked():
    world, plaid, item, client = deed_item()
    movement = world.authorise(item.accounts[0].world_id, -100, "HOLD")
    plaid.update(item)
    client.sync()
    held = item.feed.transaction_id(movement.id, pending=True)
    assert client.held[held]["pending"] is True
    world.release(movement.id)
    assert plaid.update(item) == ["SYNC_UPDATES_AVAILABLE", "TRANSACTIONS_REMOVED"]
    client.sync()
    assert held not in client.held
    assert item.feed.transaction_id(movement.id, pending=False) not in client.held


def test_a_record_that_came_and_went_since_the_cursor_is_told_as_removed_alone():
    world, plaid, item, client = deed_item()
    movement = world.authorise(item.accounts[0].world_id, -100, "HOLD")
    plaid.update(item)
    world.release(movement.id)
    plaid.update(item)
    page = plaid.call("/transactions/sync", item, cursor=client.cursor)
    assert (page["added"], page["modified"]) == ([], [])
    assert [each["transaction_id"] for each in page["removed"]] == [
        item.feed.transaction_id(movement.id, pending=True)
    ]


def test_a_pending_record_that_was_told_again_still_posts_once():
    world, plaid, item, client = deed_item()
    movement = world.authorise(item.accounts[0].world_id, -100, "SHOP")
    plaid.update(item)
    assert item.touch()
    client.sync()
    world.settle(movement.id)
    plaid.update(item)
    client.sync()
    assert client.told() == visible(item, world)
    assert [each.shape for each in item.feed.entries() if each.movement.id == movement.id] != [Shape.PENDING]
    assert sum(each.movement.id == movement.id for each in item.feed.entries()) == 1


def test_what_is_booked_as_of_a_day_before_the_history_is_not_told():
    world = small_world(days=60)
    plaid, item, client = linked(world, days_requested=2)
    brought_up(client)
    account = item.accounts[0].world_id
    held = world.authorise(account, -100, "HELD", on=item.visible_from - timedelta(days=5))
    plaid.update(item)
    client.sync()
    assert item.feed.transaction_id(held.id, pending=True) in client.held
    world.settle(held.id, on=item.visible_from - timedelta(days=1))
    world.book(account, -200, "BACK-DATED", on=item.visible_from - timedelta(days=3))
    inside = world.book(account, -300, "IN TIME", on=item.visible_from)
    plaid.update(item)
    client.sync()
    assert client.told() == visible(item, world)
    assert item.feed.transaction_id(inside.id, pending=False) in client.held


def test_an_amount_that_the_bank_corrects_is_told_as_modified_under_the_same_id():
    world, plaid, item, client = deed_item()
    movement = world.book(item.accounts[0].world_id, -100, "BOOKED")
    plaid.update(item)
    client.sync()
    posted = item.feed.transaction_id(movement.id, pending=False)
    world.amend(movement.id, -200)
    plaid.update(item)
    page = plaid.call("/transactions/sync", item, cursor=client.cursor)
    assert (page["added"], page["removed"]) == ([], [])
    assert [(each["transaction_id"], each["amount"]) for each in page["modified"]] == [
        (posted, Decimal("2.00"))
    ]


def test_a_correction_of_what_lies_before_the_history_stays_unknown():
    world = small_world(days=60)
    account = institution_of(world.person("person-1"))
    plaid = Plaid(world, checked=False)
    first = open_item(plaid, "person-1", account)
    movement = world.book(first.accounts[0].world_id, -100, "OLD", on=date(2025, 4, 20))
    late = open_item(plaid, "person-1", account, days_requested=2)
    client = Client(plaid, late)
    brought_up(client)
    world.amend(movement.id, -900)
    assert plaid.update(late) == []
    assert client.told() == visible(late, world)


# What the feed is made of


def test_of_a_whole_history_the_last_word_on_each_movement_is_kept():
    world = small_world(days=90)
    person = world.person("person-1")
    for account in person.accounts:
        view = world.account(account.id)
        last = {(each.movement, each.state) for each in view.movements() if each.state is not State.EXPIRED}
        told = as_it_stands(reversed(view.events()))
        assert {(each.movement, each.state) for each in told} == last
        assert len(told) == len(last)
        assert [each.at for each in told] == sorted(each.at for each in told)


def test_a_page_looks_no_further_than_it_has_to():
    feed, news = Feed("wide"), News()
    world = small_world(days=120)
    events = world.account(world.person("person-1").accounts[0].id).events()
    feed.take(events, date.min, news)
    looked = 0

    class Counting(list[Any]):
        def __getitem__(self, place: Any) -> Any:
            nonlocal looked
            looked += 1
            return super().__getitem__(place)

    feed._movements = Counting(feed._movements)
    middle = feed.page(feed.page("", 150).next_cursor, 1).next_cursor
    looked = 0
    page = feed.page(middle, 20)
    assert len(page.added) + len(page.removed) == 20
    assert looked <= 60


def test_a_feed_knows_what_went_and_in_which_shape_the_rest_stands():
    world, _, item, _ = deed_item()
    account = item.accounts[0].world_id
    one, two = world.authorise(account, -1, "ONE"), world.authorise(account, -2, "TWO")
    feed, news = Feed("small"), News()
    feed.take(
        [each for each in world.account(account).events() if each.movement.id in {one.id, two.id}],
        date.min,
        news,
    )
    assert [each.shape for each in feed.entries()] == [Shape.PENDING, Shape.PENDING]
    world.release(one.id)
    news = News()
    feed.take(world.account(account).events()[-1:], date.min, news)
    assert news.withdrawn == [feed.transaction_id(one.id, pending=True)]
    assert [each.movement.id for each in feed.entries()] == [two.id]


def test_forgotten_accounts_are_told_no_more_and_come_back_whole():
    world = small_world()
    plaid, item, client = linked(world)
    brought_up(client)
    dropped = item.accounts[0]
    item.drop_account(dropped.account_id)
    again = Client(plaid, item)
    again.sync()
    assert again.told() == visible(item, world)
    item.add_account(dropped.world_id)
    plaid.update(item)
    again.sync()
    assert again.told() == visible(item, world)
    assert {each["account_id"] for each in again.held.values()} >= {dropped.account_id}


def test_an_account_that_joins_before_the_history_is_complete_brings_its_own():
    world = small_world()
    plaid, item, client = linked(world)
    joins = item.accounts[0]
    item.drop_account(joins.account_id)
    plaid.update(item)
    item.add_account(joins.world_id)
    plaid.update(item)
    client.sync(count=500)
    assert client.told() == visible(item, world)
    assert joins.account_id in {each["account_id"] for each in client.held.values()}


def test_every_error_of_the_feed_is_one_of_plaids():
    with pytest.raises(PlaidError) as caught:
        Feed("x").page("no cursor", 1)
    assert caught.value.code == "INVALID_FIELD"
