"""Somebody who delivers webhooks, signed as the sandbox's Plaid signs them, again and again until each is taken."""

import threading
import time
from hashlib import sha256
from typing import NamedTuple, Self
from uuid import uuid4

import httpx
import msgspec
from tests.support.fleet import Fleet


class Answer(NamedTuple):
    """What came back. `status` None: nobody answered."""

    at: float
    took: float
    status: int | None
    retry_after: str | None


class Knocking:
    """In a thread of its own. `kept`: the keys under which what was answered 200 must be found."""

    def __init__(self, fleet: Fleet, item: str, pause_seconds: float = 0.02) -> None:
        self._fleet = fleet
        self._item = item
        self._pause = pause_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._knock, name="knocking")
        self.answers: list[Answer] = []
        self.kept: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def lost(self) -> set[str]:
        """What was answered 200, and isn't there."""
        there = {key for (key,) in self._fleet.postgres.ask("select event_key from caudal.inbox")}
        return self.kept - there

    def first_taken(self, since: float) -> float | None:
        """How many seconds after that moment one was taken again; None while none was."""
        return next(
            (each.at - since for each in self.answers if each.at > since and each.status == 200), None
        )

    def _knock(self) -> None:
        with httpx.Client(base_url=self._fleet.door, trust_env=False, timeout=15) as door:
            while not self._stop.is_set():
                self._once(door)
                time.sleep(self._pause)

    def _once(self, door: httpx.Client) -> None:
        told = {
            "environment": "sandbox",
            "item_id": self._item,
            "webhook_code": "SYNC_UPDATES_AVAILABLE",
            "webhook_type": "TRANSACTIONS",
            "number": str(uuid4()),
        }
        body = msgspec.json.encode(told)
        token = self._fleet.sandbox.plaid.courier.keys.signed(body)
        began = time.monotonic()
        try:
            answer = door.post("/webhooks/plaid", content=body, headers={"Plaid-Verification": token})
        except httpx.TransportError:
            now = time.monotonic()
            self.answers.append(Answer(now, now - began, None, None))
            return
        now = time.monotonic()
        self.answers.append(Answer(now, now - began, answer.status_code, answer.headers.get("retry-after")))
        if answer.status_code == 200:
            self.kept.add(sha256(token.rpartition(".")[0].encode()).hexdigest())
