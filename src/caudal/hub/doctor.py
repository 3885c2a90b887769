"""Is this installation sound? Each check says what it looked at, what it found, and what to do."""

import platform
import sys
from pathlib import Path

import msgspec

from caudal import __version__
from caudal.hub import audit, installation
from caudal.hub.installation import Installation
from caudal.model.errors import CaudalError
from caudal.settings import Settings
from caudal.store import doctor, spaces
from caudal.store.revision import REVISION
from caudal.store.spaces import Space
from caudal.vault import keyring


class Check(msgspec.Struct, frozen=True):
    """One finding. `advice` says what to do where it isn't `ok`."""

    what: str
    ok: bool
    found: str
    advice: str = ""


async def examine(settings: Settings) -> list[Check]:
    """Every check in turn; a failed one does not stop the others where they can still be made."""
    checks = [
        Check(
            "caudal", ok=True, found=f"{__version__} on Python {platform.python_version()}, {sys.platform}"
        ),
        Check("home", ok=True, found=str(settings.home_path)),
        _keyring(keyring.path_in(settings.home_path)),
    ]
    if not checks[-1].ok:
        return checks
    try:
        async with installation.opened(settings) as opened:
            checks += await _database(opened)
            for space in await spaces.list_spaces(opened.store):
                checks += await _space(opened, space)
    except CaudalError as error:
        checks.append(
            Check("database", ok=False, found=str(error), advice="mend this first, then look again")
        )
    return checks


def _keyring(path: Path) -> Check:
    try:
        keys = keyring.load(path)
    except CaudalError as error:
        return Check("keyring", ok=False, found=str(error), advice="no key, no start")
    return Check("keyring", ok=True, found=f"{len(keys.keys)} keys, primary {keys.primary}, at {path}")


async def _database(opened: Installation) -> list[Check]:
    version = await doctor.server_version(opened.store)
    declared, actual = set(doctor.declared_schema()), set(await doctor.actual_schema(opened.store))
    strange = sorted(declared ^ actual)
    return [
        Check("database", ok=True, found=f"PostgreSQL {version.text}"),
        Check("migrations", ok=True, found=f"at revision {REVISION}"),
        Check(
            "schema",
            ok=not strange,
            found=f"{len(actual)} lines as declared"
            if not strange
            else f"{len(strange)} differ, first: {strange[0]}",
            advice="" if not strange else "somebody changed the schema by hand: undo it",
        ),
    ]


async def _space(opened: Installation, space: Space) -> list[Check]:
    async with opened.store.transaction(space.space_id) as tx:
        counts = await doctor.invariants(tx, space.space_id)
    faults = {
        "observations without a transaction": counts.unlinked_observations,
        "transactions without an observation": counts.unfounded_transactions,
        "transactions that stray from their observations": counts.strayed,
        "days that don't add up from their transactions": counts.strayed_days,
    }
    broken = ", ".join(f"{count} {what}" for what, count in faults.items() if count)
    bad_entry = await audit.first_broken(opened, space.space_id)
    where = f"space {space.name}"
    return [
        Check(f"{where}: ledger", ok=not broken, found=broken or "follows from its observations",
              advice="please report this" if broken else ""),
        Check(f"{where}: audit trail", ok=bad_entry is None,
              found="whole" if bad_entry is None else f"broken from entry {bad_entry}",
              advice="" if bad_entry is None else "somebody changed it: compare with a backup"),
        Check(f"{where}: runs", ok=True,
              found="all finished" if not counts.unfinished
              else f"{counts.unfinished} cut off; importing the file again completes it"),
    ]  # fmt: skip
