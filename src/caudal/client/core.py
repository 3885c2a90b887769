"""How the client asks: once more where that can do no harm, each request of its own name, errors as what they are."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Generic, Self, TypeVar, final
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import msgspec

Answer = TypeVar("Answer")
Item = TypeVar("Item")

TIMEOUT_SECONDS: Final = 30
RETRIES_MAX: Final = 3
_BACKOFF_SECONDS_FIRST: Final = 0.2
_WAIT_SECONDS_MAX: Final = 60
_AGAIN: Final = frozenset({429, 502, 503, 504})
_SILENT_SECONDS_MAX: Final = 60
"""Of a stream: the hub says something four times as often."""


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """Some of a list; `next`: what to give as `after` for those that follow, None where there are none."""

    data: list[Item]
    next: str | None = None


class Raw(msgspec.Struct, frozen=True):
    """A body that is no JSON."""

    data: bytes


@final
class Undefined:
    """What wasn't given."""


undefined: Final = Undefined()


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request, and where."""

    at: str = ""
    says: str = ""


class _Problem(msgspec.Struct, frozen=True):
    title: str = ""
    code: str = ""
    detail: str = ""
    action: str = ""
    request_id: str = ""
    faults: list[Fault] = msgspec.field(default_factory=list)


class ApiError(Exception):
    """The hub refused. `code` is for programs and stays; `request_id`: what to quote when asking; `action`: what a
    person can do, where only they can."""

    def __init__(self, status: int, problem: _Problem) -> None:
        says = problem.detail or problem.title or f"HTTP {status}"
        faults = "; ".join(f"{each.at}: {each.says}" for each in problem.faults)
        super().__init__(f"{says} ({faults})" if faults else says)
        self.status, self.code = status, problem.code or str(status)
        self.detail, self.action, self.faults = problem.detail, problem.action, problem.faults
        self.request_id = problem.request_id


class Unreachable(Exception):
    """The hub didn't answer, however often it was asked."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened in a space. `seq` counts without gaps."""

    seq: int
    at: str
    kind: str
    connection_id: UUID | None = None
    account_id: UUID | None = None
    data: dict[str, Any]


class _Question(msgspec.Struct, frozen=True):
    """A request as it is sent, as often as it takes. `harmless`: it may be sent again whatever became of it."""

    method: str
    path: str
    params: Sequence[tuple[str, str]]
    content: bytes | None
    headers: Mapping[str, str]
    harmless: bool


