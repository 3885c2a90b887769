"""The frame around pages: where one can go, and who is there."""

from typing import Final, Literal

import msgspec

Section = Literal["overview", "transactions", "accounts", "review", "settings"]


class Place(msgspec.Struct, frozen=True):
    """A section of the dashboard. Its name is the catalogue's ``nav.<section>``, its sign the icon of that name."""

    section: Section
    path: str


SECTIONS: Final = (
    Place("overview", "/"),
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


class Shell(msgspec.Struct, frozen=True, kw_only=True):
    """What the frame of a page shows. `here`: the section it is in; `space`: whose books; `person`: who is signed in;
    `asks`: how many questions wait in review; `toasts`: what the page came with."""

    here: Section
    space: str
    person: str
    asks: int = 0
    toasts: tuple[Toast, ...] = ()
