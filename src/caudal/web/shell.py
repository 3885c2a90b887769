"""The frame around pages: where one can go, and who is there."""

from typing import Final, Literal

import msgspec

Section = Literal["overview", "transactions", "accounts", "review", "settings"]


class Place(msgspec.Struct, frozen=True):
    """A section of the dashboard. Its name is the catalogue's ``nav.<section>``, its sign the icon of that name; `path`
    stands after the space's."""

    section: Section
    path: str


SECTIONS: Final = (
    Place("overview", ""),
    Place("transactions", "/transactions"),
    Place("accounts", "/accounts"),
    Place("review", "/review"),
    Place("settings", "/settings"),
)
"""In the order they are offered: five, as many as fit beneath a thumb."""


class Toast(msgspec.Struct, frozen=True):
    """A short message that a page comes with. `stays`: until it is dismissed, for what went wrong."""

    text: str
    stays: bool = False


class Books(msgspec.Struct, frozen=True):
    """A space one can go to."""

    name: str
    href: str


class Shell(msgspec.Struct, frozen=True, kw_only=True):
    """What the frame of a page shows. `here`: the section it is in; `base`: what the addresses of the space begin with;
    `space`: whose books; `books`: all that one can go to; `person`: who is signed in; `asks`: how many questions wait in
    review (`counted`: it was looked); `live`: where the space's events can be followed, "" where not; `keys`: whether
    single keys do something; `toasts`: what the page came with."""

    here: Section
    base: str
    space: str
    person: str
    books: tuple[Books, ...] = ()
    asks: int = 0
    counted: bool = False
    live: str = ""
    keys: bool = True
    toasts: tuple[Toast, ...] = ()
