"""The client: asks again where that does no harm, and never twice where it does; says what was refused, and why."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import httpx
import pytest
from tests.support import client_code

from caudal.client import ApiError, AsyncCaudal, Caudal, Unreachable

SPACE = "01a20763-1e2e-735e-b8a1-e4e70368ba68"
Answer = Callable[[httpx.Request], httpx.Response]


class Hub:
    """Answers as it is told to, one after the other, the last for ever; notes what it was asked and how long was waited."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.waited: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, token: str = "caudal_key", **more: str) -> Caudal:
        return Caudal(
            "http://hub.test", token, transport=httpx.MockTransport(self), sleep=self.waited.append, **more
        )


def spaces(*names: str, after: str | None = None) -> httpx.Response:
    told = [{"space_id": SPACE, "name": name, "role": "owner", "scopes": []} for name in names]
    return httpx.Response(200, json={"data": told, "next": after})


def refused(status: int, code: str, **more: object) -> httpx.Response:
    headers = {"retry-after": "7"} if status in (429, 503) else {}
    return httpx.Response(
        status, json={"code": code, "title": "No", "status": status, **more}, headers=headers
    )


def test_it_is_made_from_the_document() -> None:
    assert client_code.code() == client_code.TARGET.read_text(), "python -m tests.support.client_code"


def test_what_comes_is_typed_and_what_is_new_is_no_trouble() -> None:
    answer = spaces("home")
    told = json.loads(answer.content)
    told["data"][0] |= {"colour": "blue", "role": "a new one"}
    with Hub(httpx.Response(200, json=told)).client() as hub:
        [space] = hub.list_spaces().data
    assert (space.space_id, space.role) == (UUID(SPACE), "a new one")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_hub_that_is_busy_is_asked_again_when_it_says(status: int) -> None:
    at = Hub(refused(status, "unavailable"), spaces("home"))
    with at.client() as hub:
        assert hub.list_spaces().data
    assert len(at.asked) == 2
    assert at.waited == [7] if status in (429, 503) else 0 < at.waited[0] < 1


def test_a_post_is_asked_again_under_its_one_name() -> None:
    at = Hub(
        httpx.ReadError("cut"),
        refused(503, "unavailable"),
        httpx.Response(201, json={"key_id": "a", "key": "b"}),
    )
    with at.client() as hub:
        assert hub.make_key(SPACE, name="program").key == "b"
    names = {request.headers["idempotency-key"] for request in at.asked}
    assert len(at.asked) == 3
    assert len(names) == 1


def test_a_change_that_may_have_been_made_is_not_made_again() -> None:
    at = Hub(httpx.ReadError("cut"), spaces())
    with at.client() as hub, pytest.raises(Unreachable):
        hub.edit_transaction(SPACE, SPACE, description="x")
    assert len(at.asked) == 1
    never_sent = Hub(httpx.ConnectError("refused"), httpx.Response(200, json={"decision_ids": []}))
    with never_sent.client() as hub:
        hub.edit_transaction(SPACE, SPACE, description="x")
    assert len(never_sent.asked) == 2


def test_it_gives_up_after_a_few_tries() -> None:
    at = Hub(httpx.ConnectError("refused"))
    with at.client() as hub, pytest.raises(Unreachable):
        hub.list_spaces()
    assert len(at.asked) == 4
    assert at.waited == sorted(at.waited)


def test_a_refusal_says_what_and_where_and_shows_no_token() -> None:
    at = Hub(
        refused(422, "invalid", detail="look", faults=[{"at": "$.amount", "says": "no"}], request_id="r1")
    )
    with at.client() as hub, pytest.raises(ApiError) as error:
        hub.split_transaction(SPACE, SPACE, amounts=[Decimal("1.10")])
    told = error.value
    assert (told.status, told.code, told.request_id, told.faults[0].at) == (422, "invalid", "r1", "$.amount")
    assert "caudal_key" not in str(told) + repr(told)
    assert json.loads(at.asked[0].content) == {"amounts": ["1.10"]}


