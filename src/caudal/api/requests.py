"""Every request: named, timed, counted by its route's template, and one line in the log that says how it ended."""

import time
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from caudal.observe import logs
from caudal.observe.context import about, request_id
from caudal.observe.metrics import Metrics

_LOG: Final = logs.logger("caudal.api")
_HEADER: Final = "X-Request-Id"
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds: a line for each would drown the others."""


class Requests:
    """Around the whole application: what it didn't catch ends here, told once, and answered with 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_id(Headers(scope=scope).get(_HEADER))
        answer = _Answer(send, name)
        began = time.perf_counter()
        with about(request_id=name):
            try:
                await self._app(scope, receive, answer.send)
            except Exception:  # noqa: BLE001  # the last to hear of it: whatever it is, it is told and answered
                _LOG.exception("a request failed", route=_route(scope))
                await answer.fail()
            self._told(scope, answer, time.perf_counter() - began)

    def _told(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        route = _route(scope)
        self._metrics.answered(route, scope["method"], answer.status, seconds=seconds)
        say = _LOG.debug if route in _PROBES else _LOG.info
        say("request", route=route, method=scope["method"], status=answer.status, ms=round(seconds * 1000))


class _Answer:
    """The answer on its way out: takes the request's name along. 499 until it begins: nobody waited for it."""

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self._name = name
        self._begun = False
        self.status = 499

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun, self.status = True, message["status"]
            MutableHeaders(scope=message)[_HEADER] = self._name
        await self._send(message)

    async def fail(self) -> None:
        """500 and nothing else, unless an answer has begun."""
        if not self._begun:
            await self.send(
                {"type": "http.response.start", "status": HTTPStatus.INTERNAL_SERVER_ERROR, "headers": []}
            )
            await self.send({"type": "http.response.body", "body": b""})


def _route(scope: Scope) -> str | None:
    """The template of the route that was taken (``/webhooks/{provider}``), None where none was."""
    return getattr(scope.get("route"), "path", None)
