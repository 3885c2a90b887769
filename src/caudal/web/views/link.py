"""What the page by which somebody links a bank shows."""

from collections.abc import Iterable
from typing import Final

import msgspec

from caudal.hub.link_sessions import LinkSession


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


class LinkPage(msgspec.Struct, frozen=True, kw_only=True):
    """Every step's page. `path`: of the page; `app`: who asks; `way`: the provider's name; `at`: which of the steps."""

    path: str
    app: str
    way: str
    at: int
    link: LinkSession

    @property
    def state(self) -> str:
        """What is next."""
        return self.link.state


_AT: Final = {"choose": 0, "consent": 0, "visit": 1, "ask": 1, "found": 2}


def link_page(path: str, link: LinkSession) -> LinkPage:
    """The page of a link at `path`."""
    return LinkPage(
        path=path,
        app=link.row.app or f"Caudal · {link.space.name}",
        way=name_of(link.row.provider),
        at=_AT.get(link.state, 3),
        link=link,
    )
