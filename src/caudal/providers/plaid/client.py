"""How Plaid is asked: every call a POST of JSON, credentials in headers, one budget per operation (Plaid docs, API)."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, TypeVar

import httpx
import msgspec

from caudal.model.errors import Malformed, Refused
from caudal.providers.base import Access
from caudal.providers.context import Context
from caudal.providers.http import (
    Budget,
    Budgets,
    Call,
    Clock,
    HttpBounds,
    LocalBudgets,
    Observer,
    ProviderHttp,
    redact,
)
from caudal.providers.plaid.answers import Decoder
from caudal.providers.plaid.config import PlaidConfig
from caudal.providers.plaid.errors import Refusal, error_for, judge, read_refusal, request_id
from caudal.providers.plaid.payloads import (
    Institution,
    InstitutionAnswer,
    InstitutionsAnswer,
    ListedInstitution,
)

API_VERSION: Final = "2020-09-14"
"""Sent always: without it the version is whatever Plaid's dashboard has for the account."""

CREDENTIAL: Final = "access_token"
"""The field of a connection's secrets, and of Plaid's requests."""

BUDGETS: Final[Mapping[str, Budget]] = {
    "accounts/get": Budget(15, 15_000),
    "institutions/get": Budget(None, 50),
    "institutions/get_by_id": Budget(None, 400),
    "investments/holdings/get": Budget(15, 2_000),
    "investments/refresh": Budget(1, 100),
    "investments/transactions/get": Budget(30, 20_000),
    "item/get": Budget(15, 5_000),
    "item/remove": Budget(30, 2_000),
    "transactions/refresh": Budget(2, 100),
    "transactions/sync": Budget(50, 2_500),
}
"""Per minute, for each Item and for all (Plaid docs, Rate limits: production). What isn't listed has no documented
limit."""

INSTITUTIONS_PER_PAGE: Final = 500
"""As many as a page may hold (Plaid's OpenAPI, /institutions/get)."""
_INSTITUTION_PAGES_MAX: Final = 200

T = TypeVar("T")


class Empty(msgspec.Struct):
    """An answer that only says that it was done."""


EMPTY: Final = msgspec.json.Decoder(Empty)


class PlaidClient(Context):
    """Plaid over HTTP, for one event loop. Close it, or use it as a context."""

    def __init__(
        self,
        config: PlaidConfig,
        bounds: HttpBounds,
        *,
        clock: Clock,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._countries = config.country_codes
        self._http = self._inside = ProviderHttp(
            "plaid",
            config.url,
            headers={
                "PLAID-CLIENT-ID": config.client_id,
                "PLAID-SECRET": config.secret,
                "Plaid-Version": API_VERSION,
                "Content-Type": "application/json",
            },
            judge=judge,
            request_id=request_id,
            budgets=budgets or LocalBudgets(BUDGETS, clock=clock),
            bounds=bounds,
            clock=clock,
            observer=observer,
            transport=transport,
        )

    async def ask(
        self,
        operation: str,
        fields: Mapping[str, Any],
        decoder: Decoder[T],
        *,
        access: Access | None = None,
        repeatable: bool = True,
    ) -> T | Refusal:
        """Plaid's answer to `operation` ("item/get"), or its refusal for the caller to judge.

        With `access` the call is made for that connection. Raises the ProviderError family where Plaid itself gave
        no answer, or one that can't be read.
        """
        body = {**fields, CREDENTIAL: access_token(access)} if access else fields
        call = Call(
            operation,
            "POST",
            f"/{operation}",
            msgspec.json.encode(body),
            item=access.reference if access else None,
            institution=access.institution if access else None,
            repeatable=repeatable,
        )
        answer = await self._http.send(call)
        if answer.status != 200:
            refusal = read_refusal(operation, answer)
            if isinstance(refusal, Refusal):
                return refusal
            raise refusal
        try:
            return decoder.decode(answer.body)
        except msgspec.DecodeError as error:
            raise Malformed(f"plaid {operation}: answer", redact(str(error))) from None

    async def get(
        self,
        operation: str,
        fields: Mapping[str, Any],
        decoder: Decoder[T],
        *,
        access: Access | None = None,
        repeatable: bool = True,
    ) -> T:
        """Plaid's answer to `operation`. Raises the ProviderError family, for a refusal the error it means."""
        answer = await self.ask(operation, fields, decoder, access=access, repeatable=repeatable)
        if isinstance(answer, Refusal):
            raise error_for(answer)
        return answer

    async def institution(self, reference: str) -> Institution:
        """What Plaid knows of an institution. It asks which countries may be looked in."""
        fields = {"institution_id": reference, "country_codes": self._countries}
        return (await self.get("institutions/get_by_id", fields, _INSTITUTION)).institution

    async def institutions(self) -> AsyncIterator[list[ListedInstitution]]:
        """Every institution of the countries we look in, a page at a time (Plaid docs, /institutions/get). Raises
        Malformed for a list without an end."""
        asked: dict[str, Any] = {"count": INSTITUTIONS_PER_PAGE, "country_codes": self._countries}
        for page in range(_INSTITUTION_PAGES_MAX):
            offset = page * INSTITUTIONS_PER_PAGE
            answer = await self.get("institutions/get", {**asked, "offset": offset}, _INSTITUTIONS)
            yield answer.institutions
            if offset + INSTITUTIONS_PER_PAGE >= answer.total:
                return
        raise Malformed("plaid institutions/get", f"a list of more than {_INSTITUTION_PAGES_MAX} pages")


_INSTITUTION: Final = msgspec.json.Decoder(InstitutionAnswer)
_INSTITUTIONS: Final = msgspec.json.Decoder(InstitutionsAnswer)


def access_token(access: Access) -> str:
    """The connection's access token. Raises Refused where its credential isn't one of Plaid's."""
    token = access.secrets.get(CREDENTIAL)
    if not token:
        raise Refused(f"connection {access.connection} has no access token: link it again")
    return token.decode("ascii", "replace")
