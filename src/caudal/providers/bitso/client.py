"""How Bitso is asked: signed GETs, one budget for all that one key asks (contract §2, §3)."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from caudal.model.errors import Malformed
from caudal.providers.bitso.errors import CLOCK, code_of, error_for
from caudal.providers.bitso.payloads import AccountStatus, BalanceList, Payload
from caudal.providers.http import Budget, Call, Clock, ProviderHttp, redact

URL: Final = "https://api.bitso.com/v3"
LIMIT: Final = 100
"""Records of a page, Bitso's most (contract §5)."""
PRIVATE: Final = "private"
"""All that is signed is one operation: Bitso counts, and locks, by the key."""
PUBLIC: Final = "public"
BUDGETS: Final[Mapping[str, Budget]] = {PRIVATE: Budget(240), PUBLIC: Budget(None, 48)}
"""Per minute: four fifths of what Bitso allows (contract §3)."""
LINKING: Final = "linking"
"""In the place of a login that isn't known yet: what it is told to wait holds nobody else."""
_SALTS: Final = 1_000_000
_SALT_STEP_MAX: Final = 1_000
_BACK_MS_MAX: Final = 10_000
"""A clock that steps back further was put right: nonces must be near now, and follow it."""
_MS: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class Nonces:
    """Nonces of the second form: 13 digits of milliseconds, 6 of salt (contract §2). Each is greater than the one before,
    whatever small steps the clock takes. Two processes tell the same one once in a million times that they ask in the
    same millisecond: Bitso refuses one of them, and the next does.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> str:
        """One that was never given."""
        now = (self._clock.now() - _EPOCH) // _MS
        before = self._last // _SALTS
        if now > before or before - now > _BACK_MS_MAX:
            self._last = now * _SALTS + secrets.randbelow(_SALTS)
        else:
            self._last += 1 + secrets.randbelow(_SALT_STEP_MAX)
        return str(self._last)


def signed(key: str, secret: str, nonce: str, *, method: str, target: str, body: bytes) -> str:
    """The header Authorization: over the path and query as they are sent (contract §2)."""
    told = f"{nonce}{method}{target}".encode() + body
    return f"Bitso {key}:{nonce}:{hmac.new(secret.encode(), told, sha256).hexdigest()}"


class Asker:
    """Bitso, asked with one key. `client_id`: whose it is, where that is known."""

    def __init__(
        self, http: ProviderHttp, nonces: Nonces, keys: Mapping[str, str], client_id: str | None
    ) -> None:
        self.client_id = client_id
        self._http = http
        self._nonces = nonces
        self._keys = keys

    def __repr__(self) -> str:
        return f"Asker({self.client_id!r}, key=…, secret=…)"

    async def status(self) -> AccountStatus:
        """Who it is. Nothing else of what is told of the person is read."""
        return await self._get("account_status", {}, Payload[AccountStatus])

    async def balances(self) -> Sequence[Raw]:
        """Every currency, those with nothing in them too."""
        return (await self._get("balance", {}, Payload[BalanceList])).balances

    async def records(self, path: str, marker: str, **query: str) -> Sequence[Raw]:
        """A page of records after `marker` ('' = from the start)."""
        asked = {**query, "limit": str(LIMIT), **({"marker": marker} if marker else {})}
        return await self._get(path, asked, Payload[list[Raw]])

    async def _get(self, path: str, query: Mapping[str, str], into: type[Payload[T]]) -> T:
        """A nonce that Bitso won't take is replaced, once. Raises the ProviderError family."""
        where = f"bitso {path}"
        call = Call(PRIVATE, "GET", f"/{path}", query=query, sign=self._sign, item=self.client_id or LINKING)
        answer = await self._http.send(call)
        if code_of(answer) in CLOCK:
            answer = await self._http.send(call)
        if answer.status != 200 or code_of(answer) is not None:
            raise error_for(answer, where)
        try:
            return msgspec.json.decode(answer.body, type=into).payload
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(f"{where}: answer", redact(str(error))) from None

    def _sign(self, method: str, target: str, body: bytes) -> Mapping[str, str]:
        key, secret, nonce = self._keys["key"], self._keys["secret"], self._nonces.next()
        return {"Authorization": signed(key, secret, nonce, method=method, target=target, body=body)}
