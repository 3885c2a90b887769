"""How explorers and nodes are asked. An explorer's key can only go into the query: no URL is in our logs or errors."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

import httpx
import msgspec
from msgspec import Raw

from caudal.model.errors import Malformed, ProviderError, RateLimited, Unavailable
from caudal.providers.ethereum import errors
from caudal.providers.ethereum.config import EthereumConfig
from caudal.providers.ethereum.payloads import (
    BALANCES,
    ENVELOPE,
    HEAD,
    NUMBER,
    QUANTITY,
    RECEIPT,
    ROWS,
    TEXT,
    Envelope,
    Head,
    Reply,
)
from caudal.providers.http import (
    Answer,
    Budgets,
    Call,
    Clock,
    Failed,
    Fine,
    HttpBounds,
    Judge,
    Later,
    Limited,
    LocalBudgets,
    Observer,
    ProviderHttp,
    Verdict,
    by_status_alone,
)

BALANCE_OF: Final = "0x70a08231"

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _Decoder(Protocol[T_co]):
    def decode(self, body: bytes | Raw, /) -> T_co: ...


class Explorer:
    """An explorer with Etherscan's calls."""

    def __init__(self, http: ProviderHttp, config: EthereumConfig, clock: Clock) -> None:
        self._http = http
        self._config = config
        self._clock = clock

    async def rows(self, action: str, address: str, start: int, end: int, page: int = 1) -> list[Raw]:
        """A page of a list, of blocks `start` to `end`, oldest first. Raises the ProviderError family; TooMuch for a
        range that takes too long."""
        said = {"startblock": str(start), "endblock": str(end), "page": str(page), "sort": "asc"}
        said |= {"address": address, "offset": str(self._config.page_rows)}
        return _decoded(await self._account(action, said), ROWS, action)

    async def balances(self, addresses: Sequence[str]) -> dict[str, int]:
        """Wei by address, as of now."""
        result = await self._account("balancemulti", {"address": ",".join(addresses), "tag": "latest"})
        told = {
            each.account.lower(): int(each.balance) for each in _decoded(result, BALANCES, "balancemulti")
        }
        if told.keys() != set(addresses):
            raise Malformed("ethereum balancemulti: answer", "not of the addresses that were asked for")
        return told

    async def token_balance(self, address: str, contract: str) -> int:
        """A token's units, as of now."""
        said = {"address": address, "contractaddress": contract, "tag": "latest"}
        return int(_decoded(await self._account("tokenbalance", said), NUMBER, "tokenbalance"))

    async def ask(self, method: str, params: Mapping[str, str]) -> bytes:
        """What its node answers."""
        body = await self._get(method, {"module": "proxy", "action": method, **params})
        self._opened(method, body)
        return body

    async def _account(self, action: str, params: Mapping[str, str]) -> Raw:
        body = await self._get(action, {"module": "account", "action": action, **params})
        return self._opened(action, body)

    async def _get(self, operation: str, params: Mapping[str, str]) -> bytes:
        query = {**params, **self._config.query}
        answer = await self._http.send(Call(operation, "GET", "/api", query=query))
        if answer.status != 200:
            raise errors.by_http(operation, answer, self._clock.now())
        return answer.body

    def _opened(self, operation: str, body: bytes) -> Raw:
        """What an answer holds."""
        told = _decoded(body, ENVELOPE, operation)
        if told.status == "2":
            raise errors.behind(operation)
        if told.status not in {"", "0", "1"}:
            raise Malformed(f"ethereum {operation}: answer", "a status that isn't known")
        if refusal := refusal_of(operation, told, self._clock):
            raise refusal
        return told.result


