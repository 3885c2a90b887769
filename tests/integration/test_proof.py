"""The proof at length: where the ledger leaves the bank's balances, by what likely cause, and that what is said to settle
it does."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec
import pytest
from tests.support.books import REF, all_rows, look_ups, pull_of, seen
from tests.support.command import Command
from tests.support.imports import take, window, written
from tests.support.statements import Account, Movement, Statement

from caudal.hub import decisions, events, installation, keys, ledger, proofs, spaces
from caudal.hub.installation import Installation
from caudal.hub.proofs import AccountProof
from caudal.matching.causes import Cause, Kind
from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Cursor,
    Page,
    SourceRef,
    Status,
    TransactionGone,
    Unreadable,
    Window,
)
from caudal.model.money import Money
from caudal.settings import Settings
from caudal.store import spaces as store_spaces
from caudal.store.spaces import Space
from caudal.sync import engine

Result = TypeVar("Result")
Act = Callable[["Desk"], Awaitable[Result]]
IBAN = "DE02120300000000202051"
FIRST = date(2026, 3, 1)


def day(number: int) -> date:
    return FIRST + timedelta(number)


def balance(amount: str, on: int, ref: SourceRef = REF) -> BalanceSeen:
    return BalanceSeen(ref, BalanceKind.BOOKED, Money(Decimal(amount), "EUR"), day(on))


class Desk(msgspec.Struct):
    """A space that banks tell things to by hand."""

    hub: Installation
    space: Space

    async def tell(
        self,
        *changes: Change,
        bank: str = "bank",
        windows: Sequence[Window] = (),
        unreadable: Sequence[Unreadable] = (),
        ref: SourceRef = REF,
        iban: str = IBAN,
    ) -> None:
        """One run of the connection of that name, a file's for its manner."""
        async with self.hub.store.transaction(self.space.space_id) as tx:
            connection = await store_spaces.connection(tx, self.space.space_id, "file", bank)
        account = AccountSeen(ref, AccountKind.CHECKING, "EUR", f"Giro {iban[-4:]}", iban=iban)
        page = Page([account, *changes], Cursor(""), False, windows, unreadable)
        job = engine.Job(self.space.space_id, connection.connection_id, subject=f"{bank}'s file")
        await engine.run(self.hub.store, job, pull_of(page))

    async def proofs(self, account: str | None = None, limit: int = 50) -> list[AccountProof]:
        found = await proofs.proofs(self.hub, self.space, None, limit)
        if account is None:
            return found
        [chosen] = [one.row.account_id for one in found if one.row.account == account]
        return await proofs.proofs(self.hub, self.space, chosen, limit)

    async def command(self, kind: Kind) -> list[str]:
        """The words of the one command that would settle the likeliest cause, which is of this kind."""
        [cause, *_] = await self.causes()
        assert cause.kind is kind
        [candidate] = cause.candidates
        [command] = candidate.settle
        return command.split()

    async def causes(self) -> tuple[Cause, ...]:
        """Of the one account that is off, by one step."""
        [one] = await self.proofs()
        [explained] = one.steps
        return explained.causes

    async def verdict(self) -> str:
        [one] = await self.proofs()
        return one.row.verdict

    async def told(self) -> list[tuple[str, Decimal | None]]:
        """The events of proofs: kind, and by how much it is off."""
        there = await events.after(self.hub, self.space, 0, 500)
        return [
            (event.kind, msgspec.convert(json.loads(event.data)["off_by"], Decimal | None))
            for event in there
            if event.kind.startswith("proof.")
        ]


@pytest.fixture
def desk(conninfo: str, tmp_path: Path) -> Callable[..., None]:
    """Runs something on a desk of its own."""
    there = Settings(home=str(tmp_path), database_url=conninfo)
    keys.init(there)

    def run(act: Act[None], observe: Callable[[str], None] = lambda _: None) -> None:
        async def work() -> None:
            async with installation.opened(there, observe) as hub:
                await act(Desk(hub, await spaces.chosen(hub.store, "home", make=True)))

        asyncio.run(work())

    return run


Run = Callable[..., None]


async def ids(here: Desk) -> list[str]:
    """The ids of all transactions."""
    rows = await ledger.transactions(here.hub, here.space, ledger.Filter())
    return sorted(str(row.transaction_id) for row in rows)


