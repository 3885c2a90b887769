"""The one way to talk HTTP to a provider: bounded, budgeted, patient where it helps, silent about secrets.

    async with ProviderHttp("plaid", base_url, headers=credentials, judge=judge, budgets=budgets) as http:
        answer = await http.send(Call("item/get", "POST", "/item/get", body, item=item, institution=institution))
        if answer.status != 200:
            raise error_of(answer)

The adapter says once, by its `judge`, what an answer means for asking again; what it means for the books it
says where it gets the answer.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from random import Random
from secrets import SystemRandom
from types import TracebackType
from typing import Final, Self

import httpx
import msgspec

from caudal import __version__
from caudal.model.errors import ConfigError, RateLimited, Refused
from caudal.observe.redaction import redact
from caudal.providers.http.address import checked, unfit_header
from caudal.providers.http.bounds import HttpBounds, seconds
from caudal.providers.http.breaker import Breakers
from caudal.providers.http.budgets import Budgets, LocalBudgets
from caudal.providers.http.clock import Clock, SystemClock
from caudal.providers.http.failures import FAILURES, Failure, failure_of, out_of_time, redirected
from caudal.providers.http.messages import (
    Answer,
    Call,
    Exchange,
    Failed,
    Fine,
    Judge,
    Later,
    Limited,
    Observer,
    Outcome,
    Verdict,
    by_status,
)
from caudal.providers.http.reading import ACCEPT_ENCODING, read_body, retry_after

_LOG: Final = logging.getLogger("caudal.providers.http")
_TALKATIVE: Final = ("httpx", "httpcore")
"""Loggers that print URLs at INFO and headers at DEBUG."""
_MS: Final = timedelta(milliseconds=1)
_JITTER_PART: Final = 4
_DOUBLINGS_MAX: Final = 20
"""A million times the first wait: beyond any bound, within what a duration can hold."""
_OUTCOMES: Final[Mapping[type[Verdict], Outcome]] = {
    Fine: Outcome.FINE,
    Failed: Outcome.FAILED,
    Later: Outcome.LATER,
    Limited: Outcome.LIMITED,
}
_REQUEST_ID: Final = re.compile(r"[\w.:-]{1,64}", re.ASCII)


class _Attempt(msgspec.Struct, frozen=True):
    """One request and what came of it. Without a verdict it says nothing about the provider's health."""

    end: Answer | Failure
    verdict: Verdict | None
    outcome: Outcome

    @property
    def sent(self) -> bool:
        """Whether the request may have reached the provider."""
        return self.end.sent if isinstance(self.end, Failure) else True


def by_header(answer: Answer) -> str | None:
    """The request id of a provider that tells it in X-Request-Id."""
    return answer.headers.get("x-request-id")


