"""Which of a login's accounts are wanted, and to which space each belongs, as one form."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub.routing import Belonging
from caudal.store.spaces import Space
from caudal.web.forms import Form

_FIELD: Final = "space-"


class Placed(msgspec.Struct, frozen=True):
    """An account of the form. `space`: the one it belongs to, as its field says it; "" where who looks isn't in it."""

    account: Belonging
    field: str
    space: str


class Placing(msgspec.Struct, frozen=True):
    """The form. `spaces`: what there is to choose from, none where there is but one."""

    accounts: Sequence[Placed]
    spaces: Sequence[dict[str, str]]


def placing(accounts: Sequence[Belonging], spaces: Sequence[Space]) -> Placing:
    """Accounts, and the spaces they may belong to."""
    known = {each.space_id for each in spaces}
    found = [
        Placed(each, f"{_FIELD}{each.reference}", str(each.space_id) if each.space_id in known else "")
        for each in accounts
    ]
    offered = [{"value": str(each.space_id), "text": each.name} for each in spaces]
    return Placing(found, offered if len(offered) > 1 else [])


def placed(form: Form) -> dict[str, UUID]:
    """What the form says: account, by its reference → the space it belongs to. Raises Wrong for what is no space."""
    return {
        name.removeprefix(_FIELD): form.id(name)
        for name in form.names()
        if name.startswith(_FIELD) and form.text(name)
    }
