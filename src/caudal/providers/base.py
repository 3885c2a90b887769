"""What a provider is. Whoever adds one reads this file, and touches nothing outside their own folder."""

import enum
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

from caudal.model.changes import Cursor, Page

Access_contra = TypeVar("Access_contra", contravariant=True)


class Capability(enum.StrEnum):
    """What a provider can do. Declared, so that it can be shown and relied on."""

    ACCOUNTS = "accounts"
    BALANCES = "balances"
    TRANSACTIONS = "transactions"
    PENDING = "pending"
    WINDOWS = "windows"
    """Tells which days its pages complete, so that absence is evidence (DESIGN §2.4)."""


class Provider(Protocol[Access_contra]):
    """A function from a cursor to pages (DESIGN §2.1).

    `Access_contra` is what the provider needs to pull: opened credentials, or for files the file itself.
    """

    name: str
    capabilities: frozenset[Capability]

    def pull(self, access: Access_contra, cursor: Cursor) -> AsyncIterator[Page]:
        """Pages from `cursor` ('' = the beginning) to the end of what the source holds now.

        Each page's `next` is the cursor after it. Pulling again from the same cursor must give pages that say
        the same. Raises the ProviderError family alone; what one record can't be read for goes to
        `Page.unreadable` instead.
        """
        ...
