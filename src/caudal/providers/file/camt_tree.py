"""The tree of element paths worth knowing, walked along with expat as a document streams by."""

from collections.abc import Callable
from typing import Final

Fields = dict[str, str]

_NAMES_REMEMBERED_MAX: Final = 64
"""Spellings (prefixes, unknown elements) one node of the path tree learns before it looks them up anew."""


class Node(dict[str, "Node"]):
    """One element on a path worth knowing: its children by tag, what to do with it, and the way back up.

    A tag it has not met is looked up once by its local name and remembered; an unknown one leads to a node
    that keeps nothing. So a start tag costs one dict lookup, an end tag one attribute.
    """

    __slots__ = ("closes", "each", "field", "into", "opens", "other", "parent", "room")

    def __init__(self, parent: "Node | None", room: int) -> None:
        super().__init__()
        self.parent: Node = self if parent is None else parent
        self.room = room
        """How many levels may still be below."""
        self.into: Fields | None = None
        """Where the element's text goes, under the name `field`."""
        self.field = ""
        self.each: list[str] | None = None
        """Where the texts of an element go that may come again."""
        self.opens: Callable[[dict[str, str]], None] | None = None
        """Called at the start tag, with its attributes."""
        self.closes: Callable[[], None] | None = None
        self.other: Node | None = None
        """The one child that stands for everything unknown."""

    def at(self, path: str) -> "Node":
        """The node below this one at a path of local names, made if need be. For building the tree."""
        node = self
        for name in path.split("/"):
            if name not in node:
                node[name] = Node(node, node.room - 1)
            node = node[name]
        return node

    def keep(self, paths: dict[str, str], into: Fields) -> "Node":
        for path, field in paths.items():
            node = self.at(path)
            node.into, node.field = into, field
        return self

    def keep_each(self, path: str, into: list[str]) -> None:
        self.at(path).each = into

    def unknown(self) -> "Node":
        if self.room <= 0:
            raise TooDeepError
        if self.other is None:
            self.other = Node(self, self.room - 1)
        return self.other

    def __missing__(self, tag: str) -> "Node":
        node = self.get(tag.rpartition(":")[2])
        if node is None:
            node = self.unknown()
        if len(self) < _NAMES_REMEMBERED_MAX:
            self[tag] = node
        return node


class TooDeepError(Exception):
    """More elements within elements than the bound allows. Becomes a Malformed."""
