"""What a form sent: read field by field, each refused with the text that says why."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from starlette.datastructures import FormData, UploadFile

from caudal.model.errors import CaudalError, MoneyError
from caudal.web import amounts
from caudal.web.languages import Language

_TEXT_MAX: Final = 1_000
_AMOUNT_MAX: Final = 40


class Wrong(CaudalError):
    """What was sent can't be read. `errors`: the key of the text that says why, by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(f"the form can't be read: {', '.join(sorted(errors))}")
        self.errors = errors


class Upload:
    """A file that was sent, and what it is called. Read while the request lasts: until then it lies on disk."""

    def __init__(self, name: str, size: int, file: UploadFile) -> None:
        self.name = name
        self.size = size
        self._file = file

    async def read(self) -> bytes:
        """What is in it."""
        return await self._file.read()


class Form:
    """The fields of a form. Reading one raises `Wrong` where it can't be what it should."""

    def __init__(
        self, fields: Mapping[str, list[str]], files: Mapping[str, list[Upload]], language: Language
    ) -> None:
        """`language`: in whose manner amounts are written."""
        self._fields = fields
        self._files = files
        self._language = language

    @classmethod
    def of(cls, sent: FormData, language: Language) -> "Form":
        """What was sent."""
        fields: dict[str, list[str]] = {}
        files: dict[str, list[Upload]] = {}
        for name, value in sent.multi_items():
            if isinstance(value, UploadFile):
                if value.filename:
                    files.setdefault(name, []).append(Upload(value.filename, value.size or 0, value))
            else:
                fields.setdefault(name, []).append(value)
        return cls(fields, files, language)

    def text(self, name: str, *, longest: int = _TEXT_MAX) -> str:
        """A text without the spaces around it; "" where there is none."""
        found = self.raw(name).strip()
        if len(found) > longest:
            raise Wrong({name: "form.too_long"})
        return found

    def raw(self, name: str) -> str:
        """A text as it was sent: a password."""
        return self._fields.get(name, [""])[0]

    def required(self, name: str, *, longest: int = _TEXT_MAX) -> str:
        """A text that must be there."""
        found = self.text(name, longest=longest)
        if not found:
            raise Wrong({name: "form.missing"})
        return found

    def choice(self, name: str, allowed: Collection[str]) -> str:
        """One of those there are."""
        found = self.text(name)
        if found not in allowed:
            raise Wrong({name: "form.not_offered"})
        return found

    def amount(self, name: str) -> Decimal | None:
        """An amount as people write it, with a comma or a point; None where there is none."""
        found = self.text(name, longest=_AMOUNT_MAX)
        try:
            return amounts.read(found, self._language) if found else None
        except MoneyError:
            raise Wrong({name: "form.no_amount"}) from None

    def day(self, name: str) -> date | None:
        """A day; None where there is none."""
        found = self.text(name)
        try:
            return date.fromisoformat(found) if found else None
        except ValueError:
            raise Wrong({name: "form.no_day"}) from None

    def id(self, name: str) -> UUID:
        """An id that a page put there."""
        try:
            return UUID(self.text(name))
        except ValueError:
            raise Wrong({name: "form.not_offered"}) from None

    def names(self) -> list[str]:
        """What the fields that were sent are called."""
        return list(self._fields)

    def all(self, name: str) -> list[str]:
        """All that were sent by this name."""
        return list(self._fields.get(name, ()))

    def files(self, name: str) -> list[Upload]:
        """The files that were sent by this name."""
        return list(self._files.get(name, ()))