class Node:
    """A node's calls: posted to one, or passed on by an explorer."""

    def __init__(
        self, http: ProviderHttp | None, path: str, query: Mapping[str, str], explorer: Explorer, clock: Clock
    ) -> None:
        self._http = http
        self._path = path
        self._query = query
        self._explorer = explorer
        self._clock = clock
        self.remembers = http is not None
        """Whether it tells balances as of a block."""

    async def tip(self) -> int:
        """The last block's number."""
        told = await self._ask("eth_blockNumber", QUANTITY, [], {})
        return int(_there(told, "eth_blockNumber"), 16)

    async def head(self, number: int) -> Head:
        """The best chain's block of that number. Raises Unavailable where it hasn't that one."""
        params = {"tag": hex(number), "boolean": "false"}
        head = await self._ask("eth_getBlockByNumber", HEAD, [hex(number), False], params)
        return _there(head, "eth_getBlockByNumber")

    async def knows(self, tx: str) -> bool:
        """Whether a transaction is in a block."""
        return await self._ask("eth_getTransactionReceipt", RECEIPT, [tx], {"txhash": tx}) is not None

    async def balance(self, address: str, number: int) -> int:
        """Wei at the end of that block."""
        told = await self._ask("eth_getBalance", QUANTITY, [address, hex(number)], {})
        return int(_there(told, "eth_getBalance"), 16)

    async def token_balance(self, address: str, contract: str, number: int) -> int:
        """A token's units at the end of that block."""
        call = {"to": contract, "data": f"{BALANCE_OF}{address[2:]:0>64}"}
        told = await self._ask("eth_call", QUANTITY, [call, hex(number)], {})
        return int(_there(told, "eth_call"), 16)

    async def _ask(
        self, method: str, decoder: _Decoder[Reply[T]], params: Sequence[object], query: Mapping[str, str]
    ) -> T | None:
        """The result, None where there is none. `params` as they are posted, `query` as an explorer takes them."""
        if self._http is None:
            body = await self._explorer.ask(method, query)
        else:
            body = await self._post(self._http, method, params)
        reply = _decoded(body, decoder, method)
        if reply.error is not None:
            raise errors.by_code(method, reply.error.code, self._clock.now())
        return reply.result

    async def _post(self, http: ProviderHttp, method: str, params: Sequence[object]) -> bytes:
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        head = {"Content-Type": "application/json"}
        call = Call(method, "POST", self._path, msgspec.json.encode(asked), self._query, head)
        answer = await http.send(call)
        if answer.status != 200:
            raise errors.by_http(method, answer, self._clock.now())
        return answer.body


class Servers:
    """The explorer, and the nodes that can be asked, the preferred one first. A context that holds their connections."""

    def __init__(
        self,
        config: EthereumConfig,
        bounds: HttpBounds,
        *,
        clock: Clock,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
    ) -> None:
        def opened(url: str, judge: Judge) -> ProviderHttp:
            return ProviderHttp(
                "ethereum",
                url,
                judge=judge,
                budgets=budgets or LocalBudgets(config.budgets, clock=clock),
                bounds=bounds,
                clock=clock,
                observer=observer,
                transport=transport,
            )

        http = opened(config.explorer.removesuffix("/api"), partial(judge, clock))
        self.explorer = Explorer(http, config, clock)
        self._https = [http]
        own = Node(
            http if config.dialect == "blockscout" else None,
            "/api/eth-rpc",
            config.query,
            self.explorer,
            clock,
        )
        self.nodes = [own]
        if config.rpc_url:
            scheme, _, rest = config.rpc_url.partition("://")
            host, _, path = rest.partition("/")
            self._https.append(opened(f"{scheme}://{host}", by_status_alone))
            self.nodes.insert(0, Node(self._https[-1], f"/{path}", {}, self.explorer, clock))

    async def tip(self) -> int:
        """The smallest of the last blocks: none of them is asked for what it hasn't."""
        return min([await node.tip() for node in self.nodes])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._https:
            await each.__aexit__(kind, error, trace)


def refusal_of(operation: str, told: Envelope, clock: Clock) -> ProviderError | None:
    """The error that an explorer's answer is. An empty list is told as one, and is none."""
    if told.status != "0" or (told.message.startswith("No ") and told.message.endswith("found")):
        return None
    try:
        words = TEXT.decode(told.result) or told.message
    except msgspec.DecodeError:
        words = told.message
    return errors.told(operation, words, clock.now())


def judge(clock: Clock, answer: Answer) -> Verdict:
    """Whether asking an explorer again helps."""
    if answer.status != 200:
        return by_status_alone(answer)
    try:
        refusal = refusal_of("", ENVELOPE.decode(answer.body), clock)
    except msgspec.DecodeError:
        return Fine()
    match refusal:
        case None:
            return Fine()
        case RateLimited():
            return Limited(refusal.retry_after, client_wide=True)
        case errors.TooMuch():
            return Failed()
        case Unavailable():
            return Later(provider_wide=True)
    return Failed()


def _decoded(body: bytes | Raw, decoder: _Decoder[T], operation: str) -> T:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise Malformed(f"ethereum {operation}: answer", str(error)) from None


def _there(result: T | None, operation: str) -> T:
    if result is None:
        raise Unavailable(f"ethereum {operation}: that block isn't there")
    return result