def test_what_is_left_out_is_not_sent_and_none_is() -> None:
    at = Hub(httpx.Response(200, json={"space_id": SPACE, "name": "home", "currency": None}), spaces())
    with at.client() as hub:
        hub.change_space(SPACE, currency=None)
        hub.list_transactions(SPACE, account_id=[UUID(SPACE)], transfer=False, amount_min=Decimal("1.5"))
    assert json.loads(at.asked[0].content) == {"currency": None}
    assert dict(at.asked[1].url.params) == {"account_id": SPACE, "transfer": "false", "amount_min": "1.5"}


def test_a_name_in_a_path_is_escaped() -> None:
    at = Hub(httpx.Response(204))
    with at.client() as hub:
        hub.revoke_key(SPACE, "../../v1/me?x#y")
    assert at.asked[0].url.raw_path.decode() == f"/v1/spaces/{SPACE}/keys/..%2F..%2Fv1%2Fme%3Fx%23y"


def test_a_list_is_read_to_its_end() -> None:
    at = Hub(spaces("a", "b", after="p2"), spaces(after="p3"), spaces("c"))
    with at.client() as hub:
        names = [each.name for each in hub.items(lambda **_: hub.list_spaces())]
    assert names == ["a", "b", "c"]
    entries = Hub(*(httpx.Response(200, json={"data": [], "next": after}) for after in ("p2", None)))
    with entries.client() as hub:
        assert list(hub.items(hub.list_audit, SPACE, limit=10)) == []
    assert [dict(request.url.params) for request in entries.asked] == [
        {"limit": "10"},
        {"limit": "10", "after": "p2"},
    ]


def test_a_session_that_is_over_is_renewed_once() -> None:
    tokens = {"access_token": "new", "refresh_token": "r2"}
    at = Hub(refused(401, "unauthenticated"), httpx.Response(200, json=tokens), spaces("home"))
    with at.client("old", refresh_token="r1") as hub:
        assert hub.list_spaces().data
    assert [request.headers.get("authorization") for request in at.asked] == [
        "Bearer old",
        None,
        "Bearer new",
    ]
    over = Hub(refused(401, "unauthenticated"))
    with over.client("old", refresh_token="r1") as hub, pytest.raises(ApiError):
        hub.list_spaces()
    assert len(over.asked) == 2


def events(*numbers: int) -> httpx.Response:
    told = [{"seq": n, "at": "2026-03-02T00:00:00Z", "kind": "x", "data": {}} for n in numbers]
    text = ": here\n\n" + "".join(
        f"id: {each['seq']}\nevent: x\ndata: {json.dumps(each)}\n\n" for each in told
    )
    return httpx.Response(200, content=text.encode(), headers={"content-type": "text/event-stream"})


def test_events_are_followed_over_a_line_that_breaks() -> None:
    at = Hub(
        events(4, 5),
        httpx.ReadError("cut"),
        refused(503, "unavailable"),
        events(6),
        refused(404, "not_found"),
    )
    with at.client() as hub:
        following = hub.follow(SPACE, 3)
        assert [next(following).seq for _ in range(3)] == [4, 5, 6]
        with pytest.raises(ApiError):
            next(following)
    assert [request.headers["last-event-id"] for request in at.asked] == ["3", "5", "5", "5", "6"]


def test_awaited_it_is_the_same() -> None:
    async def work() -> None:
        at = Hub(refused(503, "unavailable"), spaces("a", after="p"), spaces("b"))

        async def sleep(seconds: float) -> None:
            at.waited.append(seconds)

        async with AsyncCaudal(
            "http://hub.test", "key", transport=httpx.MockTransport(at), sleep=sleep
        ) as hub:
            names = [each.name async for each in hub.items(lambda **_: hub.list_spaces())]
            assert names == ["a", "b"]
        assert at.waited == [7]

    asyncio.run(work())
