"""Profiles: what is known of banks' exports. Each is a small TOML file in `profiles/`, a table per layout.

A profile says how a layout is recognised and maps its columns. It holds no code: anyone can write one.
"""

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Final

import msgspec

from caudal.model.errors import ConfigError
from caudal.providers.file.csv.mapping import Mapping
from caudal.providers.file.csv.values import folded

_FOLDER: Final = resources.files("caudal.providers.file.csv") / "profiles"


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of file of one bank. Recognised by its header, or by a text in the head where it has none."""

    name: str
    map: Mapping
    header: tuple[str, ...] = ()
    """Names that must all be there (case, accents and punctuation aside)."""
    exact: bool = False
    """Whether `header` must be the whole header, in order: for names so common that a part proves nothing."""
    text: tuple[str, ...] = ()
    """Texts that must all stand in the file's head: beside the header, or alone for a layout without one."""
    columns: int | None = None
    """How many cells each row has, for a layout without a header."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One institution's layouts."""

    institution: str
    country: str
    layout: tuple[Layout, ...]
    source: str = ""
    """Where the layout is known from."""


@lru_cache(maxsize=1)
def profiles() -> tuple[Profile, ...]:
    """All shipped profiles. Raises ConfigError naming the file that can't be read."""
    found = []
    for entry in sorted(_FOLDER.iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".toml"):
            continue
        try:
            found.append(msgspec.toml.decode(entry.read_bytes(), type=Profile))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"profile {entry.name}: {error}") from None
    return tuple(found)


def known_by_header(names: Sequence[str], head: str) -> tuple[Profile, Layout] | None:
    """The layout that knows most of these header names; None if none does."""
    return _known(tuple(folded(name) for name in names), head)


def known_by_text(width: int, head: str) -> tuple[Profile, Layout] | None:
    """The headerless layout whose texts all stand in the head."""
    for profile in profiles():
        for layout in profile.layout:
            if not layout.header and layout.columns == width and all(text in head for text in layout.text):
                return profile, layout
    return None


def _known(names: tuple[str, ...], head: str) -> tuple[Profile, Layout] | None:
    best: tuple[Profile, Layout] | None = None
    trimmed = names[: len(names) - (not names[-1])] if names else names  # a delimiter after the last name
    present = set(names)
    for profile in profiles():
        for layout in profile.layout:
            wanted = tuple(map(folded, layout.header))
            fits = wanted == trimmed if layout.exact else present.issuperset(wanted)
            if not wanted or not fits or not all(text in head for text in layout.text):
                continue
            if best is None or len(wanted) + len(layout.text) > len(best[1].header) + len(best[1].text):
                best = profile, layout
    return best
