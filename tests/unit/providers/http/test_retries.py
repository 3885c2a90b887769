"""When a call is sent again, how long it waits before, and when it is left to the engine."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.providers.http.wire import Always, Bench, Wire, against, call, cut, reply, silence

from caudal.model.errors import RateLimited, Refused, Unavailable
from caudal.providers.http import (
    Answer,
    Budget,
    Failed,
    Fine,
    HttpBounds,
    Later,
    Limited,
    Outcome,
    Verdict,
    by_status,
)
from caudal.providers.http.reading import RETRY_AFTER_MAX, retry_after

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_failure_that_passes_is_asked_about_again() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, list[str], list[int], list[float]]:
        answer = await bench.http.send(call())
        return answer.status, bench.outcomes, [told.attempt for told in bench.told], bench.slept

    status, outcomes, attempts, slept = against(
        [reply(503), cut(b""), reply(500), reply(200)], act, random=Always(1.0)
    )
    assert status == 200
    assert outcomes == ["later", "broken", "later", "fine"]
    assert attempts == [1, 2, 3, 4]
    assert slept == [0.5, 1.0, 2.0]


def test_the_last_answer_is_returned_where_asking_again_does_not_help() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, int]:
        return (await bench.http.send(call())).status, len(wire.asked)

    assert against(reply(503), act) == (503, 4)


def test_the_last_failure_is_raised_where_asking_again_does_not_help() -> None:
    async def act(wire: Wire, bench: Bench) -> int:
        with pytest.raises(Unavailable):
            await bench.http.send(call())
        return len(wire.asked)

    assert against(cut(b""), act) == 4


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.999])
def test_the_wait_is_any_part_of_a_doubling_one_up_to_its_bound(chance: float) -> None:
    async def act(wire: Wire, bench: Bench) -> list[float]:
        await bench.http.send(call())
        return bench.slept

    bounds = HttpBounds(retries_max=6, backoff_ms_first=1000, backoff_seconds_max=8, breaker_failures_max=100)
    slept = against(reply(503), act, bounds=bounds, random=Always(chance))
    assert slept == pytest.approx([chance * full for full in (1, 2, 4, 8, 8, 8)], abs=1e-6)


def test_waits_end_with_the_time_of_the_call() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, int, float]:
        answer = await bench.http.send(call(within=timedelta(seconds=5)))
        return answer.status, len(wire.asked), bench.clock.passed.total_seconds()

    bounds = HttpBounds(retries_max=50, backoff_ms_first=1000, breaker_failures_max=100)
    status, asked, passed = against(reply(503), act, bounds=bounds, random=Always(1.0))
    assert (status, asked, passed) == (503, 3, 3.0), "1 s, 2 s; the next, 4 s, would end too late"


def test_no_call_may_take_longer_than_the_client_allows() -> None:
    async def act(wire: Wire, bench: Bench) -> float:
        await bench.http.send(call(within=timedelta(hours=1)))
        return bench.clock.passed.total_seconds()

    bounds = HttpBounds(retries_max=10, backoff_ms_first=2000, total_seconds_max=10, breaker_failures_max=100)
    assert against(reply(503), act, bounds=bounds, random=Always(1.0)) < 10


@pytest.mark.parametrize(
    "script", [cut(b""), cut(reply(200, b"abc", length=10)), reply(503), reply(302), silence]
)
def test_what_must_not_be_repeated_is_not_sent_again_once_it_may_have_left(script: object) -> None:
    async def act(wire: Wire, bench: Bench) -> int:
        try:
            await bench.http.send(call(repeatable=False))
        except Unavailable:
            assert len(bench.told) == 1
        return len(wire.asked)

    assert against([script, reply(200)], act, bounds=HttpBounds(read_seconds_max=1)) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
def test_a_refusal_is_not_asked_about_again(status: int) -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, int]:
        return (await bench.http.send(call())).status, len(wire.asked)

    assert against(reply(status), act) == (status, 1)


# --- Asked too often ------------------------------------------------------------------------------------------


def in_seconds(seconds: int) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "3"},
        {"Retry-After": in_seconds(3)},
        {"Retry-After": in_seconds(33), "Date": in_seconds(30)},
    ],
    ids=["seconds", "date", "date-by-their-clock"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_short_wait_is_sat_out(status: int, headers: dict[str, str]) -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, list[float], list[str]]:
        answer = await bench.http.send(call())
        return answer.status, bench.slept, bench.outcomes

    assert against([reply(status, headers=headers), reply()], act) == (200, [3.0], ["limited", "fine"])


def limited(
    headers: dict[str, str], within: timedelta | None = None, chance: float = 0.5, **more: object
) -> float:
    """How long the engine is told to stay away, after a single request."""

    async def act(wire: Wire, bench: Bench) -> float:
        with pytest.raises(RateLimited) as caught:
            await bench.http.send(call(within=within, **more))
        assert len(wire.asked) == 1
        assert bench.slept == []
        return caught.value.retry_after.total_seconds()

    return against(reply(429, headers=headers), act, random=Always(chance))


def test_a_long_wait_is_left_to_the_engine() -> None:
    assert limited({"Retry-After": "6"}) == 6
    assert limited({"Retry-After": in_seconds(3600)}) == 3600


def test_a_wait_longer_than_the_call_is_left_to_the_engine() -> None:
    assert limited({"Retry-After": "4"}, within=timedelta(seconds=3)) == 4


def test_what_must_not_be_repeated_is_left_to_the_engine_however_short_the_wait() -> None:
    assert limited({"Retry-After": "1"}, repeatable=False) == 1


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 60), (0.5, 67.5), (0.96, 74.4)])
def test_told_too_often_and_not_for_how_long_we_stay_away_a_minute_and_up_to_a_quarter(
    chance: float, wait: float
) -> None:
    assert limited({}, chance=chance) == pytest.approx(wait)


def test_a_provider_that_keeps_asking_for_short_waits_is_left_to_the_engine_in_the_end() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, float]:
        with pytest.raises(RateLimited) as caught:
            await bench.http.send(call())
        return len(wire.asked), caught.value.retry_after.total_seconds()

    assert against(reply(429, headers={"Retry-After": "1"}), act) == (4, 1.0)


def test_after_too_often_no_other_call_asks_for_the_same_item_in_that_time() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, float]:
        with pytest.raises(RateLimited):
            await bench.http.send(call(item="one"))
        bench.clock.passed += timedelta(seconds=10)
        with pytest.raises(RateLimited) as caught:
            await bench.http.send(call(item="one"))
        assert (await bench.http.send(call(item="two"))).status == 200
        bench.clock.passed += timedelta(seconds=10)
        assert (await bench.http.send(call(item="one"))).status == 200
        return len(wire.asked), caught.value.retry_after.total_seconds()

    table = {"feed": Budget(per_item_per_minute=50, per_client_per_minute=500)}
    assert against([reply(429, headers={"Retry-After": "20"}), reply()], act, table=table) == (3, 10.0)


def test_a_limit_of_all_our_calls_keeps_every_item_away() -> None:
    def judge(answer: Answer) -> Verdict:
        return Limited(answer.retry_after, client_wide=True) if answer.status == 429 else Fine()

    async def act(wire: Wire, bench: Bench) -> int:
        for item in ("one", "two"):
            with pytest.raises(RateLimited):
                await bench.http.send(call(item=item))
        await bench.http.send(call(operation="other", item="two"))
        return len(wire.asked)

    table = {"feed": Budget(per_item_per_minute=50, per_client_per_minute=500)}
    assert against([reply(429, headers={"Retry-After": "20"}), reply()], act, table=table, judge=judge) == 2


# --- Retry-After itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("1.5", 2),
        ("Mon, 02 Mar 2026 09:00:30 GMT", 30),
        ("Monday, 02-Mar-26 09:00:30 GMT", 30),
        ("Mon Mar  2 09:00:30 2026", 30),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0),
        ("999999999", RETRY_AFTER_MAX.total_seconds()),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX.total_seconds()),
    ],
)
def test_every_form_of_retry_after_is_understood(told: str, meant: float) -> None:
    assert retry_after({"retry-after": told}, NOW) == timedelta(seconds=meant)


def test_a_date_without_a_zone_is_in_gmt_wherever_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        here.setenv("TZ", "BRT+3")
        time.tzset()
        pause = retry_after({"retry-after": "Mon Mar  2 09:00:30 2026"}, NOW)
    time.tzset()
    assert pause == 30 * SECOND


@pytest.mark.parametrize(
    "told", ["", "soon", "-5", "1e3", "٣", "1, 2", "9" * 5000, "Mon, 99 Mar 2026 09:00:30 GMT"]
)
def test_a_retry_after_that_says_nothing_counts_as_none(told: str) -> None:
    assert retry_after({"retry-after": told}, NOW) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_retry_after_is_beyond_its_bounds(told: str, date: str) -> None:
    pause = retry_after({"retry-after": told, "date": date}, NOW)
    assert pause is None or timedelta(0) <= pause <= RETRY_AFTER_MAX


# --- The adapter's say ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "after", "verdict"),
    [
        (200, None, Fine()),
        (204, None, Fine()),
        (400, None, Failed()),
        (404, SECOND, Failed()),
        (408, None, Later()),
        (429, None, Limited(None)),
        (429, SECOND, Limited(SECOND)),
        (500, SECOND, Later()),
        (503, None, Later()),
        (503, SECOND, Limited(SECOND)),
    ],
)
def test_the_status_alone_tells_as_much_as_http_says(
    status: int, after: timedelta | None, verdict: Verdict
) -> None:
    assert by_status(Answer(status, {}, b"", 0, after)) == verdict


def test_the_adapter_knows_better_than_the_status() -> None:
    def judge(answer: Answer) -> Verdict:
        return Later() if b"BANK_DOWN" in answer.body else by_status(answer)

    async def act(wire: Wire, bench: Bench) -> tuple[int, list[str]]:
        return (await bench.http.send(call())).status, bench.outcomes

    scripts = [reply(400, b'{"error": "BANK_DOWN"}'), reply(200)]
    assert against(scripts, act, judge=judge) == (200, ["later", "fine"])


# --- What an onlooker is told ---------------------------------------------------------------------------------


def test_every_attempt_is_told_with_the_providers_name_for_it() -> None:
    async def act(wire: Wire, bench: Bench) -> list[tuple[str, str, Outcome, int | None, int, str | None]]:
        await bench.http.send(call(operation="feed/next"))
        return [(e.provider, e.operation, e.outcome, e.status, e.attempt, e.request_id) for e in bench.told]

    scripts = [
        reply(503, headers={"X-Request-Id": "rq-1"}),
        cut(b""),
        reply(302),
        reply(200, headers={"X-Request-Id": "rq-4"}),
    ]
    assert against(scripts, act) == [
        ("riverbank", "feed/next", Outcome.LATER, 503, 1, "rq-1"),
        ("riverbank", "feed/next", Outcome.BROKEN, None, 2, None),
        ("riverbank", "feed/next", Outcome.REDIRECTED, 302, 3, None),
        ("riverbank", "feed/next", Outcome.FINE, 200, 4, "rq-4"),
    ]


@pytest.mark.parametrize("told", ["two words", "x" * 65, "", "access-sandbox-1234", "é", "a\tb"])
def test_a_request_id_that_is_none_is_not_told(told: str) -> None:
    async def act(wire: Wire, bench: Bench) -> str | None:
        await bench.http.send(call())
        return bench.told[0].request_id

    assert against(reply(), act, request_id=lambda answer: told) is None


def test_the_adapter_says_where_a_request_id_stands() -> None:
    async def act(wire: Wire, bench: Bench) -> str | None:
        await bench.http.send(call())
        return bench.told[0].request_id

    assert (
        against(reply(200, b"rq-in-the-body"), act, request_id=lambda answer: answer.body.decode())
        == "rq-in-the-body"
    )


# --- Requests that are our own mistake ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "feed",
        "",
        "//evil.example/feed",
        "https://evil.example/",
        "/a/../admin",
        "/./a",
        "/a?b=c",
        "/a#b",
        "/a b",
        "/a\r\nX: y",
        "/é",
        "/a\\b",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(Refused):
        call(path=path)


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\n", "", " a", "é"])
def test_a_header_that_http_can_not_carry_is_refused_by_name(value: str) -> None:
    async def act(wire: Wire, bench: Bench) -> None:
        with pytest.raises(Refused, match="X-Kind"):
            await bench.http.send(call(headers={"X-Kind": value}))
        assert wire.asked == []

    against(reply(), act)


def test_a_method_that_http_does_not_know_is_refused() -> None:
    async def act(wire: Wire, bench: Bench) -> list[str]:
        with pytest.raises(Refused):
            await bench.http.send(call(method="GET /elsewhere"))
        return bench.outcomes

    assert against(reply(), act) == ["refused"]


def test_a_call_cancelled_while_it_waits_sends_nothing_more() -> None:
    async def act(wire: Wire, bench: Bench) -> int:
        asleep = asyncio.Event()

        async def forever(pause: timedelta) -> None:
            asleep.set()
            await asyncio.sleep(3600)

        bench.clock.sleep = forever  # type: ignore[method-assign]
        waiting = asyncio.create_task(bench.http.send(call()))
        await asleep.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return len(wire.asked)

    assert against(reply(503), act) == 1


def test_each_attempt_is_signed_anew_over_what_is_sent() -> None:
    signed: list[tuple[str, str, bytes]] = []

    def sign(method: str, target: str, body: bytes) -> dict[str, str]:
        signed.append((method, target, body))
        return {"X-Signed": str(len(signed))}

    async def act(wire: Wire, bench: Bench) -> list[bytes]:
        await bench.http.send(call(path="/feed", query={"b": "1 2", "a": "x,y"}, body=b"{}", sign=sign))
        return wire.asked

    asked = against([reply(503), reply(200)], act)
    assert [b"X-Signed: 1" in asked[0], b"X-Signed: 2" in asked[1]] == [True, True]
    assert signed == [("POST", asked[0].split()[1].decode(), b"{}")] * 2
