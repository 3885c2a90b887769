"""The sandbox's own door, and the sandbox as a process."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.support.plaid_client import LINK, PLATYPUS, PlaidClient, plaid_sandbox
from tests.support.receiver import Receiver

from caudal_sandbox.server import Sandbox, listen
from caudal_sandbox.truth import truth
from caudal_sandbox.world import World


@pytest.fixture
def client() -> Iterator[PlaidClient]:
    with plaid_sandbox(people=2) as (_, client):
        yield client


def refused(client: PlaidClient, method: str, path: str, body: object = None) -> tuple[int, str]:
    answer = client.http.request(method, f"/_sandbox{path}", json=body)
    assert answer.status_code >= 400
    return answer.status_code, answer.json()["error"]


def test_the_clock_moves_by_days_or_to_an_instant_and_never_back(client: PlaidClient) -> None:
    assert client.control("GET", "/status")["now"] == "2026-01-01T12:00:00Z"
    assert client.control("POST", "/advance", days=1, hours=2, minutes=3)["now"] == "2026-01-02T14:03:00Z"
    assert client.control("POST", "/advance", to="2026-02-01T00:00:00+01:00")["now"] == "2026-01-31T23:00:00Z"
    assert refused(client, "POST", "/advance", {"to": "2026-01-01T00:00:00Z"})[0] == 400
    assert refused(client, "POST", "/advance", {"days": 1, "to": "2027-01-01T00:00:00Z"})[0] == 400
    assert refused(client, "POST", "/advance", {"days": 100_000})[0] == 400
    assert refused(client, "POST", "/advance", {"weeks": 1})[0] == 400
    assert "zone" in refused(client, "POST", "/advance", {"to": "2027-01-01T00:00:00"})[1]


def test_the_truth_over_http_is_the_truth(client: PlaidClient) -> None:
    lines = client.http.get("/_sandbox/truth").text.splitlines()
    told = [json.loads(line) for line in lines]
    own = truth(World(people=2, firms=0))
    assert [each for each in told if each["record"] == "movement"] == own["movements"]
    assert [each for each in told if each["record"] == "account"] == json.loads(
        msgspec.json.encode(own["accounts"])
    )


def test_the_truth_of_an_earlier_instant_can_be_asked_for(client: PlaidClient) -> None:
    early = client.http.get("/_sandbox/truth", params={"as_of": "2024-03-01T00:00:00Z"}).text.splitlines()
    assert json.loads(early[0])["as_of"] == "2024-03-01T00:00:00Z"
    assert len(early) < len(client.http.get("/_sandbox/truth").text.splitlines()) // 4
    assert client.http.get("/_sandbox/truth", params={"as_of": "2099-01-01T00:00:00Z"}).status_code == 400
    for instant in ("yesterday", "2024-03-01T00:00:00"):
        assert client.http.get("/_sandbox/truth", params={"as_of": instant}).status_code == 400


def test_items_are_told_with_the_accounts_they_really_are_and_no_token(client: PlaidClient) -> None:
    token = client.item()
    (item,) = client.control("GET", "/plaid/items")
    assert item["username"] == "user_good"
    assert token not in json.dumps(item)
    shown = {each["account_id"] for each in client.post("/accounts/get", access_token=token)["accounts"]}
    assert set(item["accounts"]) == shown
    assert {each["visible_from"] for each in item["accounts"].values()} == {"2025-10-03"}
    real = {json.loads(line).get("id") for line in client.http.get("/_sandbox/truth").text.splitlines()}
    assert {each["account"] for each in item["accounts"].values()} <= real


def test_deeds_are_done_and_seen_through_plaid(client: PlaidClient) -> None:
    token = client.item(username="user_transactions_dynamic")
    cursor = ""
    for _ in range(4):
        _, cursor = client.sync(token, cursor)
    (item,) = client.control("GET", "/plaid/items")
    account = next(
        each["account"] for each in item["accounts"].values() if each["account"].endswith("checking")
    )
    held = client.control("POST", "/world/authorise", account=account, minor=-4200, text="HOTEL")
    client.control("POST", f"/plaid/items/{item['item_id']}/update")
    found, cursor = client.sync(token, cursor)
    (row,) = found["added"]
    assert (row["pending"], row["amount"]) == (True, 42)
    client.control("POST", "/world/settle", movement=held["movement"], minor=-4500)
    client.control("POST", "/advance", minutes=1)
    found, cursor = client.sync(token, cursor)
    assert [each["transaction_id"] for each in found["removed"]] == [row["transaction_id"]]
    assert [each["amount"] for each in found["added"]] == [45]
    client.control("POST", "/world/amend", movement=held["movement"], minor=-4600)
    other = client.control("POST", "/world/authorise", account=account, minor=-100, text="TEST")
    client.control("POST", "/world/release", movement=other["movement"])
    booked = client.control("POST", "/world/book", account=account, minor=1_000, text="GIFT")
    assert booked["settled_minor"] == 1_000


def test_a_deed_that_cannot_be_done_says_why(client: PlaidClient) -> None:
    status, why = refused(client, "POST", "/world/book", {"account": "nobody:x", "minor": 1, "text": "X"})
    assert status == 404
    assert "nobody" in why
    status, why = refused(client, "POST", "/world/rob", {})
    assert status == 404
    assert "authorise" in why
    assert refused(client, "POST", "/world/book", {"account": "a:b", "minor": 1.5, "text": "X"})[0] == 400


def test_faults_are_laid_listed_and_taken_away(client: PlaidClient) -> None:
    first = client.control("POST", "/faults", kind="reset", endpoint="/item/get", count=2)["id"]
    client.control("POST", "/faults", kind="latency", params={"milliseconds": 1})
    client.post("/categories/get")
    listed = client.control("GET", "/faults")
    assert [(each["id"], each["struck"]) for each in listed] == [(first, 0), (2, 1)]
    client.control("DELETE", f"/faults/{first}")
    assert [each["id"] for each in client.control("GET", "/faults")] == [2]
    client.control("DELETE", "/faults")
    assert client.control("GET", "/faults") == []
    assert client.control("GET", "/status")["faults"]["struck"] == {"latency": 1}
    assert refused(client, "DELETE", "/faults/99")[0] == 404
    assert refused(client, "POST", "/faults", {"kind": "earthquake"})[0] == 400
    assert refused(client, "POST", "/faults", {"kind": "rate_limited", "params": {"code": "X"}})[0] == 400


def test_items_can_be_broken_and_repaired_from_outside(client: PlaidClient) -> None:
    token = client.item()
    (item,) = client.control("GET", "/plaid/items")
    path = f"/plaid/items/{item['item_id']}"
    client.control("POST", f"{path}/reset_login")
    assert client.code("/transactions/sync", access_token=token) == "ITEM_LOGIN_REQUIRED"
    assert client.control("POST", f"{path}/repair")["error"] is None
    client.control("POST", f"{path}/touch")
    client.control("POST", f"{path}/reissue")
    client.control("POST", f"{path}/revoke")
    assert client.code("/transactions/sync", access_token=token) == "USER_PERMISSION_REVOKED"
    assert refused(client, "POST", f"{path}/explode")[0] == 404
    assert refused(client, "POST", "/plaid/items/nobody/touch")[0] == 400


def test_every_delivery_can_be_looked_at(client: PlaidClient) -> None:
    with Receiver() as receiver:
        token = client.item(webhook=receiver.url)
        client.post("/sandbox/item/fire_webhook", access_token=token, webhook_code="LOGIN_REPAIRED")
        client.control("POST", "/plaid/webhooks/settled")
        (delivery,) = client.control("GET", "/plaid/webhooks")
    assert (delivery["key"], delivery["fate"]) == ("ITEM/LOGIN_REPAIRED", "delivered")
    assert delivery["attempts"][0]["status"] == 200


def test_the_door_is_closed_to_pages_that_reach_it_under_another_name(client: PlaidClient) -> None:
    for host in ("evil.example", "evil.example:80", ""):
        answer = client.http.get("/_sandbox/status", headers={"Host": host})
        assert answer.status_code in {400, 403}
    answer = client.http.get("/_sandbox/status", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    forwarded = {"Host": "localhost", "X-Forwarded-For": "8.8.8.8"}
    assert client.http.get("/_sandbox/status", headers=forwarded).status_code == 200


def test_everybody_else_has_their_turn_while_the_truth_is_told() -> None:
    with Sandbox(World(people=60, firms=4)) as sandbox, httpx.Client(base_url=sandbox.url) as other:
        got: list[int] = []

        def read() -> None:
            got.append(len(httpx.get(f"{sandbox.url}/_sandbox/truth", timeout=120).content))

        reading = threading.Thread(target=read)
        reading.start()
        turns = 0
        while reading.is_alive():
            other.get("/_sandbox/status")
            turns += 1
        reading.join()
    assert got[0] > 1_000_000
    assert turns > 20


def test_small_answers_leave_at_once() -> None:
    """Nagle's algorithm and a client's delayed acknowledgement would hold each back for 40 ms."""
    with listen() as listening, socket.create_connection(listening.getsockname()):
        listening.setblocking(True)
        accepted, _ = listening.accept()
        asyncio.run(_wrapped(accepted))


async def _wrapped(accepted: socket.socket) -> None:
    """asyncio's transports turn the algorithm off where they can tell that they may."""
    _, writer = await asyncio.open_connection(sock=accepted)
    plug = writer.get_extra_info("socket")
    assert plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    writer.close()
    await writer.wait_closed()


