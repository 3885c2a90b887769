"""Belvo as one thing: its links, the tokens of its widget, what it collects and when it says so."""

import hmac
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from caudal_sandbox.belvo import records
from caudal_sandbox.belvo.errors import THROTTLED, BelvoError
from caudal_sandbox.belvo.hooks import Courier, Hooks
from caudal_sandbox.belvo.institutions import BANKS, Bank
from caudal_sandbox.belvo.links import RATES, SOON, Consent, Link
from caudal_sandbox.belvo.names import cpf_of, hexed, uuid_of
from caudal_sandbox.belvo.views import link_views, moving
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.emulators import Ground

Json = dict[str, object]

TOKEN_FOR: Final = timedelta(minutes=10)
SESSION_FOR: Final = timedelta(seconds=9_600)
"""How long an MFA session may be resumed: `expiry` in the examples, whose unit isn't told [?]."""
COOLDOWN: Final = timedelta(minutes=10)
DELETED_A_MINUTE: Final = 5
DELAY: Final = timedelta(milliseconds=250)
"""Between one resource's history and the next one's: minutes, at the real one."""
MONTHLY: Final = {"accounts": 4, "transactions": 4, "recent": 240, "owners": 4, "balances": 420}
"""How often a bank may be asked in a month, for a person (contract §4.5)."""


class Options(msgspec.Struct, frozen=True):
    """How this Belvo is. `keys`: the only pair it takes; None: any that isn't empty. `rate`: of recurrent links.
    `page_size_max`, `rows_max`: of a page, and of what a bank can be asked for at once. `limited`: banks count. `legacy`:
    links by credentials, as until 2023, can be made. `drops_twins`: from that day on rows that look alike are
    told once."""

    keys: tuple[str, str] | None = None
    rate: str = "6h"
    page_size_max: int = 1_000
    rows_max: int = 20_000
    limited: bool = True
    legacy: bool = True
    drops_twins: date | None = None


class Visitor(msgspec.Struct, frozen=True):
    """Whom a widget's token was made for."""

    document: str
    person: str
    fetch: tuple[str, ...]
    stale_in: str
    days: int | None
    callbacks: Mapping[str, str]
    until: datetime


class Wanted(msgspec.Struct, frozen=True):
    """What is asked of a new link."""

    external_id: str | None
    mode: str
    fetch: tuple[str, ...]
    stale_in: str


class Session(msgspec.Struct, frozen=True):
    """A login that waits for its token (MFA)."""

    link: Link
    until: datetime


