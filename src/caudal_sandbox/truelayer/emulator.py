"""TrueLayer as one thing: its connections, tasks, keys, and what each call answers."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import msgspec

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.view import AccountView
from caudal_sandbox.faults import Faults
from caudal_sandbox.truelayer import records
from caudal_sandbox.truelayer.banks import BANKS, Bank
from caudal_sandbox.truelayer.connections import DEEP_FOR, SHALLOW_DAYS, Connection, Connections
from caudal_sandbox.truelayer.errors import Problem, Refused
from caudal_sandbox.truelayer.records import Json, hexed
from caudal_sandbox.truelayer.signing import HEADER, JWKS_PATH, TIMESTAMP, Signer
from caudal_sandbox.world import World

KINDS: Final = {
    "accounts": frozenset({AccountKind.CHECKING, AccountKind.SAVINGS}),
    "cards": frozenset({AccountKind.CARD}),
}
SCOPES: Final = frozenset(
    {
        "info",
        "accounts",
        "balance",
        "cards",
        "transactions",
        "direct_debits",
        "standing_orders",
        "offline_access",
    }
)
_ME_SCOPES: Final = ("info", "accounts", "balance", "transactions", "cards", "offline_access")
"""The published file names these alone."""
_MONTH: Final = timedelta(days=31)
_NEEDS: Final = {"transactions": "transactions", "pending": "transactions", "balance": "balance"}


class Hook(msgspec.Struct, frozen=True):
    """A webhook on its way."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Task(msgspec.Struct):
    """An asynchronous call. It runs between the first poll and the second."""

    connection: Connection
    answer: Json
    polls: int = 0


