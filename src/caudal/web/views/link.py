"""What the page by which somebody links a bank shows."""

from collections.abc import Iterable
from typing import Final

import msgspec

from caudal.hub.link_sessions import LinkSession
from caudal.store.institutions import CountryRow, OfferedRow
from caudal.web.languages import Language, catalogue

_COUNTRIES_SHOWN: Final = 3


class Way(msgspec.Struct, frozen=True):
    """A way in: a provider, or one of its institutions. `about`: the key of what it reaches."""

    provider: str
    name: str
    about: str


_WAYS: Final = (
    Way("plaid", "Plaid", "link.way.plaid"),
    Way("truelayer", "TrueLayer", "link.way.truelayer"),
    Way("pluggy", "Pluggy", "link.way.pluggy"),
    Way("belvo", "Belvo", "link.way.belvo"),
    Way("bitso", "Bitso", "link.way.bitso"),
    Way("bitcoin", "Bitcoin", "link.way.bitcoin"),
    Way("ethereum", "Ethereum", "link.way.ethereum"),
)


def ways(set_up: Iterable[str]) -> list[Way]:
    """Those that are set up here, in the order they are offered."""
    there = set(set_up)
    known = [way for way in _WAYS if way.provider in there]
    others = sorted(there - {way.provider for way in _WAYS})
    return [*known, *(Way(name, name.title(), "link.way.other") for name in others)]


def name_of(provider: str) -> str:
    """How people call a provider."""
    return next((way.name for way in _WAYS if way.provider == provider), provider.title())


class Bank(msgspec.Struct, frozen=True):
    """An institution to choose. `way`: through whom, and `where`, as people say it; `login`: as it is listed."""

    provider: str
    institution: str
    name: str
    way: str
    where: str
    working: bool
    login: str


class Choice(msgspec.Struct, frozen=True):
    """Which bank? `ways` in, the `banks` that were looked for by `search` and `country`, and where there are any."""

    ways: list[Way]
    banks: list[Bank]
    search: str
    country: str
    countries: list[dict[str, str]]


def choice(
    ways: list[Way],
    found: Iterable[OfferedRow],
    countries: Iterable[CountryRow],
    language: Language,
    *,
    search: str,
    country: str,
) -> Choice:
    """What there is to choose from, in a language."""
    banks = [
        Bank(
            each.provider,
            each.reference,
            each.name,
            name_of(each.provider),
            ", ".join(_country(code, language) for code in each.countries[:_COUNTRIES_SHOWN]),
            each.working,
            each.login,
        )
        for each in found
    ]
    named = sorted((_country(each.country, language), each.country) for each in countries)
    return Choice(ways, banks, search, country, [{"value": code, "text": name} for name, code in named])


def _country(code: str, language: Language) -> str:
    """What a country is called; its code where nobody has written its name here."""
    return catalogue(language).texts.get("country." + code.lower(), code)


class LinkPage(msgspec.Struct, frozen=True, kw_only=True):
    """Every step's page. `path`: of the page; `app`: who asks; `way`: the provider's name; `bank`: that was chosen; `at`:
    which of the steps; `host`: the site that may show it in a frame, "" where none."""

    path: str
    app: str
    way: str
    bank: str
    at: int
    link: LinkSession
    host: str

    @property
    def away(self) -> dict[str, str]:
        """Attributes of what leads away: out of the frame, if it is followed in one."""
        return {"target": "_top", "data-unframed": ""} if self.host else {}

    @property
    def state(self) -> str:
        """What is next."""
        return self.link.state


_AT: Final = {"choose": 0, "consent": 0, "visit": 1, "ask": 1, "found": 2}


def link_page(path: str, link: LinkSession, host: str) -> LinkPage:
    """The page of a link at `path`, which `host` may show in a frame."""
    return LinkPage(
        path=path,
        app=link.row.app or f"Caudal · {link.space.name}",
        way=name_of(link.row.provider),
        bank=link.bank.name if link.bank else "",
        at=_AT.get(link.state, 3),
        link=link,
        host=host,
    )
