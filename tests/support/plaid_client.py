"""A client of the emulated Plaid, as thin as can be: it posts, and has every answer judged by Plaid's description."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
from tests.support import openapi

from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

Json = Any

PLATYPUS = "ins_109508"
LINK = {
    "client_name": "Ledger of mine",
    "language": "en",
    "country_codes": ["US"],
    "user": {"client_user_id": "u-1"},
    "products": ["transactions"],
    "hosted_link": {},
}


class Refused(AssertionError):
    """An answer that wasn't expected: the code and the message of it."""


class PlaidClient:
    """Posts to one sandbox. Numbers with a point come back as Decimal."""

    def __init__(
        self, url: str, *, client_id: str = "client", secret: str = "secret", judged: bool = True
    ) -> None:
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._keys = {"PLAID-CLIENT-ID": client_id, "PLAID-SECRET": secret, "Plaid-Version": "2020-09-14"}
        self._judged = judged
        self._read = msgspec.json.Decoder(float_hook=Decimal)

    def raw(self, path: str, **body: Json) -> httpx.Response:
        """The answer as it came."""
        return self.http.post(path, json=body, headers=self._keys)

    def post(self, path: str, **body: Json) -> Json:
        """The body of a good answer."""
        answer = self.raw(path, **body)
        if answer.status_code != 200:
            raise Refused(f"{path}: {answer.status_code} {answer.text}")
        if self._judged:
            openapi.plaid().check(path, 200, answer.content)
        return self._read.decode(answer.content)

    def refusal(self, path: str, **body: Json) -> Json:
        """The body of a bad one."""
        answer = self.raw(path, **body)
        assert answer.status_code >= 400, f"{path}: {answer.status_code} {answer.text}"
        if self._judged and path in openapi.plaid().paths:
            openapi.plaid().check(path, answer.status_code, answer.content)
        return self._read.decode(answer.content)

    def code(self, path: str, **body: Json) -> str:
        """The error code of a bad one."""
        return str(self.refusal(path, **body)["error_code"])

    def item(
        self,
        *products: str,
        institution: str = PLATYPUS,
        username: str = "user_good",
        password: str = "pass_good",
        webhook: str | None = None,
        **options: Json,
    ) -> str:
        """The access token of a new Item."""
        options |= {"override_username": username, "override_password": password}
        if webhook:
            options["webhook"] = webhook
        public = self.post(
            "/sandbox/public_token/create",
            institution_id=institution,
            initial_products=list(products or ("transactions",)),
            options=options,
        )
        made = self.post("/item/public_token/exchange", public_token=public["public_token"])
        return str(made["access_token"])

    def sync(self, token: str, cursor: str = "", **asked: Json) -> tuple[Json, str]:
        """All pages from `cursor` on as one, and where they end."""
        found: dict[str, list[Json]] = {"added": [], "modified": [], "removed": []}
        while True:
            page = self.post("/transactions/sync", access_token=token, cursor=cursor, count=500, **asked)
            for name, rows in found.items():
                rows.extend(page[name])
            cursor = page["next_cursor"]
            if not page["has_more"]:
                return found, cursor

    def control(self, method: str, path: str, **body: Json) -> Json:
        """The sandbox's own door."""
        answer = self.http.request(method, f"/_sandbox{path}", json=body or None)
        if answer.status_code >= 400:
            raise Refused(f"{path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()


@contextmanager
def plaid_sandbox(
    seed: int = 1, *, options: Options | None = None, judged: bool = True, **world: Json
) -> Iterator[tuple[Sandbox, PlaidClient]]:
    """A sandbox with a small world, and a client of it. Without budgets unless `options` say so."""
    small = {"people": 4, "firms": 0, **world}
    with (
        Sandbox(World(seed, **small), plaid=options or Options(limits=Regime.OFF)) as sandbox,
        PlaidClient(sandbox.url, judged=judged) as client,
    ):
        yield sandbox, client
