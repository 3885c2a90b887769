"""Whoever gets webhooks: writes down each as it came, and answers what it is told to."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec


class Received(NamedTuple):
    """One webhook as it arrived."""

    body: bytes
    verification: str | None
    at: float
    headers: dict[str, str] = {}  # noqa: RUF012  never written to
    """Names in lower case."""

    @property
    def told(self) -> dict[str, Any]:
        """What it says."""
        return msgspec.json.decode(self.body, type=dict[str, Any])

    @property
    def key(self) -> str:
        """``TYPE/CODE``."""
        return f"{self.told['webhook_type']}/{self.told['webhook_code']}"


class Receiver:
    """A server on a free port. `status` decides what the n-th webhook (from 0) is answered; `elsewhere` is where it
    sends those whom it redirects."""

    def __init__(self, status: Callable[[int], int] = lambda _nth: 200, *, elsewhere: str = "") -> None:
        self.got: list[Received] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heads = {name.lower(): value for name, value in self.headers.items()}
                with receiver._lock:
                    nth = len(receiver.got)
                    receiver.got.append(
                        Received(body, self.headers["Plaid-Verification"], time.monotonic(), heads)
                    )
                self.send_response(status(nth))
                self.send_header("Content-Length", "0")
                if elsewhere:
                    self.send_header("Location", elsewhere)
                self.end_headers()

            def log_message(self, *said: object) -> None:
                """Says nothing."""

        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    @property
    def keys(self) -> list[str]:
        """What arrived, in order."""
        return [each.key for each in self.got]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
