"""Speaking to a running sandbox over its own door: the clock, the truth, faults, a person at the bank's page."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

import httpx
import msgspec

from caudal.model.errors import ConfigError, Refused

DEFAULT_URL: Final = "http://127.0.0.1:8471"
_SECONDS_MAX: Final = 600
"""An advance over years, or the truth of a large world, takes its time."""


Told = dict[str, Any]


class SandboxControl:
    """The sandbox at `url`; a context that holds its connections.

    Raises ConfigError where none answers there, Refused with its own words where it won't.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(timeout=_SECONDS_MAX, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str) -> Told:
        """What it says at `path`."""
        return msgspec.json.decode(self._send("GET", path, None).content, type=Told)

    def all(self, path: str) -> list[Told]:
        """What it lists at `path`."""
        return msgspec.json.decode(self._send("GET", path, None).content, type=list[Told])

    def post(self, path: str, asked: Mapping[str, object]) -> Told:
        """What it says to `asked`."""
        return msgspec.json.decode(self._send("POST", path, asked).content, type=Told)

    def delete(self, path: str) -> None:
        """Take away what is at `path`."""
        self._send("DELETE", path, None)

    def truth(self) -> Iterator[bytes]:
        """What really happened, a line of JSON each, without its line end."""
        with self._reachable(), self._client.stream("GET", f"{self._url}/_sandbox/truth") as response:
            if response.is_error:
                response.read()
                raise Refused(_why(response))
            yield from _lines(response.iter_bytes())

    def _send(self, method: str, path: str, asked: Mapping[str, object] | None) -> httpx.Response:
        with self._reachable():
            content = None if asked is None else msgspec.json.encode(asked)
            response = self._client.request(method, f"{self._url}/_sandbox/{path}", content=content)
        if response.is_error:
            raise Refused(_why(response))
        return response

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ConfigError(
                f"no sandbox answers at {self._url} ({type(error).__name__}): start one with `caudal sandbox serve`"
            ) from None


def _why(response: httpx.Response) -> str:
    try:
        told = msgspec.json.decode(response.content)
        return f"the sandbox: {told['error']}"
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"the sandbox answered {response.status_code}"


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest
