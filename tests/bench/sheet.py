"""Tables of figures: printed for a reader, and as Markdown. A figure that has an aim shows whether it is met."""

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table


class Figure(msgspec.Struct, frozen=True):
    """A figure, and whether it is what it should be; None where nothing is promised."""

    text: str
    met: bool | None = None

    @classmethod
    def at_least(cls, value: float, aim: float, form: str = "{:,.0f}") -> "Figure":
        """`value`, which should reach `aim`."""
        return cls(form.format(value), value >= aim)

    @classmethod
    def at_most(cls, value: float, aim: float, form: str = "{:.2f}") -> "Figure":
        """`value`, which should stay within `aim`."""
        return cls(form.format(value), value <= aim)

    @property
    def plain(self) -> str:
        """With its mark."""
        return self.text if self.met is None else f"{self.text} {'✓' if self.met else '✗'}"

    @property
    def markup(self) -> str:
        """With its mark in colour."""
        if self.met is None:
            return escape(self.text)
        return f"{escape(self.text)} {'[green]✓[/green]' if self.met else '[red]✗[/red]'}"


class Sheet(msgspec.Struct):
    """One table. A bare string is a figure nothing is promised of."""

    title: str
    columns: Sequence[str]
    note: str = ""
    rows: list[list[Figure]] = msgspec.field(default_factory=list)
    texts: int = 1
    """How many columns from the left are words, not figures."""

    def add(self, *cells: Figure | str) -> None:
        """One more row, a cell for each column."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns")
        self.rows.append([cell if isinstance(cell, Figure) else Figure(cell) for cell in cells])

    def show(self, console: Console) -> None:
        """Print it."""
        table = Table(
            title=self.title, caption=self.note or None, title_justify="left", caption_justify="left"
        )
        for place, column in enumerate(self.columns):
            table.add_column(column, justify="left" if place < self.texts else "right")
        for row in self.rows:
            table.add_row(*(cell.markup for cell in row))
        console.print(table)

    def markdown(self) -> str:
        """The same for a file."""
        rules = ["---" if place < self.texts else "--:" for place in range(len(self.columns))]
        lines = [[column.replace("\n", " ") for column in self.columns], rules]
        lines += [[cell.plain for cell in row] for row in self.rows]
        table = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
        return f"## {self.title}\n\n{table}\n" + (f"\n{self.note}\n" if self.note else "")