class Emulator:
    """Belvo over one world. Links are of the world's time; tokens, sessions and preparing of the service's clock."""

    def __init__(self, ground: Ground, options: Options) -> None:
        self.world = ground.world
        self.faults = ground.faults
        self.clock = ground.clock
        self.options = options
        self.links: dict[str, Link] = {}
        self.unconfirmed: dict[str, Link] = {}
        self.courier = Courier(ground.faults, ground.clock, time_scale=ground.time_scale)
        self.hooks = Hooks(self.courier)
        self._visitors: dict[str, Visitor] = {}
        self._sessions: dict[str, Session] = {}
        self._deleted: list[datetime] = []
        self._since: dict[str, date] = {}
        self._made = 0

    def admits(self, pair: tuple[str, str]) -> None:
        """Raises authentication_failed."""
        right = all(pair)
        if self.options.keys is not None:
            right = hmac.compare_digest("\0".join(pair).encode(), "\0".join(self.options.keys).encode())
        if not right:
            raise BelvoError("authentication_failed")

    def name(self, what: str) -> str:
        """A new opaque name."""
        self._made += 1
        return hexed(self.world.seed, what, self._made)

    # The widget

    def welcome(self, visitor: Visitor) -> Json:
        """Tokens of the widget for that person."""
        access = f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{self.name('access')}.{self.name('signature')}"
        self._visitors[access] = visitor
        return {"access": access, "refresh": f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{self.name('refresh')}"}

    def visitor(self, access: str) -> Visitor:
        """Raises authentication_failed for a token that is over or was used."""
        found = self._visitors.get(access)
        if found is None or self.clock() >= found.until:
            raise BelvoError("authentication_failed")
        return found

    def authorised(
        self, access: str, bank: Bank, *, external_id: str | None, mode: str, days: int | None
    ) -> Link:
        """What the person has just allowed at the bank. Raises consent_without_accounts, login_error."""
        visitor = self.visitor(access)
        holder = self.whose(visitor.document)
        if holder is None:
            raise BelvoError("login_error")
        link = self._link(bank, holder, Wanted(external_id, mode, visitor.fetch, visitor.stale_in))
        if not link_views(self.world, link):
            raise BelvoError("consent_without_accounts")
        now = self.world.now
        ends = None if days is None else now + timedelta(days=days)
        link.consent = Consent(visitor.document, visitor.person, now, ends, days)
        del self._visitors[access]
        self._register(link)
        return link

    def whose(self, document: str) -> Holder | None:
        """The person of that CPF, if there is one here."""
        return next((each for each in self.world.holders if cpf_of(each.name) == document), None)

    # Links by credentials

    def log_in(
        self, bank: Bank, username: str, password: str, *, asked: Mapping[str, object], token: str
    ) -> Link:
        """A link of the profile of 2023. Raises login_error, token_required."""
        if password == "wrong":  # noqa: S105  what a person types who is to be refused
            raise BelvoError("login_error")
        holder = self.world.holder(username) or self.world.person(username, bank.country)
        external = str(asked["external_id"]) if asked.get("external_id") else None
        fetch = asked.get("fetch_resources")
        names = (
            tuple(str(each) for each in fetch)
            if isinstance(fetch, list)
            else ("ACCOUNTS", "TRANSACTIONS", "OWNERS")
        )
        mode = str(asked.get("access_mode") or "recurrent")
        link = self._link(bank, holder, Wanted(external, mode, names, str(asked.get("stale_in") or "365d")))
        if bank.asks and not token:
            link.status = "unconfirmed"
            self.unconfirmed[link.id] = link
            raise self.wants_token(link)
        self._register(link)
        return link

    def wants_token(self, link: Link) -> BelvoError:
        """The refusal that asks for a token."""
        session = self.name("session")
        self._sessions[session] = Session(link, self.clock() + SESSION_FOR)
        more = {
            "session": session,
            "expiry": SESSION_FOR.seconds,
            "link": link.id,
            "token_generation_data": {
                "instructions": "Use this code to generate the token",
                "type": "numeric",
                "value": "12345",
                "expects_user_input": True,
            },
        }
        return BelvoError("token_required", more=more)

    def resumed(self, session: str, link_id: str) -> Link:
        """The login goes on with its token. Raises session_expired."""
        found = self._sessions.pop(session, None)
        if found is None or self.clock() >= found.until or found.link.id != link_id:
            raise BelvoError("session_expired")
        link = found.link
        if self.unconfirmed.pop(link.id, None) is not None:
            self._register(link)
        link.status = "valid"
        return link

    # What becomes of links

    def link(self, ident: str) -> Link:
        """Raises not_found."""
        found = self.links.get(ident) or self.unconfirmed.get(ident)
        if found is None:
            raise BelvoError("not_found")
        return found

    def delete(self, link: Link) -> None:
        """With everything of it. Raises a throttling for more than five a minute."""
        now = self.clock()
        self._deleted = [each for each in self._deleted if now - each < timedelta(minutes=1)]
        if self.options.limited and len(self._deleted) >= DELETED_A_MINUTE:
            raise BelvoError(THROTTLED)
        self._deleted.append(now)
        self.links.pop(link.id, None)
        self.unconfirmed.pop(link.id, None)

    def refresh(self, link: Link) -> str:
        """Go to the bank now; the request's id. Raises link_refreshed, invalid_link."""
        self.usable(link)
        if link.refreshed_at is not None and self.clock() - link.refreshed_at < COOLDOWN:
            raise BelvoError("link_refreshed")
        link.refreshed_at = self.clock()
        self.collect(link)
        return self.name("request")

    def usable(self, link: Link) -> None:
        """Raises what keeps the bank from being asked."""
        if link.status == "unconfirmed":
            raise BelvoError("unconfirmed_link")
        if link.status == "invalid" or (link.consent and link.consent.status != "AUTHORISED"):
            raise BelvoError("invalid_link")

    def counts(self, link: Link, resource: str) -> None:
        """One more question to the bank in this month. Raises institution_unavailable where it bears no more [?]."""
        month = f"{self.world.now:%Y-%m}"
        link.calls[month, resource] += 1
        if self.options.limited and link.consent and link.calls[month, resource] > MONTHLY.get(resource, 420):
            raise BelvoError("institution_unavailable")

    def collect(self, link: Link) -> None:
        """Take in what the bank shows now, and say what is new, other or gone."""
        link.collected_at = self.world.now
        before, link.seen = link.seen, self._rows(link)
        if "TRANSACTIONS" not in link.told:
            return
        new = link.seen.keys() - before.keys()
        other = [key for key in before.keys() & link.seen.keys() if before[key] != link.seen[key]]
        gone = sorted(before.keys() - link.seen.keys())
        self._say(link, "new_transactions_available", {"new_transactions": len(new)}, bool(new))
        for code, keys in (("transactions_updated", sorted(other)), ("transactions_deleted", gone)):
            self._say(link, code, {"count": len(keys), "transactions": keys}, bool(keys))

    def break_login(self, link: Link, status: str = "invalid") -> None:
        """The bank wants the person again [status: ``invalid`` or ``token_required``]."""
        link.status = status
        code = "invalid_credentials" if status == "invalid" else "token_required"
        why = {
            "error_code": "login_error" if status == "invalid" else status,
            "error_message": code,
            "status": status,
        }
        self.hooks.tell(link, "LINK", code, why, process="recurrent_update")

    def go_on(self) -> Iterator[object]:
        """Consents end, histories are there, links are due."""
        now = self.world.now
        for link in list(self.links.values()):
            self.tell_ready(link)
            if link.consent is not None:
                self._look_at(link, link.consent, now)
            if link.due(now):
                self.collect(link)
            yield link

    def since(self, link: Link) -> date:
        """The first day that any link of that person's has told: the one that is there now may tell fewer."""
        return self._since.get(link.person, link.since)

    def tell_ready(self, link: Link) -> None:
        """Say which resources' history is there now."""
        for resource, at in sorted(link.ready.items(), key=lambda each: each[1]):
            if resource not in link.told and self.clock() >= at:
                link.told.add(resource)
                self.hooks.tell(link, resource, "historical_update", self._totals(link, resource))

    def is_ready(self, link: Link, resource: str) -> bool:
        """Whether a resource's history is there: before that its lists are empty."""
        self.tell_ready(link)
        return resource in link.told or resource not in link.ready

    def _look_at(self, link: Link, consent: Consent, now: datetime) -> None:
        if consent.ends is None or consent.status != "AUTHORISED":
            return
        named = {"consent_id": link.consent_id()}
        if now >= consent.ends:
            consent.status = "EXPIRED"
            self.hooks.tell(link, "CONSENTS", "openfinance_consent_expired", named)
        elif consent.ends - now <= SOON and not consent.warned and link.access_mode == "recurrent":
            consent.warned = True
            due = {"consent_due_date": f"{consent.ends:%Y-%m-%dT%H:%M:%SZ}"}
            self.hooks.tell(link, "CONSENTS", "openfinance_consent_about_to_expire", named | due)

    def _say(self, link: Link, code: str, data: Json, is_news: bool) -> None:  # noqa: FBT001  the question itself
        if is_news:
            self.hooks.tell(link, "TRANSACTIONS", code, data, process="recurrent_update")

    def _totals(self, link: Link, resource: str) -> Json | None:
        if resource == "TRANSACTIONS":
            days = [
                each.on
                for view in moving(self.world, link)
                for each in records.movements(link, view, link.collected_at)
            ]
            if not days:
                return {"total_transactions": 0}
            return {
                "total_transactions": len(days),
                "first_transaction_date": min(days).isoformat(),
                "last_transaction_date": max(days).isoformat(),
            }
        return {f"total_{resource.lower()}": len(link_views(self.world, link))}

    def _rows(self, link: Link) -> dict[str, str]:
        """Each row by Belvo's id, and what it says."""
        at = link.collected_at
        return {
            link.uuid(
                "transaction", records.internal_movement(link, each)
            ): f"{each.state} {each.amount} {each.text}"
            for view in moving(self.world, link)
            for each in records.movements(link, view, at)
        }

    def _link(self, bank: Bank, holder: Holder, wanted: Wanted) -> Link:
        now, clock = self.world.now, self.clock()
        ident = uuid_of(self.world.seed, "link", self.name("link"))
        chance = Chance(self.world.seed, "ready", ident)
        rest = [resource for resource in wanted.fetch if resource != "ACCOUNTS"]
        order = sorted(rest, key=lambda _: chance.below(1_000))
        ready = {resource: clock + DELAY * nth for nth, resource in enumerate(order, 1)}
        return Link(
            ident,
            bank,
            holder,
            wanted.external_id,
            wanted.mode,
            self.options.rate if wanted.mode == "recurrent" and self.options.rate in RATES else None,
            wanted.fetch,
            wanted.stale_in,
            now,
            now,
            {"ACCOUNTS": clock, **ready},
        )

    def _register(self, link: Link) -> None:
        link.status = "valid"
        self.links[link.id] = link
        self._since[link.person] = min(link.since, self.since(link))
        link.seen = self._rows(link)
        self.tell_ready(link)


def bank_of(name: str, *, legacy_too: bool) -> Bank:
    """Raises does_not_exist."""
    found = BANKS.get(name)
    if found is None or (found.legacy and not legacy_too):
        raise BelvoError("does_not_exist", field="institution")
    return found
