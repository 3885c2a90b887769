"""With which token a connection is read: kept, renewed in time, and never renewed twice at once (contract, §2.3).

TrueLayer may give a new refresh token with each access token, and the old one is then dead. So renewing happens under
the lock on the connection's secrets, and what comes is sealed before it is used; who waited for the lock uses that.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from caudal.model.errors import NeedsUser
from caudal.providers.base import Access
from caudal.providers.http import Clock
from caudal.providers.truelayer.client import TrueLayerClient
from caudal.providers.truelayer.errors import LINK_AGAIN, TOKEN_DEAD, Refusal, error_for
from caudal.providers.truelayer.payloads import Results, TokenAnswer

REFRESH: Final = "refresh_token"
ACCESS: Final = "access_token"
EXPIRES: Final = "access_expires_at"
LINKED: Final = "authenticated_at"
"""When the person was last at the bank: deep history is there shortly after."""

_EARLY: Final = timedelta(minutes=1)
"""A token is renewed so long before it ends."""


class Tokens:
    """One connection's access token, for as long as a pull goes on."""

    def __init__(self, client: TrueLayerClient, access: Access, clock: Clock) -> None:
        self._client = client
        self._access = access
        self._clock = clock
        self._secrets: Mapping[str, bytes] = access.secrets

    async def bearer(self) -> str:
        """The token to ask with. Raises the ProviderError family: NeedsUser where the consent is over."""
        if not self._is_fresh(self._secrets):
            await self._renew(self._secrets.get(ACCESS))
        return _text(self._secrets, ACCESS)

    async def ask(
        self, path: str, operation: str, query: Mapping[str, str] | None = None
    ) -> Results | Refusal:
        """A Data v1 call; where its token turns out to be dead, once more with a new one."""
        token = await self.bearer()
        answer = await self._client.data(path, operation, token, self._access, query)
        if isinstance(answer, Refusal) and answer.code in TOKEN_DEAD:
            await self._renew(token.encode())
            answer = await self._client.data(path, operation, await self.bearer(), self._access, query)
        return answer

    async def _renew(self, spent: bytes | None) -> None:
        """A new access token in place of `spent`."""

        async def act(kept: Mapping[str, bytes]) -> Mapping[str, bytes]:
            if kept.get(ACCESS) != spent and self._is_fresh(kept):
                return {}  # somebody else was here first
            return await self._refreshed(_text(kept, REFRESH))

        self._secrets = await self._access.renewed(act)

    async def _refreshed(self, refresh_token: str) -> Mapping[str, bytes]:
        """Asked for once: one that fails on its way is tried again by the next pull, with the same token; then either
        works, or it is spent (`invalid_grant`) and only the person helps."""
        answer = await self._client.token({"grant_type": "refresh_token", REFRESH: refresh_token}, TOKEN)
        if isinstance(answer, Refusal):
            raise error_for(answer)
        return secrets_of(answer, self._clock.now())

    def _is_fresh(self, secrets: Mapping[str, bytes]) -> bool:
        if ACCESS not in secrets or EXPIRES not in secrets:
            return False
        return self._clock.now() < datetime.fromisoformat(_text(secrets, EXPIRES)) - _EARLY


def secrets_of(answer: TokenAnswer, now: datetime) -> dict[str, bytes]:
    """What is to be kept of an answer; the refresh token only where it tells one."""
    expires = (now + timedelta(seconds=answer.expires_in)).astimezone(UTC).isoformat()
    kept = {ACCESS: answer.access_token.encode(), EXPIRES: expires.encode()}
    return {**kept, REFRESH: answer.refresh_token.encode()} if answer.refresh_token else kept


def _text(secrets: Mapping[str, bytes], field: str) -> str:
    told = secrets.get(field)
    if not told:
        raise NeedsUser(f"truelayer: the connection holds no {field}", action=LINK_AGAIN)
    return told.decode("ascii", "replace")


TOKEN: Final = msgspec.json.Decoder(TokenAnswer)
