"""The ledger over HTTP: a file comes in, is listed, searched, corrected, explained; what is asked twice is done once."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from tests.support.api import BASE, Hub, Json, Who, at_hub, listening
from tests.support.books import all_rows

from caudal.api.rest.resources import events
from caudal.client import ApiError, AsyncCaudal
from caudal.hub import ledger
from caudal.settings import Settings

CSV = (
    "Date,Description,Amount\n"
    "2026-03-02,Café São Bento,-4.50\n"
    "2026-03-02,SALARY MARCH,2000.00\n"
    "2026-03-03,Rent,-980.10\n"
    "2026-03-05,Café São Bento,-4.50\n"
)
OCTETS = {"content-type": "application/octet-stream"}


class Desk:
    """An owner at a space with a file in it."""

    def __init__(self, at: Hub, who: Who, space: str) -> None:
        self.at, self.who, self.space = at, who, space

    @property
    def path(self) -> str:
        return f"/v1/spaces/{self.space}"

    async def take(self, text: str = CSV, **query: str) -> Json:
        """Take a file in."""
        told = {"name": "march.csv", "account": "Giro", "currency": "EUR", **query}
        response = await self.who.ask(
            "POST", f"{self.path}/files", params=told, content=text.encode(), headers=OCTETS
        )
        assert response.status_code == 200, response.text
        done: Json = response.json()
        return done

    async def rows(self, **query: Any) -> list[Json]:
        """The transactions that fit."""
        found: list[Json] = (await self.who.get(f"{self.path}/transactions", params=query))["data"]
        return found

    async def one(self, text: str) -> Json:
        """The transaction with this text."""
        [row] = await self.rows(text=text)
        return row


async def desk(at: Hub) -> Desk:
    return Desk(at, *await at.home())


def test_a_file_comes_in_once_however_often_it_is_sent(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        first, again = await home.take(), await home.take()
        assert (first["new"], first["format"]) == (4, "csv")
        assert (again["new"], again["known"]) == (0, 4)
        [account] = (await home.who.get(f"{home.path}/accounts"))["data"]
        assert account["booked"] == {"amount": "1010.90", "currency": "EUR"}
        rows = await home.rows()
        assert [row["booked_on"][-2:] for row in rows] == ["05", "03", "02", "02"]
        assert sorted(row["amount"] for row in rows) == ["-4.50", "-4.50", "-980.10", "2000.00"]

    at_hub(settings, work)


def test_a_file_that_can_t_be_read_changes_nothing_and_its_name_is_no_path(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        sent: dict[str, Any] = {"content": b"\x00\x01 no statement", "headers": OCTETS}
        code = await home.who.refused("POST", f"{home.path}/files", params={"name": "x"}, **sent)
        assert code == "invalid"
        for name in ("../../etc/passwd", "a/b", ".hidden", "a\\b", "a" * 61):
            refused = await home.who.refused("POST", f"{home.path}/files", params={"name": name}, **sent)
            assert refused == "invalid"
        assert all_rows(settings.database_url, "select count(*) from caudal.run") == [(0,)]

    at_hub(settings, work)


def test_a_list_comes_in_pages_and_is_searched_and_filtered(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        await home.take()
        seen, after = [], None
        while True:
            query = {"limit": 1} | ({"after": after} if after else {})
            page = await home.who.get(f"{home.path}/transactions", params=query)
            seen += [row["transaction_id"] for row in page["data"]]
            if (after := page["next"]) is None:
                break
        assert seen == [row["transaction_id"] for row in await home.rows()]
        assert len(await home.rows(text="cafe sao")) == 2
        assert [row["description"] for row in await home.rows(text="980.1")] == ["Rent"]
        assert len(await home.rows(direction="in", amount_min="100")) == 1
        assert await home.rows(currency="USD") == []
        for wrong in (
            {"limit": 501},
            {"after": "zz"},
            {"amount_min": "1e3"},
            {"colour": "red"},
            {"limit": [1, 2]},
        ):
            code = await home.who.refused("GET", f"{home.path}/transactions", params=wrong)
            assert code == "invalid", wrong

    at_hub(settings, work)


def test_an_edit_is_of_what_was_read_and_is_taken_back(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        await home.take()
        rent = await home.one("Rent")
        path = f"{home.path}/transactions/{rent['transaction_id']}"
        etag = (await home.who.ask("GET", path)).headers["etag"]
        flat = {"json": {"description": "Flat"}}
        assert await home.who.refused("PATCH", path, **flat) == "precondition_required"
        stale = {"headers": {"if-match": '"of another time"'}}
        assert await home.who.refused("PATCH", path, **flat, **stale) == "changed_meanwhile"
        done = await home.who.ask("PATCH", path, **flat, headers={"if-match": etag})
        assert done.status_code == 200
        assert (
            await home.who.refused("PATCH", path, **flat, headers={"if-match": etag}) == "changed_meanwhile"
        )
        assert (await home.one("Flat"))["edited"] is True
        fields = (await home.who.get(f"{path}/why"))["fields"]
        assert {"field": "description", "value": "Flat", "source": "person"} in fields
        [decision] = done.json()["decision_ids"]
        await home.who.post(f"{home.path}/decisions/{decision}/undo")
        assert (await home.one("Rent"))["edited"] is False

    at_hub(settings, work)


def test_merging_splitting_and_deleting_are_words_that_can_be_taken_back(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        await home.take()
        keep, drop = await home.rows(text="bento")
        path = f"{home.path}/transactions"
        merged = await home.who.post(
            f"{path}/{keep['transaction_id']}/merge", {"other_transaction_id": drop["transaction_id"]}
        )
        assert len(await home.rows(text="bento")) == 1
        await home.who.post(f"{home.path}/decisions/{merged['decision_ids'][0]}/undo")
        assert len(await home.rows(text="bento")) == 2
        rent = (await home.one("Rent"))["transaction_id"]
        await home.who.post(f"{path}/{rent}/split", {"amounts": ["-500", "-480.10"]})
        assert (await home.one("Rent"))["split"] is True
        too_much = {"json": {"amounts": ["-981"]}}
        assert await home.who.refused("POST", f"{path}/{rent}/split", **too_much) == "conflict"
        assert (await home.who.ask("DELETE", f"{path}/{rent}")).status_code == 204
        assert await home.rows(text="Rent") == []
        [delete] = [
            each
            for each in (await home.who.get(f"{home.path}/decisions"))["data"]
            if each["kind"] == "delete"
        ]
        await home.who.post(f"{home.path}/decisions/{delete['decision_id']}/undo")
        assert await home.one("Rent")

    at_hub(settings, work)


def test_a_field_nobody_asked_for_and_a_float_are_refused(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        await home.take()
        rent = (await home.one("Rent"))["transaction_id"]
        path, any_ = f"{home.path}/transactions/{rent}", {"if-match": "*"}
        for body in (
            {"space_id": home.space},
            {"description": "x", "role": "owner"},
            {"amount": -1.5},
            {"amount": "NaN"},
            {"booked_on": "2026-02-30"},
            [],
        ):
            response = await home.who.ask("PATCH", path, json=body, headers=any_)
            assert response.status_code == 422, body
        assert (await home.one("Rent"))["amount"] == "-980.10"
        assert "-1.5" not in response.text
        sent = {"content": b'{"description":"x"}', "headers": any_ | {"content-type": "text/plain"}}
        assert await home.who.refused("PATCH", path, **sent) == "unsupported_media_type"
        large = {"content": b"x" * (1024**2 + 1), "headers": any_ | {"content-type": "application/json"}}
        assert await home.who.refused("PATCH", path, **large) == "too_large"

    at_hub(settings, work)


def test_the_same_request_under_its_name_is_done_once(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        named = {"headers": {"idempotency-key": "first-try"}}
        keys = f"{home.path}/keys"
        asked = [home.who.ask("POST", keys, json={"name": "program"}, **named) for _ in range(10)]
        codes = {response.status_code for response in await asyncio.gather(*asked)}
        assert codes <= {201, 409}
        again = await home.who.ask("POST", keys, json={"name": "program"}, **named)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        [kept] = (await home.who.get(keys))["data"]
        assert kept["key_id"] == again.json()["key_id"]
        assert again.json()["key"] not in str(
            all_rows(settings.database_url, "select * from caudal.idempotency")
        )
        other = {"json": {"name": "another"}, **named}
        assert await home.who.refused("POST", keys, **other) == "idempotency_mismatch"

    at_hub(settings, work)


def test_a_name_is_free_again_where_nothing_was_done(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        named = {"headers": {"idempotency-key": "k"}}
        refused = {"json": {"name": "program", "scopes": ["keys:manage"]}, **named}
        assert await home.who.refused("POST", f"{home.path}/keys", **refused) == "conflict"
        made = await home.who.ask("POST", f"{home.path}/keys", json={"name": "program"}, **named)
        assert made.status_code == 201

    at_hub(settings, work)


def test_who_asks_too_often_is_told_when_to_come_again(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        first = await at.nobody.ask("GET", "/v1/health")
        limit = int(first.headers["ratelimit-limit"])
        assert int(first.headers["ratelimit-remaining"]) == limit - 1
        for _ in range(limit):
            response = await at.nobody.ask("GET", "/v1/health")
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) >= 1

    few = msgspec.structs.replace(settings.api, requests_per_minute=5)
    at_hub(msgspec.structs.replace(settings, api=few), work)


def test_every_answer_forbids_to_keep_it_and_to_show_it_as_a_page(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        for who, path in (
            (ana, "/v1/me"),
            (at.nobody, "/v1/me"),
            (at.nobody, "/v1/nowhere"),
            (ana, "/v1/nowhere"),
        ):
            response = await who.ask("GET", path)
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in response.headers["content-security-policy"]
            assert response.headers["x-request-id"]
        wrong = await ana.ask("PUT", "/v1/me")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, PATCH")

    at_hub(settings, work)


def test_what_breaks_here_is_told_by_the_request_s_name_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("SECRET of the inside")

    async def work(at: Hub) -> None:
        ana = await at.owner()
        space = await at.space(ana)
        monkeypatch.setattr(ledger, "accounts", broken)
        response = await ana.ask("GET", f"/v1/spaces/{space}/accounts")
        assert response.status_code == 500
        assert "SECRET" not in response.text
        assert response.json()["request_id"] == response.headers["x-request-id"]

    at_hub(settings, work)


def test_an_agent_sees_no_whole_account_number(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        await home.take()
        with_number = "update caudal.source_account set iban = 'DE02120300000000202051', number = '202051'"
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute(with_number.encode())
        agent = await at.key(home.who, home.space, role="agent")
        [seen] = (await agent.get(f"{home.path}/accounts"))["data"]
        assert (seen["iban"], seen["number"]) == ("…2051", "…2051")
        [whole] = (await home.who.get(f"{home.path}/accounts"))["data"]
        assert whole["iban"] == "DE02120300000000202051"

    at_hub(settings, work)


async def blocks(response: httpx.Response, count: int) -> list[str]:
    """So many blocks of a stream; fewer where it ends."""
    text = b""
    async for piece in response.aiter_raw():
        text += piece
        if text.count(b"\n\n") >= count:
            break
    return text.decode().split("\n\n")[:count]


def test_events_are_followed_from_where_one_was_and_end_with_the_right_to_see_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_SILENT_MS_MAX", 200)

    async def work(at: Hub) -> None:
        home = await desk(at)
        await home.take()
        told = (await home.who.get(f"{home.path}/events"))["data"]
        assert [each["seq"] for each in told] == list(range(1, len(told) + 1))
        assert "transactions.created" in {each["kind"] for each in told}
        path = f"{home.path}/events/stream"
        assert await home.who.refused("GET", path, headers={"last-event-id": "x"}) == "invalid"
        ben = await at.member(home.who, home.space, "viewer", "ben@example.org")
        shown = {"authorization": f"Bearer {ben.token}", "last-event-id": "1"}
        async with listening(at.asgi) as url, httpx.AsyncClient(base_url=url) as client:
            async with client.stream("GET", path, headers=shown) as response:
                assert response.headers["content-type"].startswith("text/event-stream")
                here, second, *_ = await blocks(response, 3)
                assert here == ": here"
                assert second.startswith("id: 2\nevent: ")
                assert json.loads(second.partition("data: ")[2]) == told[1]
            async with client.stream("GET", path, headers=shown) as response:
                person = await at.person_id(ben)
                await home.who.ask("DELETE", f"{home.path}/members/{person}")
                async with asyncio.timeout(20):
                    await blocks(response, 10_000)  # it ends by itself

    at_hub(settings, work)


def test_a_balance_by_day_and_money_by_month_add_up(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        await home.take()
        [account] = (await home.who.get(f"{home.path}/accounts"))["data"]
        query = {"start": "2026-03-01", "end": "2026-03-31"}
        path = f"{home.path}/accounts/{account['account_id']}"
        days = (await home.who.get(f"{path}/days", params=query))["data"]
        assert days[-1] == {"day": "2026-03-31", "currency": "EUR", "held": "1010.90"}
        [march] = (await home.who.get(f"{home.path}/months", params={"last": "2026-03-31", "months": 1}))[
            "data"
        ]
        assert Decimal(march["came"]) - Decimal(march["went"]) == Decimal("1010.90")
        assert json.dumps(march).count('"') > 8  # amounts are strings

    at_hub(settings, work)


def test_runs_and_told_balances_are_read_page_by_page(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        for name in ("one.csv", "two.csv", "three.csv"):
            await home.take(name=name)
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = await home.who.get(f"{home.path}/runs", params={"limit": 1, **after})
            seen += [each["subject"] for each in page["data"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert seen == ["three.csv", "two.csv", "one.csv"]
        [latest] = (await home.who.get(f"{home.path}/runs", params={"limit": 1}))["data"]
        assert (latest["outcome"], latest["cause"], latest["seen"], latest["created"]) == (
            "complete",
            "import",
            4,
            0,
        )
        [account] = (await home.who.get(f"{home.path}/accounts"))["data"]
        path = f"{home.path}/accounts/{account['account_id']}/balances"
        with_balances(settings, account["account_id"])
        first = await home.who.get(path, params={"limit": 2})
        rest = await home.who.get(path, params={"limit": 2, "after": first["next"]})
        told = [(each["on"], each["told"]["amount"]) for each in first["data"] + rest["data"]]
        assert told == [("2026-03-03", "3"), ("2026-03-02", "2"), ("2026-03-01", "1")]

    at_hub(settings, work)


def with_balances(settings: Settings, account: str) -> None:
    """Three days' balances, told of an account."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(
            "insert into caudal.balance (space_id, source_account_id, run_id, kind, as_of, amount, currency, firm) "
            "select s.space_id, s.source_account_id, (select run_id from caudal.run limit 1), 'booked', "
            "date '2026-02-28' + n, n, 'EUR', true from caudal.source_account s, generate_series(1, 3) n "
            "where s.account_id = %s",
            [account],
        )


def test_a_program_takes_a_file_in_and_reads_it_back_through_the_client(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        home = await desk(at)
        program = await at.key(home.who, home.space)
        async with AsyncCaudal(BASE, program.token, transport=httpx.ASGITransport(at.asgi)) as hub:
            done = await hub.import_file(
                home.space, CSV.encode(), name="m.csv", account="Giro", currency="EUR"
            )
            assert (done.new, done.quarantined) == (4, 0)
            found = [each async for each in hub.items(hub.list_transactions, home.space, limit=1)]
            assert sum(each.amount for each in found) == Decimal("1010.90")
            [rent] = (await hub.list_transactions(home.space, text="rent")).data
            await hub.edit_transaction(home.space, rent.transaction_id, category="Home")
            [again] = (await hub.list_transactions(home.space, category="Home")).data
            assert again.transaction_id == rent.transaction_id
            with pytest.raises(ApiError) as refused:
                await hub.list_keys(home.space)
            assert refused.value.code == "forbidden"

    at_hub(settings, work)
