"""Webhooks, from the door to what they lead to: nothing acknowledged is lost, nothing forged leaves a trace."""

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
import pytest
from tests.support.books import all_rows, shut_out
from tests.support.command import Command
from tests.support.plaid_script import NOW, Script, refusal
from tests.support.webhooks import KEY_GET, STRANGER, Office, office, signed, told

from caudal.hub import audit, credentials, installation, keys, webhooks
from caudal.model.errors import NotFound, StoreError
from caudal.settings import InboxBounds, Settings
from caudal.store import inbox, spaces
from caudal.store.inbox import Letter
from caudal.vault.rows import WEBHOOKS, RowSeal
from caudal.vault.sealing import SealError

NEWS = told()
ITEM = "item-alder"
IN_A_WEEK = (NOW + timedelta(days=3650)).isoformat()
LOGIN = told("ERROR", "ITEM", error={"error_code": "ITEM_LOGIN_REQUIRED", "error_type": "ITEM_ERROR"})
QUICK = InboxBounds(answer_seconds_max=1)


def within(settings: Settings, work: Callable[[Office], Awaitable[None]], **more: object) -> None:
    """Do it in an office of its own."""

    async def there() -> None:
        async with office(settings, **more) as at:
            await work(at)

    asyncio.run(there())


# At the door


def test_a_genuine_webhook_is_kept_and_leads_to_a_sync(settings: Settings) -> None:
    async def work(at: Office) -> None:
        [connection] = await at.link("home", ITEM)
        at.take_jobs()
        answer = await at.post(NEWS)
        assert (answer.status_code, answer.content) == (200, b"")
        assert [row.state for row in at.rows()] == ["new"]
        assert [job[:2] for job in at.queued()] == [("inbox", 50)]
        at.take_jobs()
        assert await at.work_off() == 1
        assert at.queued() == [("sync", 40, "webhook", str(connection))]
        [row] = at.rows()
        assert row == ("done", 1, "news of transactions: 1 connection", "")
        assert at.verdicts == {("plaid", "accepted"): 1}

    within(settings, work)


def test_the_same_delivery_again_is_welcome_and_leaves_nothing(settings: Settings) -> None:
    async def work(at: Office) -> None:
        header = signed(NEWS)
        answers = [await at.post(NEWS, header) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 5
        assert len(at.rows()) == 1
        assert at.verdicts == {("plaid", "accepted"): 1, ("plaid", "duplicate"): 4}

    within(settings, work)


def test_duplicates_at_the_same_moment_are_one(settings: Settings) -> None:
    async def work(at: Office) -> None:
        header = signed(NEWS)
        await asyncio.gather(*(at.post(NEWS, header) for _ in range(50)))
        assert len(at.rows()) == 1
        assert at.verdicts == {("plaid", "accepted"): 1, ("plaid", "duplicate"): 49}

    within(settings, work)


def test_a_replay_in_another_guise_is_the_same_delivery(settings: Settings) -> None:
    """Of an ECDSA signature (r, s) anybody can make (r, n - s), which is as good."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (SEC 2, 2.4.2)
    header = signed(NEWS)
    head, claims, signature = header["Plaid-Verification"].split(".")
    raw = urlsafe_b64decode(signature + "==")
    twin = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)
    disguised = f"{head}.{claims}.{urlsafe_b64encode(twin).rstrip(b'=').decode()}"

    async def work(at: Office) -> None:
        assert (await at.post(NEWS, header)).status_code == 200
        assert (await at.post(NEWS, {"Plaid-Verification": disguised})).status_code == 200
        assert at.verdicts == {("plaid", "accepted"): 1, ("plaid", "duplicate"): 1}

    within(settings, work)


def test_the_same_news_a_second_later_is_news(settings: Settings) -> None:
    async def work(at: Office) -> None:
        for seconds in (0, 1):
            await at.post(NEWS, signed(NEWS, NOW - timedelta(seconds=seconds)))
        assert len(at.rows()) == 2

    within(settings, work)


FORGED = {
    "unsigned": {},
    "noise": {"Plaid-Verification": "noise"},
    "by a stranger": signed(NEWS, key=STRANGER),
    "for another body": signed(LOGIN),
    "too old": signed(NEWS, NOW - timedelta(seconds=301)),
    "from the future": signed(NEWS, NOW + timedelta(seconds=61)),
}


def test_what_is_not_genuine_is_refused_the_same_way_whatever_is_wrong_and_leaves_no_trace(
    settings: Settings,
) -> None:
    async def work(at: Office) -> None:
        answers = [await at.post(NEWS, header) for header in FORGED.values()]
        assert {(answer.status_code, answer.content, str(answer.headers)) for answer in answers} == {
            (401, b"", str(answers[0].headers))
        }
        assert (at.rows(), at.queued()) == ([], [])
        assert at.verdicts == {("plaid", "forged"): len(FORGED)}

    within(settings, work)


def test_without_the_key_there_is_no_verdict_and_it_is_to_come_again(settings: Settings) -> None:
    down = refusal("INTERNAL_SERVER_ERROR", "API_ERROR", 500)

    async def work(at: Office) -> None:
        answer = await at.post(NEWS)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert at.rows() == []
        assert at.verdicts == {("plaid", "unavailable"): 1}

    within(settings, work, script=Script({KEY_GET: down}))


def test_nobody_is_known_but_the_providers_that_are_set_up(settings: Settings) -> None:
    async def work(at: Office) -> None:
        assert (await at.post(NEWS, to="belvo")).status_code == 404
        assert (await at.door.get("/webhooks/plaid")).status_code == 405
        assert at.verdicts == {("", "unknown_provider"): 1}, "no name of a stranger's choosing is counted"

    within(settings, work)


class Dripping:
    """A body in pieces; how many were read."""

    def __init__(self, pieces: int, pause_s: float = 0) -> None:
        self.read = 0
        self._pieces = pieces
        self._pause_s = pause_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._pieces):
            await asyncio.sleep(self._pause_s)
            self.read += 1
            yield b" " * 1024


async def answered(at: Office, headers: list[tuple[bytes, bytes]], body: Dripping) -> int:
    """The status, as soon as there is one."""
    pieces = aiter(body)
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        piece = await anext(pieces, b"")
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(msgspec.convert(message["status"], int))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/plaid",
        "headers": headers,
        "query_string": b"",
    }
    await at.app(scope, receive, send)  # type: ignore[arg-type]
    return statuses[0]


def test_a_body_that_says_it_is_too_large_is_not_read(settings: Settings) -> None:
    async def work(at: Office) -> None:
        body = Dripping(1_000)
        assert await answered(at, [(b"content-length", b"262145")], body) == 413
        assert body.read == 0
        assert at.verdicts == {("plaid", "too_large"): 1}

    within(settings, work)


def test_a_body_that_turns_out_too_large_is_read_no_further_than_its_bound(settings: Settings) -> None:
    async def work(at: Office) -> None:
        for said in ([], [(b"content-length", b"7")], [(b"transfer-encoding", b"chunked")]):
            body = Dripping(1_000)
            assert await answered(at, said, body) == 413
            assert body.read == 257

    within(settings, work)


def test_a_body_at_its_bound_is_taken(settings: Settings) -> None:
    largest = NEWS + b" " * (InboxBounds().body_bytes_max - len(NEWS))

    async def work(at: Office) -> None:
        assert (await at.post(largest)).status_code == 200
        assert (await at.post(largest + b" ")).status_code == 413

    within(settings, work)


def test_headers_beyond_their_bound_are_refused(settings: Settings) -> None:
    async def work(at: Office) -> None:
        body = Dripping(1)
        assert await answered(at, [(b"x-much", b"a" * 16_384)], body) == 431
        assert body.read == 0

    within(settings, work)


def test_a_body_that_drips_is_not_waited_for(settings: Settings) -> None:
    async def work(at: Office) -> None:
        assert await answered(at, [], Dripping(100, pause_s=0.05)) == 408

    within(settings, work, bounds=QUICK)


@contextmanager
def held_table(conninfo: str):
    with psycopg.connect(conninfo) as connection:
        connection.execute("lock table caudal.inbox in access exclusive mode")
        yield
        connection.rollback()


def test_what_cannot_be_committed_is_not_acknowledged(settings: Settings) -> None:
    async def work(at: Office) -> None:
        with held_table(settings.database_url):
            answers = await asyncio.wait_for(
                asyncio.gather(*(at.post(told(item=f"i-{n}")) for n in range(20))), 5
            )
            assert {(a.status_code, a.headers.get("retry-after")) for a in answers} == {(503, "30")}
        assert (await at.post(NEWS)).status_code == 200
        assert at.verdicts["plaid", "unavailable"] == 20

    within(settings, work, bounds=QUICK)


def test_with_the_database_away_it_is_to_come_again_and_once_it_is_back_all_is_well(
    settings: Settings,
) -> None:
    async def work(at: Office) -> None:
        assert (await at.post(NEWS)).status_code == 200
        with shut_out(settings.database_url):
            answer = await asyncio.wait_for(at.post(told(item="later")), 5)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        async with asyncio.timeout(10):
            while (await at.post(told(item="later"))).status_code != 200:
                assert len(at.rows()) == 1
        assert len(at.rows()) == 2

    within(settings, work, bounds=QUICK)


# Together in one commit


def letter(number: int, key: str = "") -> Letter:
    return Letter("plaid", key or f"key-{number}", NOW, "k-1", b"sealed")


def test_what_waits_at_the_same_moment_shares_a_commit(settings: Settings) -> None:
    statements: list[str] = []

    async def work(at: Office) -> None:
        await asyncio.gather(*(at.post(told(item=f"i-{n}")) for n in range(200)))
        assert len(at.rows()) == 200
        assert statements.count("keep_webhooks") < 40

    within(settings, work, observe=statements.append)


def test_whoever_comes_while_the_last_commit_ends_is_not_forgotten(settings: Settings) -> None:
    """Each comes a little later after the one before was answered: before, at and after the look at who waits."""

    async def work(at: Office) -> None:
        commits = at.commits()
        for number in range(60):
            async with asyncio.timeout(5):
                assert await commits.keep(letter(2 * number))
                for _ in range(number % 6):
                    await asyncio.sleep(0)
                assert await commits.keep(letter(2 * number + 1))
        assert len(at.rows()) == 120
        await commits.close()

    within(settings, work)


def test_many_who_come_at_any_moment_are_all_answered(settings: Settings) -> None:
    async def work(at: Office) -> None:
        commits = at.commits()

        async def sender(number: int) -> list[bool]:
            return [await commits.keep(letter(1_000 * number + each)) for each in range(40)]

        async with asyncio.timeout(20):
            kept = await asyncio.gather(*(sender(number) for number in range(16)))
        assert all(all(each) for each in kept)
        assert len(at.rows()) == 640
        await commits.close()

    within(settings, work)


def test_processes_that_keep_the_same_ones_at_the_same_moment_keep_each_once(settings: Settings) -> None:
    async def work(at: Office) -> None:
        async def process(turn: int) -> list[int]:
            async with installation.apart(at.opened, 1) as own:
                numbers = [(37 * turn + 11 * each) % 200 for each in range(200)]
                kept = [
                    await inbox.keep(own.store, [letter(number) for number in numbers[begin : begin + 25]])
                    for begin in range(0, 200, 25)
                ]
            return [len(new) for new in kept]

        async with asyncio.timeout(20):
            kept = await asyncio.gather(*(process(turn) for turn in range(6)))
        assert sum(sum(each) for each in kept) == len(at.rows()) == 200
        assert [job[:2] for job in at.queued()] == [("inbox", 50)]

    within(settings, work)


def test_one_that_cannot_be_kept_does_not_fail_its_neighbours(settings: Settings) -> None:
    async def work(at: Office) -> None:
        commits = at.commits()
        wrong = letter(0, "PostgreSQL's text can't hold \0")
        letters = [letter(1), wrong, *(letter(number) for number in range(2, 20))]
        kept = await asyncio.gather(*(commits.keep(each) for each in letters), return_exceptions=True)
        assert isinstance(kept[1], StoreError)
        assert [each for place, each in enumerate(kept) if place != 1] == [True] * 19
        assert len(at.rows()) == 19
        await commits.close()

    within(settings, work)


def test_no_more_are_taken_on_than_may_wait(settings: Settings) -> None:
    async def work(at: Office) -> None:
        answers = await asyncio.gather(*(at.post(told(item=f"i-{n}")) for n in range(30)))
        statuses = [answer.status_code for answer in answers]
        assert {200, 503} == set(statuses)
        assert len(at.rows()) == statuses.count(200)

    within(settings, work, bounds=InboxBounds(waiting_max=5, commit_max=2))


def test_workers_are_told_after_the_commit_and_not_of_each(settings: Settings) -> None:
    async def work(at: Office) -> None:
        async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as listening:
            await listening.execute('listen "procrastinate_queue_v1#inbox"')
            await asyncio.gather(*(at.post(told(item=f"i-{n}")) for n in range(100)))
            await asyncio.sleep(0.1)
            told_of = [notice async for notice in listening.notifies(timeout=0.5)]
            assert 1 <= len(told_of) <= 20
            await at.post(NEWS)
            assert [notice async for notice in listening.notifies(timeout=1, stop_after=1)]

    within(settings, work)


# At rest


def test_a_body_is_sealed_and_opens_in_its_own_row_alone(settings: Settings) -> None:
    token = "link-sandbox-CANARY-2b81"
    body = told("SESSION_FINISHED", "LINK", link_token=token, public_tokens=["public-sandbox-CANARY-9"])

    async def work(at: Office) -> None:
        assert [row.outcome for row in await at.hear(body)] == ["link"]
        stored = str(at.ask("select * from caudal.inbox")) + str(
            at.ask("select * from caudal_jobs.procrastinate_jobs")
        )
        assert "CANARY" not in stored
        [row] = await webhooks.listed(at.opened)
        shown = await webhooks.show(at.opened, row.inbox_id)
        assert "SESSION_FINISHED" in shown.body
        assert "CANARY" not in shown.body
        await at.post(NEWS)
        at.ask(
            "update caudal.inbox i set sealed = o.sealed from caudal.inbox o where o.inbox_id <> i.inbox_id returning 1"
        )
        [*_, one] = await webhooks.listed(at.opened)
        assert "does not open" in (await webhooks.show(at.opened, one.inbox_id)).body
        await at.work_off()
        assert "does not open" in at.rows()[1].error

    within(settings, work)


def test_after_a_rotation_webhooks_are_sealed_under_the_new_key(settings: Settings) -> None:
    async def work(at: Office) -> None:
        for number in range(3):
            await at.post(told(item=f"i-{number}"))
        await keys.rotate(at.opened)

    within(settings, work)

    async def later(at: Office) -> None:
        assert at.ask("select distinct wrapping_key from caudal.inbox") == [(at.opened.keyring.primary,)]
        assert [key.state.value for key in at.opened.keyring.keys] == ["retired", "active"]
        assert {row.state for row in await at.hear()} == {"done"}

    within(settings, later)


# What they lead to


def test_a_connection_in_several_spaces_is_pulled_in_each(settings: Settings) -> None:
    async def work(at: Office) -> None:
        [mine], [yours], _ = (
            await at.link("mine", ITEM),
            await at.link("yours", ITEM),
            await at.link("x", "other"),
        )
        at.take_jobs()
        [row] = await at.hear(NEWS)
        assert row.outcome == "news of transactions: 2 connections"
        assert {job[3] for job in at.queued() if job[0] == "sync"} == {str(mine), str(yours)}

    within(settings, work)


def test_fifty_deliveries_of_the_same_news_queue_one_sync(settings: Settings) -> None:
    async def work(at: Office) -> None:
        await at.link("home", ITEM)
        at.take_jobs()
        for seconds in range(50):
            await at.post(NEWS, signed(NEWS, NOW - timedelta(seconds=seconds)))
        await at.work_off()
        assert [job[0] for job in at.queued()].count("sync") == 1
        assert {row.state for row in at.rows()} == {"done"}

    within(settings, work)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (told("SOMETHING_NEW", "ITEM"), "says nothing to us"),
        (told(item="unlinked long ago"), "news of transactions: no connection of ours"),
        (told("USER_PERMISSION_REVOKED", "ITEM", item="another"), "has ended: no connection of ours"),
        (
            told(
                "INSTITUTION_STATUS_ALERT_TRIGGERED",
                "DASHBOARD_CONFIGURED_ALERT",
                institution_id="ins_9",
                institution_overall_success_rate=0.25,
            ),
            "outage at ins_9: success rate 0.25",
        ),
    ],
)
def test_what_concerns_no_connection_of_ours_is_done_and_says_so(
    settings: Settings, body: bytes, outcome: str
) -> None:
    async def work(at: Office) -> None:
        await at.link("home", ITEM)
        at.take_jobs()
        assert await at.hear(body) == [("done", 1, outcome, "")]
        assert [job[0] for job in at.queued()] == ["inbox"]

    within(settings, work)


def test_a_connection_that_needs_its_person_says_so_at_once_and_a_pull_looks_whether_it_is_true(
    settings: Settings,
) -> None:
    async def work(at: Office) -> None:
        [connection] = await at.link("home", ITEM)
        at.take_jobs()
        [row] = await at.hear(LOGIN)
        state, reason, action = at.standing(connection)
        assert state == "needs_user"
        assert reason
        assert action
        assert row.outcome.startswith("its person is needed, ")
        assert ("sync", 40, "webhook", str(connection)) in at.queued()
        assert [kind for (kind,) in at.ask("select kind from caudal.event")] == ["connection.state"]

    within(settings, work)


def test_a_need_of_the_future_is_noted_on_a_connection_that_goes_on(settings: Settings) -> None:
    body = told("PENDING_EXPIRATION", "ITEM", consent_expiration_time=IN_A_WEEK)

    async def work(at: Office) -> None:
        [connection] = await at.link("home", ITEM)
        await at.hear(body)
        state, reason, action = at.standing(connection)
        assert (state, bool(reason), bool(action)) == ("active", True, True)
        [(data,)] = at.ask("select data from caudal.event where kind = 'connection.user_needed'")
        assert data["by"] == IN_A_WEEK
        await at.post(body, signed(body, NOW - timedelta(seconds=9)))
        await at.work_off()
        assert len(at.ask("select 1 from caudal.event")) == 1, "told once"

    within(settings, work)


def test_a_need_of_the_future_stays_noted_until_its_person_has_seen_to_it(settings: Settings) -> None:
    async def work(at: Office) -> None:
        [connection] = await at.link("home", ITEM)
        await at.hear(told("PENDING_EXPIRATION", "ITEM", consent_expiration_time=IN_A_WEEK))
        noted = at.standing(connection)
        [(space,)] = at.ask("select space_id from caudal.connection")
        assert isinstance(space, UUID)
        async with at.opened.store.transaction(space) as tx:  # as after a run that went well
            await spaces.change_state(tx, space, connection, "active")
        assert at.standing(connection) == noted
        await at.hear(told("LOGIN_REPAIRED", "ITEM"))
        assert at.standing(connection) == ("active", "", "")

    within(settings, work)


def test_a_mended_connection_goes_on(settings: Settings) -> None:
    async def work(at: Office) -> None:
        [connection] = await at.link("home", ITEM)
        await at.hear(LOGIN)
        at.take_jobs()
        await at.hear(told("LOGIN_REPAIRED", "ITEM"))
        assert at.standing(connection) == ("active", "", "")
        assert ("sync", 40, "webhook", str(connection)) in at.queued()

    within(settings, work)


def test_an_ended_connection_is_over_with_its_secrets_and_the_trail_says_so(settings: Settings) -> None:
    async def work(at: Office) -> None:
        [connection] = await at.link("home", ITEM)
        at.take_jobs()
        [(space,)] = at.ask("select space_id from caudal.space")
        assert isinstance(space, UUID)
        await credentials.keep(at.opened, space, connection, "access_token", b"CANARY")
        [row] = await at.hear(told("USER_PERMISSION_REVOKED", "ITEM"))
        assert row == ("done", 1, "has ended: 1 connection", "")
        assert at.standing(connection)[0] == "revoked"
        assert at.ask("select 1 from caudal.credential") == []
        acts = [act for (act,) in at.ask("select act from caudal.audit_entry order by seq")]
        assert acts == ["credential.kept", "connection.ended"]
        assert await audit.first_broken(at.opened, space) is None
        assert "sync" not in {job[0] for job in at.queued()}
        await at.post(
            told("USER_PERMISSION_REVOKED", "ITEM"),
            signed(told("USER_PERMISSION_REVOKED", "ITEM"), NOW - timedelta(seconds=5)),
        )
        await at.work_off()
        assert at.rows()[1].outcome == "has ended: no connection of ours"

    within(settings, work)


def test_of_a_connection_one_account_may_end(settings: Settings) -> None:
    async def work(at: Office) -> None:
        [connection] = await at.link("home", ITEM)
        for reference in ("acc-1", "acc-2"):
            at.ask(
                f"""
                with a as (
                    insert into caudal.account (space_id, name, kind, currency)
                    select space_id, '{reference}', 'checking', 'USD' from caudal.space returning space_id, account_id
                )
                insert into caudal.source_account
                    (space_id, connection_id, account_id, home_id, reference, name, kind, currency)
                select space_id, '{connection}', account_id, account_id, '{reference}', 'x', 'checking', 'USD' from a returning 1
                """
            )
        await at.hear(told("USER_ACCOUNT_REVOKED", "ITEM", account_id="acc-2"))
        assert at.ask("select reference from caudal.source_account where gone_at is not null") == [("acc-2",)]
        assert at.standing(connection)[0] == "active"

    within(settings, work)


# Failing


def due_now(at: Office) -> None:
    at.ask("update caudal.inbox set due_at = now() where state = 'new' returning 1")


def test_one_that_cannot_be_read_is_tried_again_then_dead_then_replayed_and_holds_up_nobody(
    settings: Settings,
) -> None:
    async def work(at: Office) -> None:
        await at.link("home", ITEM)
        broken = json.dumps({"webhook_type": "ITEM", "webhook_code": "LOGIN_REPAIRED"}).encode()
        first, second = await at.hear(broken, NEWS)
        assert (first.state, first.attempts) == ("new", 1)
        assert "names no item_id" in first.error
        assert second.state == "done"
        assert await at.work_off() == 0, "it is not tried again before its time"
        [(waits,)] = at.ask("select due_at > now() + interval '25 s' from caudal.inbox where state = 'new'")
        assert waits
        for _ in range(4):
            due_now(at)
            await at.work_off()
        assert [row.state for row in at.rows()] == ["dead", "done"]
        assert [row.attempts for row in at.rows()] == [5, 1]
        [dead] = await webhooks.listed(at.opened, state="dead")
        at.take_jobs()
        assert await webhooks.replay(at.opened, None) == [dead.inbox_id]
        assert [job[0] for job in at.queued()] == ["inbox"]
        await at.work_off()
        assert (at.rows()[0].state, at.rows()[0].attempts) == ("new", 1)

    within(settings, work)


REFUSING = """
create function public.refuse() returns trigger language plpgsql as
$$ begin if new.args->>'connection' = '{0}' then raise exception 'refused'; end if; return new; end $$;
create trigger refusing before insert on caudal_jobs.procrastinate_jobs for each row execute function public.refuse();
"""


def test_one_whose_work_the_database_refuses_does_not_fail_its_neighbours(settings: Settings) -> None:
    async def work(at: Office) -> None:
        bad, *good = await at.link("home", "bad", *(f"good-{n}" for n in range(9)))
        at.take_jobs()
        with psycopg.connect(settings.database_url) as connection:
            connection.execute(REFUSING.format(bad).encode())
        rows = await at.hear(told(item="bad"), *(told(item=f"good-{n}") for n in range(9)))
        assert [row.state for row in rows] == ["new"] + ["done"] * 9
        assert "enqueue_syncs" in rows[0].error
        assert {job[3] for job in at.queued() if job[0] == "sync"} == set(map(str, good))

    within(settings, work)


def test_a_bug_met_in_one_webhook_is_named_without_quoting_it_and_keeps_nobody(settings: Settings) -> None:
    async def work(at: Office) -> None:
        class Buggy:
            def signals_of(self, body: bytes) -> list[object]:
                if b"bad" in body:
                    raise KeyError("CANARY")
                return list(at.plaid.signals_of(body))

        for item in ("bad", "good"):
            await at.post(told(item=item))
        await webhooks.work_off(at.opened, {"plaid": Buggy()}.get, 10)  # type: ignore[dict-item]
        assert [(row.state, row.error) for row in at.rows()] == [
            ("new", "a bug of ours: KeyError"),
            ("done", ""),
        ]

    within(settings, work)


def test_webhooks_of_a_provider_that_is_no_longer_set_up_wait_for_it(settings: Settings) -> None:
    async def work(at: Office) -> None:
        await at.post(NEWS)
        assert await webhooks.work_off(at.opened, lambda _: None, 10) == 1
        [row] = at.rows()
        assert (row.state, row.error) == ("new", "plaid isn't set up here any more")
        due_now(at)
        await at.work_off()
        assert at.rows()[0].state == "done"

    within(settings, work)


# In bulk


def test_a_batch_costs_the_same_number_of_statements_whatever_its_size(settings: Settings) -> None:
    statements: list[str] = []

    async def work(at: Office) -> None:
        await at.link("home", *(f"i-{n}" for n in range(50)))
        counts = []
        for size in (1, 10, 50):
            for number in range(size):
                await at.post(told(item=f"i-{number}", size=size))
            statements.clear()
            assert await at.work_off() == size
            counts.append(len([name for name in statements if name not in {"commit", "announce"}]))
        assert len(set(counts)) == 1, counts

    within(settings, work, observe=statements.append)


def test_what_is_beyond_the_limit_is_left_to_the_next_job(settings: Settings) -> None:
    async def work(at: Office) -> None:
        for number in range(25):
            await at.post(told(item=f"i-{number}"))
        at.take_jobs()
        assert await at.work_off(limit=10) == 10
        assert [job[0] for job in at.queued()] == ["inbox"]
        assert [row.state for row in at.rows()] == ["done"] * 10 + ["new"] * 15, (
            "the first that came go first"
        )

    within(settings, work, bounds=InboxBounds(batch_max=4))


def test_several_workers_work_each_off_once(settings: Settings) -> None:
    async def work(at: Office) -> None:
        [connection] = await at.link("home", ITEM)
        for number in range(30):
            await at.post(told(number=number))
        await at.post(told("USER_PERMISSION_REVOKED", "ITEM"))
        await asyncio.gather(*(at.work_off() for _ in range(4)))
        assert {(row.state, row.attempts) for row in at.rows()} == {("done", 1)}
        assert at.standing(connection)[0] == "revoked"
        assert at.ask("select count(*)::int from caudal.audit_entry where act = 'connection.ended'") == [(1,)]

    within(settings, work, bounds=InboxBounds(batch_max=7))


def test_replaying_everything_twice_changes_nothing(settings: Settings) -> None:
    def state(at: Office) -> object:
        return (
            at.ask("select connection_id, state, state_reason from caudal.connection order by 1"),
            at.ask("select kind, data from caudal.event order by space_id, seq"),
            at.ask("select act from caudal.audit_entry order by space_id, seq"),
        )

    async def work(at: Office) -> None:
        await at.link("home", ITEM, "item-birch")
        await at.hear(LOGIN, NEWS, told("USER_PERMISSION_REVOKED", "ITEM", item="item-birch"))
        before = state(at)
        ids = [row.inbox_id for row in await webhooks.listed(at.opened)]
        for _ in range(2):
            await webhooks.replay(at.opened, ids)
            await at.work_off()
        assert state(at) == before
        assert {row.state for row in at.rows()} == {"done"}

    within(settings, work)


def test_what_was_done_long_ago_is_forgotten_and_what_failed_is_not(settings: Settings) -> None:
    async def work(at: Office) -> None:
        await at.hear(*(told(item=f"i-{n}") for n in range(4)))
        at.ask(
            "update caudal.inbox set done_at = now() - interval '31 days' where state = 'done' returning 1"
        )
        await at.hear(told(item="young"))
        at.ask(
            "update caudal.inbox set state = 'dead' where inbox_id = (select min(inbox_id::text)::uuid from caudal.inbox) returning 1"
        )
        assert await webhooks.forget(at.opened) == 3
        assert sorted(row.state for row in at.rows()) == ["dead", "done"]

    within(settings, work)


# By hand


def test_a_person_lists_shows_and_replays(settings: Settings, tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        await at.hear(NEWS, told("LOGIN_REPAIRED", "ITEM", item=""))

    within(settings, work)
    caudal = Command(settings, tmp_path)
    listed = caudal.told("webhooks", "list", "--provider", "plaid")
    assert [(row["state"], row["attempts"]) for row in listed] == [("new", 1), ("done", 1)]
    done = listed[1]["inbox_id"]
    assert caudal.told("webhooks", "list", "--state", "dead") == []
    assert '"item_id": "item-alder"' in caudal.told("webhooks", "show", done)["body"]
    assert caudal.told("webhooks", "replay", done) == [done]
    assert caudal.told("webhooks", "list", "--state", "done") == []
    assert caudal("webhooks", "list").out.count("  plaid  ") == 2
    assert "news of transactions" in caudal("webhooks", "show", done).out
    assert caudal("webhooks", "replay", "--dead").out == "0 to be worked off again\n"
    assert caudal("webhooks", "replay").code == 64
    nobody = str(UUID(int=1))
    assert caudal("webhooks", "show", nobody).code == 66
    assert caudal("webhooks", "replay", nobody).code == 66


def test_a_replay_of_what_is_not_there_replays_nothing(settings: Settings) -> None:
    async def work(at: Office) -> None:
        await at.hear(NEWS)
        [row] = await webhooks.listed(at.opened)
        with pytest.raises(NotFound, match="nothing is replayed"):
            await webhooks.replay(at.opened, [row.inbox_id, UUID(int=1)])
        assert [row.state for row in at.rows()] == ["done"]

    within(settings, work)


def test_only_the_engine_sees_the_inbox(settings: Settings) -> None:
    async def work(at: Office) -> None:
        await at.link("home", ITEM)
        await at.post(NEWS)
        [(space,)] = all_rows(settings.database_url, "select space_id from caudal.space")
        assert isinstance(space, UUID)
        async with at.opened.store.transaction(space) as tx:
            assert await inbox.listed(tx, None, None, 10) == []

    within(settings, work)


def test_a_seal_says_no_more_than_that_it_does_not_open(settings: Settings) -> None:
    async def work(at: Office) -> None:
        seal = RowSeal(at.opened.keyring, WEBHOOKS)
        sealed = seal.seal(("plaid", "key"), b"body")
        assert seal.unseal(seal.wrapping_key, ("plaid", "key"), sealed) == b"body"
        for wrong in (
            (("belvo", "key"), sealed),
            (("plaid", "yek"), sealed),
            (("plaid", "key"), sealed[:-1]),
            (("plaid", "key"), b""),
        ):
            with pytest.raises(SealError) as refused:
                seal.unseal(seal.wrapping_key, *wrong)
            assert "body" not in str(refused.value)

    within(settings, work)
