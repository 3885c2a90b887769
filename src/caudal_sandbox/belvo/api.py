"""Belvo's calls: who may ask, what is asked, and what comes of it (contract §1 to §4)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from caudal_sandbox.belvo import investments, legacy, records
from caudal_sandbox.belvo.emulator import TOKEN_FOR, Emulator, Visitor, bank_of
from caudal_sandbox.belvo.errors import BelvoError
from caudal_sandbox.belvo.institutions import BANKS
from caudal_sandbox.belvo.links import Link
from caudal_sandbox.belvo.lists import cut, filtered, paged
from caudal_sandbox.belvo.views import invested, link_views, moving

Json = dict[str, object]
Told = Json | list[Json] | None

SCOPES: Final = (
    "read_institutions,write_links,read_consents,write_consents,write_consent_callback,delete_consents"
)
PERMISSIONS: Final = ["REGISTER", "ACCOUNTS", "CREDIT_CARDS", "CREDIT_OPERATIONS"]
RESOURCES: Final = frozenset(
    {
        "ACCOUNTS", "TRANSACTIONS", "OWNERS", "BILLS", "INVESTMENTS", "INVESTMENT_TRANSACTIONS", "EXCHANGES", "INCOMES",
        "RECURRING_EXPENSES", "RISK_INSIGHTS",
    }
)  # fmt: skip
PURPOSE_MAX: Final = 140
_DURATIONS: Final = {92, 183, 275, 366}
_RECENT: Final = timedelta(days=6)


class Asked(NamedTuple):
    """One call. `url`: of the path without query; `keys`: of HTTP Basic."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    keys: tuple[str, str]
    url: str
    asynchronous: bool = False


class Kind(NamedTuple):
    """A resource: what its history is called, its rows, whether lists of it name their link, what a bank counts."""

    resource: str
    rows: Callable[[Emulator, Link, datetime], list[Json]]
    link_required: bool = True
    counted: str = ""


def respond(emulator: Emulator, asked: Asked) -> tuple[int, Told]:
    """(status, body). Raises BelvoError."""
    parts = [part for part in asked.path.split("/") if part][1:]
    if parts == ["token"] and asked.method == "POST":
        return 200, _token(emulator, asked)
    emulator.admits(asked.keys)
    name = "/".join(parts[:2]) if parts[:1] == ["br"] else "/".join(parts[:1])
    rest = parts[len(name.split("/")) :] if name else []
    match name:
        case "":
            return 200, {}
        case "links":
            return _links(emulator, asked, rest)
        case "institutions":
            rows = [bank.record() for bank in BANKS.values() if emulator.options.legacy or not bank.legacy]
            return 200, _listed(asked, rows, rest, emulator)
        case "consents" if asked.method == "GET":
            return 200, _consents(emulator, asked, rest)
        case _ if name in KINDS:
            return _resource(emulator, asked, KINDS[name], rest)
    raise BelvoError("not_found")


def _token(emulator: Emulator, asked: Asked) -> Json:
    """POST /api/token/: the pair is in its body. Raises authentication_failed, and what is wrong with the request."""
    body = asked.body
    emulator.admits((str(body.get("id", "")), str(body.get("password", ""))))
    widget = _part(body, "widget")
    consent, branding, callbacks = (_part(widget, name) for name in ("consent", "branding", "callback_urls"))
    if body.get("scopes") != SCOPES:
        raise BelvoError("invalid", field="scopes")
    if widget.get("openfinance_feature") != "consent_link_creation":
        raise BelvoError("invalid", field="openfinance_feature")
    for part, names in (
        (callbacks, ("success", "exit", "event")),
        (branding, ("company_icon", "company_logo", "company_name", "company_terms_url")),
        (consent, ("purpose", "terms_and_conditions_url", "permissions", "identification_info")),
    ):
        for name in names:
            _present(part, name)
    if sorted(consent["permissions"]) != sorted(PERMISSIONS):
        raise BelvoError("invalid", field="permissions")
    if len(str(consent["purpose"])) > PURPOSE_MAX:
        raise BelvoError("invalid", field="purpose")
    fetch = body.get("fetch_resources")
    if not isinstance(fetch, list) or not fetch or set(fetch) - RESOURCES:
        raise BelvoError("invalid", field="fetch_resources")
    person = _identified(consent["identification_info"])
    days = consent.get("default_consent_duration_days")
    return emulator.welcome(
        Visitor(
            str(person["number"]),
            str(person["name"]),
            tuple(str(each) for each in fetch),
            str(_present(body, "stale_in")),
            days if days in _DURATIONS else None,
            {name: str(callbacks[name]) for name in ("success", "exit", "event")},
            emulator.clock() + TOKEN_FOR,
        )
    )


