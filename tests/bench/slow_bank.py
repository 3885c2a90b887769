"""A Plaid that has nothing new to tell, and takes its time to say so: four answers, always the same, each after a pause.

Beside it any emulator is dear: it costs a fraction of a millisecond a call, so that what is measured is the asking.
Run as a process: ``python -m tests.bench.slow_bank 100`` listens on a free port, which it prints, and answers after 100
ms; it ends with its standard input.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

UPDATED: Final = "2026-03-02T06:00:00Z"
_ITEM: Final = {
    "item_id": "item-of-the-crowd",
    "institution_id": "ins_77",
    "institution_name": "Slow Bank",
    "products": ["transactions"],
    "consented_products": [],
    "error": None,
}
_ACCOUNT: Final = {
    "account_id": "account-of-the-crowd",
    "name": "Current",
    "type": "depository",
    "subtype": "checking",
    "mask": "0001",
    "balances": {"available": 90, "current": 100, "limit": None, "iso_currency_code": "USD"},
}
_TOLD: Final[dict[str, dict[str, object]]] = {
    "/transactions/sync": {
        "accounts": [_ACCOUNT],
        "added": [],
        "modified": [],
        "removed": [],
        "has_more": False,
        "next_cursor": "cursor-1",
        "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
    },
    "/item/get": {"item": _ITEM, "status": {"transactions": {"last_successful_update": UPDATED}}},
    "/accounts/get": {"accounts": [_ACCOUNT], "item": _ITEM},
    "/institutions/get_by_id": {
        "institution": {"institution_id": "ins_77", "name": "Slow Bank", "country_codes": ["US"]}
    },
}


def _answer(status: str, body: object) -> bytes:
    told = msgspec.json.encode(body)
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(told)}\r\n\r\n"
    return head.encode() + told


_ANSWERS: Final = {
    path: _answer("200 OK", {**body, "request_id": "rQslowbank00001"}) for path, body in _TOLD.items()
}
_ELSE: Final = _answer("404 Not Found", {"error_code": "NOT_FOUND", "error_type": "INVALID_REQUEST"})


class _Line(asyncio.Protocol):
    """One connection: requests one after the other, each with a body of a length it tells."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self._buffer = b""
        path = head.split(b" ", 2)[1].decode()
        asyncio.get_running_loop().call_later(self._seconds, self._say, _ANSWERS.get(path, _ELSE))

    def _say(self, answer: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(answer)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@contextmanager
def slow_bank(milliseconds: int) -> Iterator[str]:
    """Where one listens that answers after so many milliseconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(milliseconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
            process.wait(10)


async def _serve(seconds: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Line(seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]) / 1000))
