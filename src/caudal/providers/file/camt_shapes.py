"""Entries that look alike: the shape of one that was read tag by tag reads the next one at a stroke.

A bank writes its entries from a few moulds, so that mostly just the texts differ. A shape is a regular expression
of an entry's very tags with room for other texts, and the list of where those go. What it matches has one meaning
as XML: no entity, comment, CDATA or instruction, no text beside child elements, no character XML forbids.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple, Self

from caudal.providers.file.camt_tree import Fields, Node

_ATTRIBUTE: Final = r"""\s+([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')"""
_ATTRIBUTES: Final = re.compile(_ATTRIBUTE)
_TAG: Final = re.compile(rf"<(/?)([^\s<>/]+)((?:{_ATTRIBUTE.replace('([^', '(?:[^')})*)\s*(/?)>")
_TEXT: Final = r"[^<>&\x00-\x08\x0b-\x1f\ufffe\uffff]*+"
_BLANK: Final = r"[ \t\n]*+"

_Opened = tuple[Callable[[dict[str, str]], None], dict[str, str]]


class Shape(NamedTuple):
    """One mould of entries, and what the tree of paths does with an entry of it."""

    pattern: re.Pattern[str]
    """Matches a whole entry; its groups are the texts that are kept."""
    opened: list[_Opened]
    """What is called with which attributes."""
    fields: list[tuple[Fields, str, int]]
    """Which field is which group, in the order of end tags: the last one stays."""
    lists: list[tuple[list[str], int]]
    """Which list gets which group."""

    @classmethod
    def of(cls, entry: str, node: Node) -> Self | None:
        """The shape of an entry's XML, as the tree reads it from the entry's own `node` on.

        None where more than tags and texts is in it. The pattern need not match the entry itself: entities, and
        text beside elements, are beyond it.
        """
        if "<!" in entry or "<?" in entry:
            return None
        source: list[str] = []
        opened: list[_Opened] = []
        fields: list[tuple[Fields, str, int]] = []
        lists: list[tuple[list[str], int]] = []
        text_at = 0
        groups: dict[int, int] = {}
        node = node.parent
        for tag in _TAG.finditer(entry):
            closes, name, attributes, empty = tag.groups()
            source.append(re.escape(tag[0]))
            if not closes:
                node = node[name]
                if node.opens is not None and len(source) > 1:
                    opened.append((node.opens, _attributes(attributes)))
                text_at = len(source)
                source.append("" if empty else _TEXT)
            if closes or empty:
                if node.into is not None:
                    fields.append((node.into, node.field, groups.setdefault(text_at, len(groups))))
                elif node.each is not None:
                    lists.append((node.each, groups.setdefault(text_at, len(groups))))
                node = node.parent
                source.append(_BLANK)
        for at in groups:
            source[at] = f"({source[at]})"
        return cls(re.compile("".join(source)), opened, fields, lists)

    def read(self, entry: str) -> bool:
        """Do with this entry what the tree would; False, and nothing done, if it has another shape."""
        found = self.pattern.fullmatch(entry)
        if found is None:
            return False
        texts = found.groups()
        for opens, attributes in self.opened:
            opens(attributes)
        for into, field, group in self.fields:
            into[field] = texts[group].strip()
        for each, group in self.lists:
            each.append(texts[group])
        return True


def _attributes(printed: str) -> dict[str, str]:
    return {name: double or single for name, double, single in _ATTRIBUTES.findall(printed)}