def _identified(info: object) -> Mapping[str, Any]:
    """The person: alone, or with the firm."""
    people = info if isinstance(info, list) else []
    for each in people:
        for name in ("type", "number", "name"):
            _present(each, name)
    kinds = sorted(str(each["type"]) for each in people)
    if kinds not in (["CPF"], ["CNPJ", "CPF"]):
        raise BelvoError("invalid", field="identification_info")
    found: Mapping[str, Any] = next(each for each in people if each["type"] == "CPF")
    return found


def _links(emulator: Emulator, asked: Asked, rest: list[str]) -> tuple[int, Told]:
    match asked.method, rest:
        case "GET", []:
            return 200, _listed(asked, [link.record() for link in emulator.links.values()], [], emulator)
        case "POST", []:
            bank = bank_of(str(_present(asked.body, "institution")), legacy_too=emulator.options.legacy)
            if not bank.legacy:
                raise BelvoError("unsupported_operation", field="institution")
            user, secret = (str(_present(asked.body, name)) for name in ("username", "password"))
            token = str(asked.body.get("token") or "")
            return 201, emulator.log_in(bank, user, secret, asked=asked.body, token=token).record()
        case "PATCH", []:
            return 200, _resumed(emulator, asked).record()
        case "GET", [ident]:
            return 200, emulator.link(ident).record()
        case "PATCH", [ident]:
            return 200, _changed(emulator.link(ident), asked.body).record()
        case "PUT", [ident]:
            return 200, _mended(emulator, emulator.link(ident), asked.body).record()
        case "DELETE", [ident]:
            link = emulator.link(ident)
            emulator.delete(link)
            if asked.asynchronous:
                emulator.hooks.tell(link, "LINK", "link_deleted")
                return 202, {"request_id": link.uuid("deleting")}
            return 204, None
        case "POST", [ident, "refresh"]:
            return 202, {"request_id": emulator.refresh(emulator.link(ident))}
    raise BelvoError("not_found")


def _resumed(emulator: Emulator, asked: Asked) -> Link:
    session, _, link = (str(_present(asked.body, name)) for name in ("session", "token", "link"))
    return emulator.resumed(session, link)


def _changed(link: Link, body: Mapping[str, Any]) -> Link:
    if "access_mode" in body:
        link.access_mode = str(body["access_mode"])
        link.rate = "24h" if link.access_mode == "recurrent" else None
    link.stale_in = str(body.get("stale_in", link.stale_in))
    link.fetch = tuple(body.get("fetch_resources", link.fetch))
    return link


def _mended(emulator: Emulator, link: Link, body: Mapping[str, Any]) -> Link:
    """New credentials. Raises login_error, token_required."""
    if not link.bank.legacy:
        raise BelvoError("unsupported_operation")
    if _present(body, "password") == "wrong":
        raise BelvoError("login_error")
    if link.bank.asks and not body.get("token"):
        raise emulator.wants_token(link)
    link.status = "valid"
    if link.access_mode == "recurrent":
        emulator.collect(link)
    return link


def _consents(emulator: Emulator, asked: Asked, rest: list[str]) -> Json:
    rows = [link.consent_record(link.consent) for link in emulator.links.values() if link.consent]
    if not rest:
        document = _present(asked.query, "user_document")
        rows = [row for row in rows if row["document_number"] == document]
    return _listed(asked, rows, rest, emulator)


def _resource(emulator: Emulator, asked: Asked, kind: Kind, rest: list[str]) -> tuple[int, Told]:
    match asked.method, rest:
        case "GET", [_]:
            rows = [row for link in emulator.links.values() for row in _held(emulator, link, kind)]
            return 200, _listed(asked, rows, rest, emulator)
        case "GET", []:
            if kind.link_required:
                _present(asked.query, "link")
            wanted = asked.query.get("link")
            links = [link for link in emulator.links.values() if wanted in {None, link.id}]
            rows = [row for link in links for row in _held(emulator, link, kind)]
            return 200, _listed(asked, rows, rest, emulator)
        case "POST", []:
            return _retrieved(emulator, asked, kind)
        case "PATCH", []:
            link = _resumed(emulator, asked)
            return 201, _cut(asked, kind.rows(emulator, link, link.collected_at))
    raise BelvoError("not_found")


