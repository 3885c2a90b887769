"""Is this installation sound? Each check says what it looked at, what it found, and what to do."""

import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from caudal import __version__
from caudal.hub import audit, installation
from caudal.hub.installation import Installation
from caudal.model.errors import CaudalError
from caudal.settings import Settings
from caudal.store import doctor, spaces
from caudal.store.doctor import EngineFaults, InboxFaults, QueueFaults
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
            checks += await look(opened)
    except CaudalError as error:
        checks.append(
            Check("database", ok=False, found=str(error), advice="mend this first, then look again")
        )
    return checks


async def look(opened: Installation) -> list[Check]:
    """The checks of what the database holds: the engine's tables, then each space's ledger."""
    there = await spaces.list_spaces(opened.store)
    checks = await _engine(opened, there)
    for space in there:
        checks += await _space(opened, space)
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


async def _engine(opened: Installation, there: Sequence[Space]) -> list[Check]:
    """The same few statements however many spaces and connections there are."""
    settings = opened.settings
    silent = settings.worker.silent_seconds_max
    async with opened.store.engine(*(space.space_id for space in there)) as tx:
        # Nothing waits longer than the longest run of its own connection, and the rescue of the worker that had it.
        faults = await doctor.engine_faults(tx, silent, settings.run.run_seconds_max + 2 * silent)
    return [*_queue(faults.queue), *_inbox(faults.inbox), _connections(faults), _events(faults)]


def _queue(jobs: QueueFaults) -> list[Check]:
    lost = f"{jobs.stalled} stay with a worker that is gone, or no longer at them" if jobs.stalled else ""
    late = f"{jobs.overdue} due for long are not begun" if jobs.overdue and jobs.workers else ""
    standing = f"{jobs.waiting} wait, {jobs.workers} workers" if jobs.waiting or jobs.workers else "empty"
    idle = bool(jobs.waiting and not jobs.workers)
    return [
        Check("jobs", ok=not (lost or late),
              found=", ".join(filter(None, (standing, lost, late))) + (": `caudal serve` works on them" if idle else ""),
              advice="end the workers and start them again: what they had is taken over" if lost or late else ""),
        Check("dead jobs", ok=not jobs.dead, found=f"{jobs.dead}" if jobs.dead else "none",
              advice="`caudal jobs list` shows them, `caudal jobs retry` queues them again" if jobs.dead else ""),
    ]  # fmt: skip


def _inbox(inbox: InboxFaults) -> list[Check]:
    return [
        Check("webhooks", ok=not inbox.forgotten,
              found=f"{inbox.forgotten} kept, and nothing queued to work them off" if inbox.forgotten
              else f"{inbox.waiting} wait" if inbox.waiting else "all worked off",
              advice="please report this; the next webhook that comes takes them along" if inbox.forgotten else ""),
        Check("dead webhooks", ok=not inbox.dead, found=f"{inbox.dead}" if inbox.dead else "none",
              advice="`caudal webhooks list --state dead` shows them, `caudal webhooks replay --dead` tries again"
              if inbox.dead else ""),
    ]  # fmt: skip


def _connections(faults: EngineFaults) -> Check:
    amiss = {
        "live ones that are never due": faults.connections.unwatched,
        "ended ones that are still due": faults.connections.watched_after_end,
        "runs that nobody is at": faults.connections.abandoned_runs,
        "cursors that moved without a run": faults.connections.strayed_cursors,
        "things written after the end": faults.connections.late_writes,
    }
    return _counted("connections", amiss, "each watched, none past its end")


def _events(faults: EngineFaults) -> Check:
    amiss = {
        "spaces whose events have gaps": faults.events.gaps,
        "transactions that no event told of": faults.events.untold,
        "accounts that don't add up, which no event told": faults.events.unraised,
    }
    return _counted("events", amiss, "without gaps, and everything told")


def _counted(what: str, amiss: Mapping[str, int], well: str) -> Check:
    found = ", ".join(f"{count} {fault}" for fault, count in amiss.items() if count)
    return Check(what, ok=not found, found=found or well, advice="please report this" if found else "")


async def _space(opened: Installation, space: Space) -> list[Check]:
    async with opened.store.transaction(space.space_id) as tx:
        counts = await doctor.invariants(tx, space.space_id)
    faults = {
        "observations without a transaction": counts.unlinked_observations,
        "transactions without an observation": counts.unfounded_transactions,
        "transactions that stray from their observations": counts.strayed,
        "days that don't add up from their transactions": counts.strayed_days,
        "transfers whose sides are not there": counts.strayed_transfers,
        "transactions that a search would pass by": counts.unsaid,
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