class Emulator:
    """TrueLayer over one world. `client`: the only id and secret it takes; None: any that aren't empty. `redirect_uris`:
    those in the Console; empty: any. `limited`: a bank bears four unattended calls a day."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        clock: Callable[[], datetime],
        *,
        client: tuple[str, str] | None = None,
        redirect_uris: frozenset[str] = frozenset(),
        limited: bool = True,
    ) -> None:
        self.world = world
        self.faults = faults
        self.clock = clock
        self.connections = Connections(world, clock)
        self.signer = Signer(world.seed)
        self.outbox: list[Hook] = []
        self.redirect_uris = redirect_uris
        self._client = client
        self._limited = limited
        self._calls = 0
        self._tasks: dict[str, Task] = {}

    def admits(self, client_id: str, secret: str) -> None:
        """Raises invalid_client."""
        if self._client is None:
            right = bool(client_id and secret)
        else:
            right = hmac.compare_digest(f"{client_id}\0{secret}".encode(), "\0".join(self._client).encode())
        if not right:
            raise Refused("invalid_client", auth=True)

    def request_id(self) -> str:
        """The id of the next request (X-TL-Correlation-Id)."""
        self._calls += 1
        return hexed(self.world.seed, "request", self._calls)

    # Tokens

    def token(self, asked: Mapping[str, object]) -> Json:
        """POST /connect/token."""
        self.admits(str(asked.get("client_id", "")), str(asked.get("client_secret", "")))
        match asked.get("grant_type"):
            case "authorization_code":
                found = self.connections.redeemed(
                    str(asked.get("code", "")), str(asked.get("redirect_uri", ""))
                )
                if found.challenge and found.challenge != _challenge(str(asked.get("code_verifier", ""))):
                    raise Refused("invalid_grant", auth=True)
                return self.connections.tokens(found.connection)
            case "refresh_token":
                return self.connections.tokens(
                    self.connections.by_refresh(str(asked.get("refresh_token", "")))
                )
            case _:
                raise Refused("invalid_request", auth=True)

    def delete(self, token: str) -> None:
        """DELETE /api/delete."""
        self.connections.by_access(token).deleted = True

    def extend(self, token: str, asked: Mapping[str, object], link: Callable[[Connection], str]) -> Json:
        """POST /connections/extend. `link` makes the page where the person logs in."""
        if asked.get("user_has_reconfirmed_consent") is not True or not asked.get("redirect_uri"):
            raise Problem("invalid-parameters", "Invalid request")
        try:
            self.connections.by_access(token)
            self.admits(str(asked.get("client_id", "")), str(asked.get("client_secret", "")))
            connection = self.connections.by_refresh(str(asked.get("refresh_token", "")))
        except Refused:
            raise Problem("unauthenticated", "Refresh token missing or invalid") from None
        if connection.broken:
            raise Problem("unprocessable", "This connection cannot be extended")
        if not connection.eternal:
            return {"action_needed": "authentication_needed", "user_input_link": link(connection)}
        connection.expires_at = self.world.now + timedelta(days=90)
        told = self.connections.tokens(connection)
        return {"action_needed": "no_action_needed", **{k: v for k, v in told.items() if k != "scope"}}

    # Data

    def data(
        self, connection: Connection, path: str, query: Mapping[str, str], *, attended: bool
    ) -> list[Json]:
        """The results of GET /data/v1/`path`. Raises Refused."""
        parts = path.split("/")
        if parts == ["me"]:
            return [self._me(connection)]
        if connection.broken:
            raise Refused(connection.broken)
        if self._limited and not attended:
            connection.attend(path, self.world.now.date())
        if parts == ["info"]:
            self._granted(connection, "info")
            return [
                {
                    "full_name": connection.holder.full_name,
                    "update_timestamp": records.moment(self.world.now),
                }
            ]
        return self._kind(connection, parts, query)

    def _kind(self, connection: Connection, parts: list[str], query: Mapping[str, str]) -> list[Json]:
        kind, *rest = parts
        self._granted(connection, kind)
        if kind not in KINDS or len(rest) > 3:
            raise Refused("endpoint_not_supported")
        views = [view for view in self._views(connection) if view.terms.kind in KINDS[kind]]
        if not views and kind == "accounts":
            raise Refused("endpoint_not_supported")  # an issuer of cards alone
        told = records.card if kind == "cards" else records.account
        now, bank = self.world.now, connection.bank
        if not rest:
            return [told(view.terms, connection.holder, bank, now) for view in views]
        found = next((view for view in views if records.account_id(view.terms) == rest[0]), None)
        if found is None:
            raise Refused("account_not_found")
        if len(rest) == 1:
            return [told(found.terms, connection.holder, bank, now)]
        return self._of_account(connection, found, "/".join(rest[1:]), query)

    def _of_account(
        self, connection: Connection, view: AccountView, what: str, query: Mapping[str, str]
    ) -> list[Json]:
        bank, last = connection.bank, what.rpartition("/")[2]
        if last in bank.quirks.unsupported:
            raise Refused("endpoint_not_supported")
        self._granted(connection, _NEEDS.get(last, last))
        match what:
            case "balance":
                return [records.balance(view, self.world.now)]
            case "transactions":
                start, end = self._window(connection, query)
                told = connection.told_from
                name = records.account_id(view.terms)
                told[name] = min(start, told.get(name, start))
                shown = records.settled(view, start, end)
            case "transactions/pending":
                shown = records.pending(view)
            case "standing_orders":
                return records.standing_orders(view, self.world.now)
            case "direct_debits":
                return records.direct_debits(view, self.world.now, self._calls)
            case _:
                raise Refused("endpoint_not_supported")
        return [records.transaction(each, view.terms, bank, self._calls) for each in shown]

    def _window(self, connection: Connection, query: Mapping[str, str]) -> tuple[date, date]:
        """From day to day. Raises invalid_date_range, sca_exceeded. Without both: the last three months [?]."""
        now, zone = self.world.now, connection.holder.land.zone
        latest = max(now, self.clock()).astimezone(zone).date()
        try:
            start, end = (date.fromisoformat(query[name][:10]) for name in ("from", "to"))
        except KeyError:
            return latest - 3 * _MONTH, latest
        except ValueError:
            raise Refused("validation_error") from None
        if start > end or end > latest or start < latest - connection.bank.quirks.history_months_max * _MONTH:
            raise Refused("invalid_date_range")
        late = now - connection.authenticated_at > DEEP_FOR
        if late and start < now.astimezone(zone).date() - timedelta(days=SHALLOW_DAYS):
            raise Refused("sca_exceeded")
        return start, end

    def _me(self, connection: Connection) -> Json:
        return {
            "client_id": connection.client_id,
            "credentials_id": connection.credentials_id,
            "consent_status": "Authorised",
            "consent_status_updated_at": records.moment(connection.authenticated_at),
            "consent_created_at": records.moment(connection.created_at),
            "consent_expires_at": records.moment(connection.expires_at),
            "provider": records.provider(connection.bank),
            "scopes": [scope for scope in _ME_SCOPES if scope in connection.scopes],
            "privacy_policy": "Feb2019",
        }

    def _granted(self, connection: Connection, scope: str) -> None:
        if scope in SCOPES and scope not in connection.scopes:
            raise Refused("access_denied")

    def _views(self, connection: Connection) -> list[AccountView]:
        return [
            view
            for view in self.world.accounts(connection.holder)
            if records.account_id(view.terms) in connection.accounts
        ]

    # Asynchronous calls

    def begin(
        self, connection: Connection, path: str, query: Mapping[str, str], origin: str, *, attended: bool
    ) -> Json:
        """Start a call of which the results come later; its webhook goes out at once, for the emulator has them."""
        try:
            results = self.data(connection, path, query, attended=attended)
            answer: Json = {"results": results, "status": "Succeeded"}
        except Refused as refusal:
            answer = {"results": [], "status": "Failed", **refusal.body()}
        task_id = hexed("task", self._calls)
        self._tasks[task_id] = Task(connection, answer)
        results_uri = f"{origin}/data/v1/results/{task_id}"
        if webhook_uri := query.get("webhook_uri"):
            told = {
                "request_timestamp": f"{self.clock():%Y-%m-%dT%H:%M:%SZ}",
                "request_uri": f"{origin}/data/v1/{path}",
                "results_uri": results_uri,
                "credentials_id": connection.credentials_id,
                "task_id": task_id,
                "status": answer["status"],
            }
            json = {"Content-Type": "application/json"}
            self.outbox.append(Hook(webhook_uri, json, msgspec.json.encode(told)))  # v1 signs nothing
        return {"results_uri": results_uri, "status": "Queued", "task_id": task_id}

    def results(self, connection: Connection, task_id: str) -> Json:
        """What came of it so far."""
        task = self._tasks.get(task_id)
        if task is None or task.connection is not connection:
            raise Refused("account_not_found")
        task.polls += 1
        return {"results": [], "status": "Running"} if task.polls == 1 else task.answer

    # Webhooks that are signed (v3)

    def send_event(self, url: str, event: Mapping[str, object], origin: str) -> Hook:
        """A signed webhook to `url`."""
        body = msgspec.json.encode(event)
        signed = {TIMESTAMP: f"{self.clock():%Y-%m-%dT%H:%M:%SZ}"}
        signature = self.signer.sign(urlsplit(url).path, signed, body, origin + JWKS_PATH)
        hook = Hook(url, {**signed, HEADER: signature, "Content-Type": "application/json"}, body)
        self.outbox.append(hook)
        return hook

    # People

    def log_in(self, bank: Bank, user: str, password: str) -> tuple[str, frozenset[str], str]:
        """(holder's name, their accounts at the bank, what is wrong with the login on purpose). Raises access_denied
        where the bank doesn't know them."""
        broken = (
            user.removeprefix("error.") if (user.startswith("error."), password) == (True, "error") else ""
        )
        name = "john" if broken else user
        if bank.institution is None:
            holder = self.world.holder(name) or self.world.person(name, CountryCode.GB)
        else:
            known = self.world.holder(name)
            if known is None:
                raise Refused("access_denied", auth=True)
            holder = known
        kinds = KINDS["accounts"] | KINDS["cards"]
        shown = frozenset(
            records.account_id(account)
            for account in holder.accounts
            if account.kind in kinds and bank.institution in {None, account.institution.id}
        )
        if not shown or not password:
            raise Refused("access_denied", auth=True)
        return holder.name, shown, broken


def providers() -> list[Json]:
    """GET /api/providers."""
    return [
        {
            "provider_id": bank.provider_id,
            "display_name": bank.name,
            "country": "uk",
            "logo_url": f"https://truelayer-provider-assets.s3.amazonaws.com/{bank.provider_id}.svg",
            "scopes": sorted(SCOPES),
        }
        for bank in BANKS.values()
    ]


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