def _retrieved(emulator: Emulator, asked: Asked, kind: Kind) -> tuple[int, Told]:
    """The bank is asked now."""
    link = emulator.link(str(_present(asked.body, "link")))
    emulator.usable(link)
    if link.bank.asks and not asked.body.get("token"):
        raise emulator.wants_token(link)
    counted = kind.counted
    if counted == "transactions":
        _present(asked.body, "date_from"), _present(asked.body, "date_to")
    first, last = (_day(asked.body, name) for name in ("date_from", "date_to"))
    if counted == "transactions" and first and emulator.world.now.date() - first <= _RECENT:
        counted = "recent"
    emulator.counts(link, counted or kind.resource)
    saved = asked.body.get("save_data", True)
    if saved:
        link.ready[kind.resource] = emulator.clock()
        emulator.collect(link)
    at = link.collected_at if saved else emulator.world.now
    rows = kind.rows(emulator, link, at)
    if first and last:
        rows = [
            row for row in rows if first.isoformat() <= str(row.get("value_date", first)) <= last.isoformat()
        ]
    if len(rows) > emulator.options.rows_max:
        raise BelvoError("request_timeout")
    if asked.asynchronous:
        emulator.hooks.tell(link, kind.resource, "historical_update")
        return 202, {"request_id": emulator.name("request")}
    return (201 if saved else 200), _cut(asked, rows)


def _held(emulator: Emulator, link: Link, kind: Kind) -> list[Json]:
    """What is stored; nothing before its history is there."""
    return kind.rows(emulator, link, link.collected_at) if emulator.is_ready(link, kind.resource) else []


def _listed(asked: Asked, rows: Sequence[Json], rest: list[str], emulator: Emulator) -> Json:
    """A page of a list, or the one of that id."""
    if rest:
        found = next((row for row in rows if str(row["id"]) == rest[0]), None)
        if found is None:
            raise BelvoError("not_found")
        return cut(found, asked.query)
    return paged(filtered(rows, asked.query), asked.query, asked.url, emulator.options.page_size_max)


def _cut(asked: Asked, rows: Sequence[Json]) -> list[Json]:
    return [cut(row, asked.query) for row in rows]


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = _present(body, name)
    if not isinstance(found, dict):
        raise BelvoError("invalid", field=name)
    return found


def _present(body: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  JSON
    if name not in body:
        raise BelvoError("required", field=name)
    if body[name] is None:
        raise BelvoError("null", field=name)
    if body[name] == "":
        raise BelvoError("blank", field=name)
    return body[name]


def _day(body: Mapping[str, Any], name: str) -> date | None:
    try:
        return date.fromisoformat(str(body[name])) if body.get(name) else None
    except ValueError:
        raise BelvoError("invalid", field=name) from None


# Rows


def _accounts(emulator: Emulator, link: Link, at: datetime) -> list[Json]:
    told = legacy.account if link.bank.legacy else records.account
    return [told(link, view, at) for view in link_views(emulator.world, link)]


def _transactions(emulator: Emulator, link: Link, at: datetime) -> list[Json]:
    rows: list[Json] = []
    for view in moving(emulator.world, link):
        shown = records.movements(link, view, at, drops_twins=emulator.options.drops_twins)
        if link.bank.legacy:
            whole = legacy.account(link, view, at)
            rows += [legacy.transaction(link, each, whole, at) for each in shown]
        else:
            whole = records.account(link, view, at)
            rows += [records.transaction(link, view, each, whole, at) for each in shown]
    return rows


def _balances(emulator: Emulator, link: Link, at: datetime) -> list[Json]:
    views = moving(emulator.world, link)
    if link.bank.legacy:
        return [legacy.balance(link, view, legacy.account(link, view, at), at) for view in views]
    return [records.balance(link, view, at) for view in views]


def _bills(emulator: Emulator, link: Link, at: datetime) -> list[Json]:
    return [
        records.bill(link, view, each, records.account(link, view, at), at)
        for view in link_views(emulator.world, link)
        for each in view.statements(at)
    ]


def _owners(emulator: Emulator, link: Link, at: datetime) -> list[Json]:
    _ = emulator
    return [legacy.owner(link, at) if link.bank.legacy else records.owner(link, link.holder, at)]


def _investments(emulator: Emulator, link: Link, at: datetime) -> list[Json]:
    return [row for view in invested(emulator.world, link) for row in investments.positions(link, view, at)]


def _trades(emulator: Emulator, link: Link, at: datetime) -> list[Json]:
    return [
        investments.investment_transaction(link, view, each, at)
        for view in invested(emulator.world, link)
        for each in investments.trades(view, at, link.since)
    ]


KINDS: Final[Mapping[str, Kind]] = {
    "accounts": Kind("ACCOUNTS", _accounts, link_required=False, counted="accounts"),
    "transactions": Kind("TRANSACTIONS", _transactions, counted="transactions"),
    "br/balances": Kind("ACCOUNTS", _balances, counted="balances"),
    "balances": Kind("ACCOUNTS", _balances, link_required=False),
    "bills": Kind("BILLS", _bills),
    "owners": Kind("OWNERS", _owners, link_required=False, counted="owners"),
    "br/investments": Kind("INVESTMENTS", _investments),
    "br/investment-transactions": Kind("INVESTMENT_TRANSACTIONS", _trades),
}