# --- as a process --------------------------------------------------------------------------------------------------

SERVE = (sys.executable, "-m", "caudal_sandbox", "serve", "--people", "1", "--firms", "0")


@contextlib.contextmanager
def served(*more: str) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    process = subprocess.Popen(
        [*SERVE, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def test_the_process_says_where_it_listens_and_serves_there(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    with served("--seed", "9", "--now", "2025-06-01", "--ready-file", str(ready)) as (process, line):
        assert json.loads(ready.read_text("utf-8")) == line
        assert line["pid"] == process.pid
        with PlaidClient(line["url"]) as client:
            status = client.control("GET", "/status")
            assert (status["seed"], status["now"]) == (9, "2025-06-01T00:00:00Z")
            assert status["plaid"]["limits"] == "sandbox"
            made = client.post("/link/token/create", **LINK)
            assert made["hosted_link_url"].startswith(line["url"])


@pytest.mark.parametrize("signalled", [signal.SIGTERM, signal.SIGINT])
def test_the_process_stops_when_told_even_with_a_client_hanging_on(signalled: signal.Signals) -> None:
    with served("--limits", "off") as (process, line), PlaidClient(line["url"]) as client:
        client.control("POST", "/faults", kind="hang")
        with pytest.raises(httpx.ReadTimeout):
            client.http.post("/categories/get", json={"client_id": "a", "secret": "b"}, timeout=0.2)
        host, port = line["url"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as idle:
            idle.sendall(b"POST /categories/get HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
            process.send_signal(signalled)
            assert process.wait(10) == 0
            assert process.stderr is not None
            assert b"Traceback" not in (said := process.stderr.read()), said.decode()


def test_the_process_stops_with_its_parent() -> None:
    with served("--stop-with-parent") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def test_without_being_asked_to_the_process_outlives_its_input() -> None:
    with served() as (process, line):
        assert process.stdin is not None
        process.stdin.close()
        assert httpx.get(f"{line['url']}/_sandbox/status").status_code == 200
        assert process.poll() is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--now", "2020-01-01"), "can't go back"),
        (("--now", "2099-01-01"), "beyond"),
        (("--retry-scale", "soon"), "soon"),
        (("--limits", "none"), "none"),
    ],
)
def test_a_wrong_option_ends_with_a_word_about_it(options: tuple[str, ...], said: str) -> None:
    run = subprocess.run([*SERVE, *options], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode != 0
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = subprocess.run(
            [*SERVE, "--port", port], capture_output=True, text=True, timeout=30, check=False
        )
    assert run.returncode != 0
    assert "in use" in run.stderr


def test_two_sandboxes_live_side_by_side() -> None:
    with plaid_sandbox(seed=1) as (_, first), plaid_sandbox(seed=2) as (_, second):
        one, other = first.item(), second.item()
        assert one != other
        assert first.code("/item/get", access_token=other) == "INVALID_ACCESS_TOKEN"
        first.control("POST", "/advance", days=1)
        assert second.control("GET", "/status")["now"] == "2026-01-01T12:00:00Z"
        assert PLATYPUS in {each["institution_id"] for each in second.control("GET", "/plaid/items")}