def _question(
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None,
    body: Mapping[str, object] | Raw | None,
    if_match: str | None,
    key: str | None,
    token: str,
) -> _Question:
    headers = {"accept": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    content: bytes | None = None
    if isinstance(body, Raw):
        content, headers["content-type"] = body.data, "application/octet-stream"
    elif body is not None:
        given = {name: value for name, value in body.items() if not isinstance(value, Undefined)}
        content, headers["content-type"] = msgspec.json.encode(given), "application/json"
    if if_match is not None:
        headers["if-match"] = if_match
    if method == "POST" and token:
        headers["idempotency-key"] = key or str(uuid4())
    params = [
        (name, _text(each))
        for name, value in (query or {}).items()
        if not isinstance(value, Undefined) and value is not None
        for each in (value if isinstance(value, list) else [value])
    ]
    harmless = method == "GET" or "idempotency-key" in headers
    return _Question(method, path, params, content, headers, harmless)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    told = msgspec.to_builtins(value)
    return str(told)


def _read(response: httpx.Response, answer: type[Answer]) -> Answer:
    if response.status_code >= 400:
        problem = _Problem()
        with suppress(msgspec.DecodeError):
            problem = msgspec.json.decode(response.content, type=_Problem)
        raise ApiError(response.status_code, problem)
    if answer is type(None):
        return None
    return msgspec.json.decode(response.content, type=answer)


def _wait(tried: int, response: httpx.Response | None) -> float:
    """Seconds before the next try: as long as was asked for, else longer each time, a part of it by chance."""
    told = response.headers.get("retry-after", "") if response is not None else ""
    if told.isascii() and told.isdigit():
        return min(float(told), _WAIT_SECONDS_MAX)
    return float(_BACKOFF_SECONDS_FIRST * 2**tried * random.uniform(0.5, 1.0))  # noqa: S311  it is no secret


def _may_ask_again(
    question: _Question, tried: int, response: httpx.Response | None, error: Exception | None
) -> bool:
    if tried >= RETRIES_MAX:
        return False
    if error is not None:  # what was never connected was never sent
        return question.harmless or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    return response is not None and response.status_code in _AGAIN and question.harmless


def segment(value: object) -> str:
    """As a part of a path."""
    return quote(str(value), safe="")


def _following(token: str, after: int | None) -> dict[str, str]:
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    return headers if after is None else {**headers, "last-event-id": str(after)}


class _Stream:
    """Lines of server-sent events, put together."""

    def __init__(self) -> None:
        self._data: list[str] = []

    def line(self, text: str) -> Event | None:
        """The event that ends with this line, if one does."""
        if text.startswith("data:"):
            self._data.append(text[5:].strip())
        elif not text and self._data:
            told, self._data = "\n".join(self._data), []
            return msgspec.json.decode(told, type=Event)
        return None


class _Tokens(msgspec.Struct, frozen=True):
    access_token: str
    refresh_token: str


class Core:
    """A client whose calls wait for their answer. To be closed, or used as a context."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        refresh_token: str = "",
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`token`: a key, or a session's access token, which `refresh_token` renews when it is over."""
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, transport=transport)
        self._token, self._refresh_token, self._sleep = token, refresh_token, sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of its connections."""
        self._http.close()

    def items(self, method: Callable[..., Page[Item]], *given: object, **named: object) -> Iterator[Item]:
        """Everything of a list that comes in pages: ``client.items(client.list_transactions, space_id,
        text="rent")``."""
        after: object = named.pop("after", undefined)
        while True:
            page = method(*given, **named, **({} if after is undefined else {"after": after}))
            yield from page.data
            if page.next is None:
                return
            after = page.next

    def follow(self, space_id: UUID | str, after: int | None = None) -> Iterator[Event]:
        """What happens in a space, as it happens, without end: none missed, none twice, however often the line breaks.
        `after`: go on after this event; None: from now on. Raises ApiError where one may not see it."""
        path, tried = f"/v1/spaces/{segment(space_id)}/events/stream", 0
        while True:
            headers = _following(self._token, after)
            with (
                suppress(httpx.TransportError),
                self._http.stream("GET", path, headers=headers, timeout=_SILENT_SECONDS_MAX) as response,
            ):
                if response.status_code < 400:
                    tried, stream = 0, _Stream()
                    for line in response.iter_lines():
                        if (event := stream.line(line)) is not None:
                            after = event.seq
                            yield event
                elif response.status_code not in _AGAIN:
                    response.read()
                    if response.status_code != 401 or not self._renewed():
                        _read(response, type(None))
            self._sleep(_wait(min(tried, 6), None))
            tried += 1

    def _ask(
        self,
        method: str,
        path: str,
        answer: type[Answer],
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | Raw | None = None,
        if_match: str | None = None,
        key: str | None = None,
    ) -> Answer:
        question = _question(
            method, path, query=query, body=body, if_match=if_match, key=key, token=self._token
        )
        response = self._sent(question)
        if response.status_code == 401 and self._renewed():
            headers = {**question.headers, "authorization": f"Bearer {self._token}"}
            response = self._sent(msgspec.structs.replace(question, headers=headers))
        return _read(response, answer)

    def _sent(self, question: _Question) -> httpx.Response:
        tried = 0
        while True:
            response: httpx.Response | None = None
            failed: httpx.TransportError | None = None
            try:
                response = self._http.request(
                    question.method,
                    question.path,
                    params=list(question.params),
                    content=question.content,
                    headers=question.headers,
                )
            except httpx.TransportError as error:
                failed = error
            if not _may_ask_again(question, tried, response, failed):
                if response is None:
                    raise Unreachable(f"the hub didn't answer: {type(failed).__name__}") from None
                return response
            self._sleep(_wait(tried, response))
            tried += 1

    def _renewed(self) -> bool:
        """Whether there are new tokens in place of those that are over."""
        if not self._refresh_token:
            return False
        body = {"refresh_token": self._refresh_token}
        response = self._http.post("/v1/session/refresh", json=body)
        if response.status_code != 200:
            self._refresh_token = ""
            return False
        told = msgspec.json.decode(response.content, type=_Tokens)
        self._token, self._refresh_token = told.access_token, told.refresh_token
        return True


class AsyncCore:
    """A client whose calls are awaited. To be closed, or used as a context."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        refresh_token: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`token`: a key, or a session's access token, which `refresh_token` renews when it is over."""
        self._http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, transport=transport)
        self._token, self._refresh_token, self._sleep = token, refresh_token, sleep
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of its connections."""
        await self._http.aclose()

    async def items(
        self, method: Callable[..., Awaitable[Page[Item]]], *given: object, **named: object
    ) -> AsyncIterator[Item]:
        """Everything of a list that comes in pages."""
        after: object = named.pop("after", undefined)
        while True:
            page = await method(*given, **named, **({} if after is undefined else {"after": after}))
            for each in page.data:
                yield each
            if page.next is None:
                return
            after = page.next

    async def follow(self, space_id: UUID | str, after: int | None = None) -> AsyncIterator[Event]:
        """What happens in a space, as it happens, without end (`Core.follow`)."""
        path, tried = f"/v1/spaces/{segment(space_id)}/events/stream", 0
        while True:
            headers = _following(self._token, after)
            token = self._token
            with suppress(httpx.TransportError):
                async with self._http.stream(
                    "GET", path, headers=headers, timeout=_SILENT_SECONDS_MAX
                ) as response:
                    if response.status_code < 400:
                        tried, stream = 0, _Stream()
                        async for line in response.aiter_lines():
                            if (event := stream.line(line)) is not None:
                                after = event.seq
                                yield event
                    elif response.status_code not in _AGAIN:
                        await response.aread()
                        if response.status_code != 401 or not await self._renewed(token):
                            _read(response, type(None))
            await self._sleep(_wait(min(tried, 6), None))
            tried += 1

    async def _ask(
        self,
        method: str,
        path: str,
        answer: type[Answer],
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | Raw | None = None,
        if_match: str | None = None,
        key: str | None = None,
    ) -> Answer:
        token = self._token
        question = _question(method, path, query=query, body=body, if_match=if_match, key=key, token=token)
        response = await self._sent(question)
        if response.status_code == 401 and await self._renewed(token):
            headers = {**question.headers, "authorization": f"Bearer {self._token}"}
            response = await self._sent(msgspec.structs.replace(question, headers=headers))
        return _read(response, answer)

    async def _sent(self, question: _Question) -> httpx.Response:
        tried = 0
        while True:
            response: httpx.Response | None = None
            failed: httpx.TransportError | None = None
            try:
                response = await self._http.request(
                    question.method,
                    question.path,
                    params=list(question.params),
                    content=question.content,
                    headers=question.headers,
                )
            except httpx.TransportError as error:
                failed = error
            if not _may_ask_again(question, tried, response, failed):
                if response is None:
                    raise Unreachable(f"the hub didn't answer: {type(failed).__name__}") from None
                return response
            await self._sleep(_wait(tried, response))
            tried += 1

    async def _renewed(self, over: str) -> bool:
        """Whether there are new tokens in place of `over`; several calls that find it over renew it once."""
        async with self._renewing:
            if self._token != over:
                return True
            if not self._refresh_token:
                return False
            body = {"refresh_token": self._refresh_token}
            response = await self._http.post("/v1/session/refresh", json=body)
            if response.status_code != 200:
                self._refresh_token = ""
                return False
            told = msgspec.json.decode(response.content, type=_Tokens)
            self._token, self._refresh_token = told.access_token, told.refresh_token
            return True
