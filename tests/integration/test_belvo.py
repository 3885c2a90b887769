"""A bank of Brazil linked through Belvo: what Belvo leaves out is found, and what is linked anew stays one connection."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.contract import test_belvo_conforms as rigged
from tests.contract.conformance import Books, Conformance
from tests.support.books import all_rows

from caudal.hub import proofs
from caudal.model.errors import NeedsUser, Revoked
from caudal.settings import Settings
from caudal_sandbox.belvo.emulator import Options
from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.faults import Fault, Kind


def with_books(settings: Settings, work: Callable[[Books], Awaitable[None]]) -> None:
    """A linked login whose ledger holds all there was so far."""
    suite = Conformance()
    suite.rig = rigged.TestBelvo.rig  # type: ignore[misc]
    suite.with_books(settings, work)


async def verdicts(books: Books) -> dict[str, tuple[str, Decimal | None]]:
    """Account → how its proof stands."""
    told = await proofs.proofs(books.opened, books.space, None, 5)
    return {each.row.account: (each.row.verdict, each.row.off_by) for each in told}


@pytest.mark.parametrize("drops", [False, True])
def test_the_proof_shows_a_twin_that_belvo_dropped(settings: Settings, drops: bool) -> None:
    async def work(books: Books) -> None:
        sandbox = books.bench.sandbox
        emulator = rigged.belvo(sandbox).emulator
        checking = sandbox.world.person(rigged.PERSON).accounts[0]
        assert checking.kind is AccountKind.CHECKING
        assert (await verdicts(books))[checking.name][0] == "proven"
        emulator.options = Options(limited=False, drops_twins=sandbox.world.now.date() if drops else None)
        for _ in range(2):
            sandbox.run(lambda: sandbox.world.book(checking.id, -7_77, "PADARIA ALVORADA"))
        sandbox.advance(hours=13)
        await books.through()
        sandbox.advance(hours=13)
        await books.through()
        found = await books.compare()
        verdict, difference = (await verdicts(books))[checking.name]
        if drops:
            assert found.missing == 1
            assert verdict == "off"
            assert difference is not None
            assert abs(difference) == Decimal("7.77")
        else:
            assert found.equal
            assert verdict == "proven"

    with_books(settings, work)


def test_a_renewed_consent_is_another_link_and_the_same_connection(settings: Settings) -> None:
    async def work(books: Books) -> None:
        sandbox = books.bench.sandbox
        links = rigged.belvo(sandbox).emulator.links
        (before,) = links
        sandbox.run(lambda: rigged.need_user(sandbox))
        with pytest.raises(NeedsUser, match="consent"):
            await books.sync()
        await books.mend()
        (after,) = links
        assert after != before
        books.bench.something_happens()
        await books.through()
        await books.expect_the_truth()
        rows = all_rows(settings.database_url, "select count(*) from caudal.connection")
        assert [int(row[0]) for row in rows] == [1]

    with_books(settings, work)


def test_days_at_the_edge_of_what_another_link_tells_are_not_told_twice(settings: Settings) -> None:
    async def work(books: Books) -> None:
        sandbox = books.bench.sandbox
        begins = sandbox.world.begins
        sandbox.advance(days=(begins + timedelta(days=369) - sandbox.world.now.date()).days)
        await books.through()
        edge = f"select count(*) from caudal.observation where booked_on < '{begins + timedelta(days=7)}'"
        told = all_rows(settings.database_url, edge)
        sandbox.run(lambda: rigged.need_user(sandbox))
        with pytest.raises(NeedsUser, match="consent"):
            await books.sync()
        await books.mend()
        for link in rigged.belvo(sandbox).emulator.links.values():
            link.issue += 1
        await books.through()
        await books.expect_the_truth()
        assert all_rows(settings.database_url, edge) == told

    with_books(settings, work)


def test_a_consent_taken_back_at_the_bank_ends_the_connection(settings: Settings) -> None:
    async def work(books: Books) -> None:
        for link in rigged.belvo(books.bench.sandbox).emulator.links.values():
            assert link.consent is not None
            link.consent.status = "REJECTED"
        with pytest.raises(Revoked):
            await books.sync()

    with_books(settings, work)


def test_a_consent_that_a_second_person_has_to_give_is_waited_for(settings: Settings) -> None:
    async def work(books: Books) -> None:
        (link,) = rigged.belvo(books.bench.sandbox).emulator.links.values()
        assert link.consent is not None
        link.consent.status = "AWAITING_AUTHORISATION"
        report = await books.sync()
        assert report.preparing
        link.consent.status = "AUTHORISED"
        await books.through()
        await books.expect_the_truth()

    with_books(settings, work)


def test_a_list_that_is_empty_for_once_takes_nothing_away(settings: Settings) -> None:
    async def work(books: Books) -> None:
        sandbox = books.bench.sandbox
        fault = Fault(Kind.NOT_READY, provider="belvo", endpoint="/api/transactions/", count=6)
        sandbox.run(lambda: sandbox.faults.add(fault))
        await books.through()
        await books.expect_the_truth()

    with_books(settings, work)


def test_old_rows_that_change_are_read_again_within_the_week(settings: Settings) -> None:
    async def work(books: Books) -> None:
        sandbox = books.bench.sandbox
        world = sandbox.world
        account = world.person(rigged.PERSON).accounts[0].id
        old = next(each for each in world.account(account).movements() if each.movement.booked_on)
        assert world.now.date() - old.on > timedelta(days=80)
        sandbox.run(lambda: world.amend(old.movement.id, -1_23 if old.amount < 0 else 1_23))
        for _ in range(9):
            sandbox.advance(hours=24)
            await books.through()
        await books.expect_the_truth()

    with_books(settings, work)
