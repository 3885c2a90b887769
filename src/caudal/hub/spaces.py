"""Which books a command works on."""

from typing import Final
from uuid import UUID, uuid5

from caudal.hub import audit
from caudal.hub.installation import Installation
from caudal.model.errors import ConflictError, NotFound
from caudal.store import spaces
from caudal.store.database import Store
from caudal.store.spaces import Space

FIRST_SPACE: Final = "home"
"""The space made where there is none and none was named."""

_MADE_BY_NAME: Final = UUID("5b0a4f5e-6f0b-5f0c-8a43-6c2d1a0e9b71")


async def _made(store: Store, name: str) -> Space:
    """The space of this name, its id following from the name: made twice at once, it is still one."""
    return await spaces.create_space(store, name, uuid5(_MADE_BY_NAME, name))


async def chosen(store: Store, named: str | None, *, make: bool = False) -> Space:
    """The space with this name or id; without one, the only space there is.

    `make`: a space that isn't there yet is made. Raises NotFound or ConflictError otherwise.
    """
    there = await spaces.list_spaces(store)
    if named is None:
        if not there:
            if make:
                return await _made(store, FIRST_SPACE)
            raise NotFound("there is no space yet: the first import makes one")
        if len(there) > 1:
            names = ", ".join(space.name for space in there)
            raise ConflictError(f"there are several spaces ({names}): say which with --space")
        return there[0]
    fitting = [space for space in there if named in (space.name, str(space.space_id))]
    if len(fitting) > 1:
        raise ConflictError(f"several spaces are called {named!r}: give the space's id")
    if fitting:
        return fitting[0]
    if make:
        return await _made(store, named)
    names = ", ".join(space.name for space in there) or "none"
    raise NotFound(f"no space {named!r} (there are: {names})")


async def rename(installation: Installation, space: Space, name: str) -> str:
    """Call a space otherwise. Returns how it is called now."""
    async with installation.store.transaction(space.space_id) as tx:
        await spaces.rename_space(tx, space.space_id, name)
        await audit.note(tx, installation, space, "space.renamed", {"name": name})
    return name