class ProviderHttp:
    """A provider's client: one per provider in a process, for one event loop.

    `headers` go with every call and are where credentials belong. `judge` says what an answer means for asking again,
    `request_id` where the provider tells its own name for the exchange. A `transport` replaces httpx's, and with it
    connections, TLS and the bounds on both. Proxies, certificates and credentials that the environment names are not
    heeded; cookies are not kept (one connection's would go out with another's calls).

    Raises ConfigError for a base URL or a header that can't do.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        judge: Judge = by_status,
        request_id: Callable[[Answer], str | None] = by_header,
        budgets: Budgets | None = None,
        bounds: HttpBounds | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        observer: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self._judge = judge
        self._request_id = request_id
        self._bounds = bounds or HttpBounds()
        self._clock = clock or SystemClock()
        self._budgets = budgets or LocalBudgets({}, clock=self._clock)
        self._breakers = Breakers(name, self._bounds, self._clock)
        self._random = random or SystemRandom()
        self._observer = observer
        if unfit := unfit_header(headers or {}):
            why = "is empty or holds what no header can (a line feed pasted along, perhaps)"
            raise ConfigError(f"{name}: header {unfit} {why}")
        self._client = _client(checked(name, base_url), headers or {}, self._bounds, transport)

    def __repr__(self) -> str:
        return f"ProviderHttp({self.name!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, call: Call) -> Answer:
        """The provider's answer, of whatever status: the last one, where asking again did not help.

        Raises RateLimited where a turn is further off than a call waits, Unavailable where no complete answer came
        or the breaker is open, Malformed for a body that can't be read within its bound, Refused for a request that
        can't be sent or a certificate that can't be believed.
        """
        if unfit := unfit_header(call.headers):
            raise Refused(f"{self._where(call)}: header {unfit} is empty or holds what no header can")
        total = seconds(self._bounds.total_seconds_max)
        deadline = self._clock.monotonic() + (total if call.within is None else min(call.within, total))
        number = 1
        attempt = await self._attempt(call, number, deadline)
        while (pause := await self._pause(call, number, attempt, deadline)) is not None:
            await self._clock.sleep(pause)
            number += 1
            attempt = await self._attempt(call, number, deadline)
        # Outside any `except`: httpx's error, which holds the request and its headers, is no context of ours.
        if isinstance(attempt.end, Failure):
            raise attempt.end.error
        return attempt.end

    async def _attempt(self, call: Call, number: int, deadline: timedelta) -> _Attempt:
        """One request, one answer or failure; the circuits learn of it, then the onlookers."""
        with self._breakers.admit(call.institution) as permit:
            await self._wait_for_turn(call, deadline)
            started = self._clock.monotonic()
            try:
                attempt = await self._exchange(call, started, deadline)
            except asyncio.CancelledError:
                self._tell(call, number, started, Outcome.CANCELLED)
                raise
            if attempt.verdict is not None:
                permit.settle(attempt.verdict)
            request_id = self._name_of(attempt.end) if isinstance(attempt.end, Answer) else None
            self._tell(
                call, number, started, attempt.outcome, status=attempt.end.status, request_id=request_id
            )
        return attempt

    async def _wait_for_turn(self, call: Call, deadline: timedelta) -> None:
        """Return when it is this call's turn. Others may be told to stay away while it is waited for: then not yet."""
        while True:
            wait_max = min(seconds(self._bounds.budget_seconds_max), deadline - self._clock.monotonic())
            wait = await self._budgets.book(call.operation, call.item, wait_max)
            if wait > wait_max:
                why = f"the provider's limits leave no turn for another {_in_seconds(wait)} s"
                raise RateLimited(f"{self._where(call)}: {why}", retry_after=wait)
            if not wait:
                return
            await self._clock.sleep(wait)
            if not await self._budgets.held(call.operation, call.item):
                return

    async def _exchange(self, call: Call, started: timedelta, deadline: timedelta) -> _Attempt:
        given = max(deadline - started, timedelta(0))
        try:
            async with asyncio.timeout(given.total_seconds()):
                end = await self._ask(call, started)
        except TimeoutError:
            end = out_of_time(given, self._where(call), self._bounds)
        except FAILURES as error:
            end = failure_of(error, self._where(call), self._bounds)
        if isinstance(end, Failure):
            return _Attempt(end, end.verdict, end.outcome)
        verdict = self._judge(end)
        return _Attempt(end, verdict, _OUTCOMES[type(verdict)])

    async def _ask(self, call: Call, started: timedelta) -> Answer | Failure:
        request = self._client.build_request(
            call.method, call.path, content=call.body, params=call.query or None, headers=call.headers
        )
        if call.sign is not None:
            target = request.url.raw_path.decode("ascii")
            request.headers.update(call.sign(call.method, target, call.body or b""))
        response = await self._client.send(request, stream=True)
        try:
            if 300 <= response.status_code < 400:
                return redirected(response.status_code, self._where(call))
            body = await read_body(response, self._bounds.body_bytes_max)
        finally:
            await response.aclose()
        return Answer(
            response.status_code,
            response.headers,
            body,
            self._ms_since(started),
            retry_after(response.headers, self._clock.now()),
        )

    async def _pause(
        self, call: Call, number: int, attempt: _Attempt, deadline: timedelta
    ) -> timedelta | None:
        """How long to wait before asking again; None to leave it at this. Raises RateLimited for a longer wait."""
        again = number <= self._bounds.retries_max and (call.repeatable or not attempt.sent)
        left = deadline - self._clock.monotonic()
        if isinstance(attempt.verdict, Limited):
            after = await self._hold(call, attempt.verdict)
            if again and after < left and after <= seconds(self._bounds.retry_after_seconds_max):
                return after
            why = f"asked too often; again in {_in_seconds(after)} s"
            raise RateLimited(f"{self._where(call)}: {why}", retry_after=after)
        if not isinstance(attempt.verdict, Later) or self._breakers.why_not(call.institution) is not None:
            return None
        pause = self._backoff(number)
        return pause if again and pause < left else None

    async def _hold(self, call: Call, limited: Limited) -> timedelta:
        """Keep the others from asking too, for as long as is given back."""
        after = limited.after
        if after is None:
            after = seconds(self._bounds.limited_seconds_default)
            after += after / _JITTER_PART * self._random.random()
        await self._budgets.hold(call.operation, None if limited.client_wide else call.item, after)
        return after

    def _backoff(self, number: int) -> timedelta:
        """Full jitter: any part of a doubling wait, so that those who failed together don't come back together."""
        doublings = min(number - 1, _DOUBLINGS_MAX)
        doubled = timedelta(milliseconds=self._bounds.backoff_ms_first) * (1 << doublings)
        return min(doubled, seconds(self._bounds.backoff_seconds_max)) * self._random.random()

    def _where(self, call: Call) -> str:
        return f"{self.name} {call.operation}"

    def _ms_since(self, started: timedelta) -> int:
        return (self._clock.monotonic() - started) // _MS

    def _name_of(self, answer: Answer) -> str | None:
        """The exchange's name, if it is one: what a provider writes there may be anything."""
        told = self._request_id(answer)
        return told if told and _REQUEST_ID.fullmatch(told) and redact(told) == told else None

    def _tell(
        self,
        call: Call,
        number: int,
        started: timedelta,
        outcome: Outcome,
        *,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        ms = self._ms_since(started)
        exchange = Exchange(
            self.name,
            call.operation,
            outcome,
            status,
            ms,
            number,
            request_id,
            institution=call.institution,
            circuit_open=self._breakers.why_not(None) is not None,
        )
        _LOG.debug(
            "%s %s: %s, status %s, %d ms, attempt %d, request %s",
            *(self.name, call.operation, outcome, status, ms, number, request_id),
        )
        if self._observer is not None:
            self._observer(exchange)


def _client(
    base_url: httpx.URL,
    headers: Mapping[str, str],
    bounds: HttpBounds,
    transport: httpx.AsyncBaseTransport | None,
) -> httpx.AsyncClient:
    for talkative in map(logging.getLogger, _TALKATIVE):
        talkative.setLevel(max(talkative.level, logging.WARNING))
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"User-Agent": f"caudal/{__version__}", "Accept-Encoding": ACCEPT_ENCODING, **headers},
        timeout=httpx.Timeout(bounds.read_seconds_max, connect=bounds.connect_seconds_max),
        limits=httpx.Limits(max_connections=bounds.connections_max, keepalive_expiry=bounds.idle_seconds_max),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=False,
        verify=_tls(),
        transport=transport,
    )


@cache
def _tls() -> ssl.SSLContext:
    """Certificates are checked against certifi's list, names against certificates. One for all: it is large."""
    tls = httpx.create_ssl_context(trust_env=False)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return tls


def _in_seconds(pause: timedelta) -> int:
    """Rounded up: who is told less comes too early."""
    return -(-pause // timedelta(seconds=1))