def test_what_is_pending_and_in_the_bank_s_balance_is_named(desk: Run) -> None:
    async def act(here: Desk) -> None:
        hold = seen("hold", "-20.00", day(3), text="hotel", status=Status.PENDING)
        await here.tell(balance("100", 0), hold, seen("a", "-4.00", day(2)), balance("76", 5))
        [cause, *_] = await here.causes()
        assert cause.kind is Kind.PENDING
        assert [(each.text, each.amount) for each in cause.candidates[0].movements] == [
            ("hotel", Decimal("-20.00"))
        ]

    desk(act)


def test_what_stands_twice_is_named_and_merging_it_settles_it(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(
            balance("100", 0), seen("a", "-7.00", day(2)), seen("b", "-7.00", day(2)), balance("93", 5)
        )
        _, _, *these = await here.command(Kind.DOUBLED)
        await decisions.merge(here.hub, here.space, *these)
        assert await here.verdict() == "proven"
        assert await here.told() == [("proof.broken", Decimal("7.00")), ("proof.mended", None)]

    desk(act)


def test_two_of_two_sources_that_were_taken_for_one_are_named_and_splitting_them_settles_it(
    desk: Run,
) -> None:
    async def act(here: Desk) -> None:
        await here.tell(
            balance("100", 0), seen("a", "-3.50", day(2), text="Harbour Coffee"), balance("93", 5)
        )
        await here.tell(seen("x", "-3.50", day(3), text="HARBOUR COFFEE CO"), bank="other")
        _, _, *these = await here.command(Kind.MERGED)
        await decisions.split_apart(here.hub, here.space, *these)
        assert await here.verdict() == "proven"

    desk(act)


def test_what_a_person_deleted_is_named_and_taking_it_back_settles_it(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(balance("100", 0), seen("a", "-7.00", day(2), text="shoes"), balance("93", 5))
        assert await here.verdict() == "proven"
        [row] = await ids(here)
        await decisions.delete(here.hub, here.space, row)
        [cause, *_] = await here.causes()
        assert cause.candidates[0].movements[0].text == "shoes"
        await decisions.undo(here.hub, here.space, UUID((await here.command(Kind.DECIDED))[2]))
        assert await here.verdict() == "proven"
        assert await here.told() == [("proof.broken", Decimal("-7.00")), ("proof.mended", None)]

    desk(act)


@pytest.mark.parametrize(
    "word", [{"amount": "-5.00"}, {"booked_on": "2026-03-09"}, {"amount": "-9.00", "description": "boots"}]
)
def test_what_a_person_set_otherwise_is_named_and_taking_it_back_settles_it(
    desk: Run, word: dict[str, str]
) -> None:
    async def act(here: Desk) -> None:
        await here.tell(balance("100", 0), seen("a", "-7.00", day(2)), balance("93", 5), balance("93", 10))
        [row] = await ids(here)
        made = await decisions.edit(here.hub, here.space, row, word)
        [one] = await here.proofs()
        assert one.steps[0].causes[0].kind is Kind.DECIDED
        assert one.steps[0].causes[0].candidates[0].settle == (f"caudal undo {made}",)
        await decisions.undo(here.hub, here.space, made)
        assert await here.verdict() == "proven"

    desk(act)


def test_a_person_s_word_that_two_are_one_is_named(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(
            balance("100", 0), seen("a", "-7.00", day(2)), seen("b", "-7.00", day(2)), balance("86", 5)
        )
        made = await decisions.merge(here.hub, here.space, *await ids(here))
        assert (await here.command(Kind.DECIDED))[2] == str(made)
        await decisions.undo(here.hub, here.space, made)
        assert await here.verdict() == "proven"

    desk(act)


def test_a_person_s_word_that_one_is_two_is_named(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(balance("100", 0), seen("a", "-7.00", day(2)), balance("93", 5))
        await here.tell(seen("x", "-7.00", day(2)), bank="other")
        assert await here.verdict() == "proven"
        [apart] = await decisions.split_apart(here.hub, here.space, *await ids(here))
        assert (await here.command(Kind.DECIDED))[2] == str(apart)

    desk(act)


def test_what_its_source_took_back_is_named_and_so_is_a_turned_sign(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(balance("100", 0), seen("a", "-7.00", day(2)), balance("93", 5))
        await here.tell(TransactionGone(REF, "a"))
        [cause, *_] = await here.causes()
        assert cause.kind is Kind.GONE
        await here.tell(seen("b", "7.00", day(3)))
        [cause, *_] = await here.causes()
        assert cause.kind is Kind.SIGN
        assert await here.told() == [("proof.broken", Decimal("-7.00")), ("proof.broken", Decimal("-14.00"))]

    desk(act)


def test_what_the_bank_counts_on_another_day_is_one_cause_and_the_step_back_says_so(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(balance("100", 0), balance("93", 4), seen("a", "-7.00", day(6)), balance("93", 8))
        [one] = await here.proofs()
        first, back = one.steps
        assert first.causes[0].kind is Kind.ANOTHER_DAY
        assert (first.undone_on, back.undoes, back.causes) == (day(8), day(4), ())
        [candidate] = first.causes[0].candidates
        _, _, this, set_to = candidate.settle[0].split()
        await decisions.edit(here.hub, here.space, this, dict([set_to.split("=")]))
        assert await here.verdict() == "proven"

    desk(act)


def test_what_could_not_be_read_is_named_by_its_place(desk: Run) -> None:
    async def act(here: Desk) -> None:
        broken = Unreadable("line 7", "no date", "99999999;-12,50;SHOES", REF)
        await here.tell(bank="older", unreadable=[broken])
        await here.tell(balance("100", 0))
        await here.tell(balance("87.50", 5), unreadable=[msgspec.structs.replace(broken, where="line 9")])
        [cause, *_] = await here.causes()
        assert (cause.kind, cause.weight) == (Kind.UNREAD, 75)
        assert "bank's file, line 9: no date" in cause.says
        assert "line 7" not in cause.says

    desk(act)


def test_days_that_no_file_covers_are_named_through_real_statements(
    desk: Run, settings: Settings, tmp_path: Path
) -> None:
    movements = [
        Movement(f"A{n}", day(n), Decimal(f"-{n}.10"), f"SHOP {n}") for n in (1, 4, 8, 12, 18, 22, 25)
    ]
    history = Statement(Account("1234567890", "EUR"), Decimal(500), movements, day(0), day(27))
    parts = [window(history, day(0), day(9)), window(history, day(20), day(27))]
    for name, part in zip("ab", parts, strict=True):
        take(settings, written(tmp_path / f"{name}.ofx", "ofx2", part))
    caudal = Command(settings, tmp_path)
    [told] = caudal.told("proof")
    assert (told["verdict"], Decimal(told["off_by"])) == ("off", Decimal("-30.20"))
    assert told["begins"]["before"]["source"] == "file “a.ofx”"
    [step] = told["steps"]
    assert (step["causes"][0]["kind"], step["causes"][0]["start"], step["causes"][0]["end"]) == (
        "not_covered", str(day(10)), str(day(19))
    )  # fmt: skip
    shown = caudal("proof").out
    for part in ("off by -30.20 EUR", f"{day(10)} to {day(19)}", "a.ofx", "b.ofx", "caudal import"):
        assert part in shown
    middle = replace(window(history, day(10), day(19)), account=history.account)
    take(settings, written(tmp_path / "c.ofx", "ofx2", middle))
    [told] = caudal.told("proof")
    assert (told["verdict"], told["steps"], told["begins"]) == ("proven", [], None)


def test_one_account_is_shown_with_the_course_of_its_balances(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(*(balance(str(100 - n), n) for n in range(6)), seen("a", "-1", day(1)))
        [one] = await here.proofs("Giro 2051", limit=4)
        assert [(reading.on, reading.difference) for reading in one.readings] == [
            (day(2), -1), (day(3), -2), (day(4), -3), (day(5), -4)
        ]  # fmt: skip
        assert one.readings_before == 2
        assert [each.step.by for each in one.steps] == [-1] * 4
        assert {each.causes for each in one.steps[1:]} == {()}
        assert one.begins is not None
        assert (one.begins.after, one.begins.on) == (day(1), day(2))

    desk(act)


def test_who_is_proven_or_has_no_evidence_has_nothing_to_explain(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(seen("a", "-1", day(1)))
        [one] = await here.proofs()
        assert (one.row.verdict, one.steps, one.begins, one.explained) == ("none", (), None, True)
        await here.tell(balance("100", 0), balance("99", 1))
        [one] = await here.proofs("Giro 2051")
        assert (one.row.verdict, one.steps, len(one.readings)) == ("proven", (), 2)

    desk(act)


def test_what_is_presumed_to_be_the_balance_proves_while_it_agrees_and_is_shown_where_it_doesn_t(
    desk: Run,
) -> None:
    def presumed(amount: str, on: int) -> BalanceSeen:
        return msgspec.structs.replace(balance(amount, on), kind=BalanceKind.PRESUMED, firm=False)

    async def act(here: Desk) -> None:
        await here.tell(presumed("-100", 0))
        for number in (1, 2, 3):
            assert await here.verdict() == "none"
            await here.tell(seen(f"a{number}", "-10", day(number)), presumed(str(-100 - 10 * number), number))
        assert await here.verdict() == "proven"
        await here.tell(seen("b", "-5", day(4)), presumed("-630", 4))
        [one] = await here.proofs("Giro 2051")
        assert (one.row.verdict, one.steps, one.begins) == ("none", (), None)
        assert one.readings[-1].difference == Decimal(-495)
        assert await here.told() == []

    desk(act)


def test_explaining_costs_the_same_number_of_statements_whatever_is_off(desk: Run) -> None:
    names: list[str] = []

    async def act(here: Desk) -> None:
        counts = []
        for accounts in (1, 5):
            for number in range(accounts):
                told = [balance(str(100 - n), n, SourceRef(f"r{number}")) for n in range(20)]
                pending = [
                    seen(f"p{n}", "-1", day(n), status=Status.PENDING, ref=SourceRef(f"r{number}"))
                    for n in range(20)
                ]
                await here.tell(
                    *told, *pending, iban=f"DE021203000000002020{number:02}", ref=SourceRef(f"r{number}")
                )
            names.clear()
            found = await here.proofs()
            assert [len(one.steps) for one in found] == [19] * accounts
            counts.append(len(names))
        assert counts[0] == counts[1]

    desk(act, names.append)


def test_what_is_too_much_to_explain_at_once_is_said_to_be_and_explained_by_itself(
    desk: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "EXPLAINED_MAX", 1)

    async def act(here: Desk) -> None:
        for number in range(2):
            ref = SourceRef(f"r{number}")
            told = (balance("100", 0, ref), balance("90", 5, ref))
            await here.tell(*told, iban=f"DE021203000000002020{number:02}", ref=ref)
        first, second = await here.proofs()
        assert (first.explained, second.explained) == (True, False)
        assert (len(first.steps), second.steps, second.begins) == (1, (), None)
        [alone] = await here.proofs(second.row.account)
        assert (alone.explained, len(alone.steps)) == (True, 1)

    desk(act)


def test_explaining_reads_what_is_near_and_not_the_ledger(desk: Run, conninfo: str) -> None:
    """Counted by the server."""

    def more(first: int, last: int) -> Callable[[Desk], Awaitable[None]]:
        async def act(here: Desk) -> None:
            await here.tell(*(seen(f"{n}", f"-{n + 10}.00", day(n % 20)) for n in range(first, last)))

        return act

    async def off(here: Desk) -> None:
        await here.tell(balance("100", -1), balance("90", 21))

    async def ask(here: Desk) -> None:
        [one] = await here.proofs()
        assert one.steps

    desk(off)
    reads = []
    for first, last in ((0, 200), (200, 4_000)):
        desk(more(first, last))
        before = look_ups(conninfo)
        desk(ask)
        reads.append(look_ups(conninfo) - before)
    assert reads[1] < reads[0] + 100, reads


async def twins(here: Desk) -> list[tuple[str, str]]:
    """The pairs that `caudal review` asks about for being told twice alike."""
    found = await decisions.review(here.hub, here.space, 50)
    return [(str(pair.one_id), str(pair.other_id)) for pair in found.twins]


ALIKE = (seen("a", "-7.00", day(2)), seen("b", "-7.00", day(2)), seen("c", "-7.00", day(2), text="tea"))


def test_what_is_told_twice_alike_is_shown_until_a_balance_proves_it_is_two(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(*ALIKE)
        [pair] = await twins(here)
        assert set(pair) < set(await ids(here))
        await here.tell(balance("100", 0), balance("79", 5))
        assert await here.verdict() == "proven"
        assert await twins(here) == []

    desk(act)


def test_what_a_person_said_of_twins_is_asked_no_more(desk: Run) -> None:
    async def act(here: Desk) -> None:
        await here.tell(*ALIKE, seen("d", "-7.00", day(2)))
        first, second = await twins(here)
        assert first[1] == second[0]  # of three alike each is shown beside the one before it
        await decisions.merge(here.hub, here.space, *first)
        [left] = await twins(here)
        for each in left:
            await decisions.lock(here.hub, here.space, each)
        assert await twins(here) == []

    desk(act)


def test_a_pair_that_is_asked_about_as_a_doubt_is_not_shown_as_twins_too(desk: Run, conninfo: str) -> None:
    async def act(here: Desk) -> None:
        await here.tell(*ALIKE)
        [(one, other)] = await twins(here)
        doubted = "insert into caudal.doubt values (%s, %s, %s, 'a rule', -3, '[]') returning one_id"
        all_rows(conninfo, doubted, [here.space.space_id, other, one])
        found = await decisions.review(here.hub, here.space, 50)
        assert (len(found.doubts), found.twins) == (1, [])

    desk(act)
