"""Linking a bank: from the person's wish to a connection whose secrets are sealed, or one that is mended."""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from caudal.hub import audit, connections, credentials
from caudal.hub.installation import Installation
from caudal.model.errors import CaudalError, ConflictError
from caudal.providers.base import (
    Abandoned,
    AccountFound,
    Ask,
    Capability,
    Conclude,
    Fields,
    Found,
    LinkAnswer,
    Linked,
    LinkRequest,
    LinkSignal,
    LiveProvider,
    Mended,
    Visit,
    Waiting,
)
from caudal.store import inbox, jobs, routing, spaces
from caudal.store.jobs import Priority, SyncWork
from caudal.store.spaces import LinkedConnection, ShownAccount, Space
from caudal.sync import feeding
from caudal.vault.rows import WEBHOOKS, RowSeal

_HEARD_MAX: Final = 500
"""Webhooks of one provider that are looked through for the one a link waits for, the latest first."""
_FIELDS_MAX: Final = 50
"""What a redirect may bring."""


class Candidate(msgspec.Struct, frozen=True):
    """What the person chose, nothing concluded yet. `already`: a connection that shows the same accounts; mending it
    (`begin` with `relink`) keeps one login one connection, where concluding would make a second and bill it twice.
    """

    found: Found
    already: LinkedConnection | None

    @property
    def conclude(self) -> Conclude:
        """The answer that makes it a connection."""
        return Conclude(self.found.state)


class Connected(msgspec.Struct, frozen=True):
    """A connection, kept. `anew` False: one that was there and is mended."""

    connection: LinkedConnection
    anew: bool


Progress = Visit | Waiting | Ask | Candidate | Connected | Abandoned


async def begin(
    installation: Installation,
    space: Space,
    live: LiveProvider,
    *,
    institution: str | None = None,
    relink: LinkedConnection | None = None,
    language: str = "en",
    choose_accounts: bool = False,
    investments_only: bool = False,
    return_url: str | None = None,
    asks_for: timedelta | None = None,
) -> Progress:
    """Start linking, or mend `relink`. The provider learns the space's id as the user's name, nothing else.

    `return_url`: where a redirect finds us; told to providers alone that send the person back.

    `investments_only`: a broker, which has no account transactions to tell.
    """
    request = LinkRequest(
        user=str(space.space_id),
        relink=None if relink is None else await connections.access(installation, space, relink),
        institution=institution,
        webhook_url=installation.settings.webhook_url(live.name) if _can(live, Capability.WEBHOOKS) else None,
        return_url=return_url if _can(live, Capability.REDIRECT) else None,
        language=language,
        choose_accounts=choose_accounts,
        investments_only=investments_only,
    )
    step = await live.begin_link(request)
    return await _taken(installation, space, live, step, relink, asks_for=asks_for)


async def proceed(
    installation: Installation,
    space: Space,
    live: LiveProvider,
    answer: LinkAnswer,
    relink: LinkedConnection | None = None,
    *,
    asks_for: timedelta | None = None,
) -> Progress:
    """The next step. A connection is kept, sealed, before anything else is done with it. `asks_for`: for so long its
    person is asked where its accounts belong, before anything of them is written."""
    step = await live.continue_link(answer)
    return await _taken(installation, space, live, step, relink, asks_for=asks_for)


def returned(visit: Visit, address: str) -> Fields:
    """The answer that the redirect to `address` brought. What the institution says of a refusal is among its values:
    the adapter's to judge. Raises ConflictError for an address that isn't the end of this very link.
    """
    try:
        told = parse_qs(urlsplit(address.strip()).query, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise ConflictError(
            "that address can't be read: nothing was linked", says="address_unreadable"
        ) from None
    state = told.pop("state", [""])
    if not visit.returns or not hmac.compare_digest(state[0].encode(), visit.returns.encode()):
        raise ConflictError(
            "that address belongs to another link: nothing was linked", says="address_of_another"
        )
    if any(len(values) > 1 for values in (state, *told.values())):
        raise ConflictError("that address says something twice: nothing was linked", says="address_twice")
    return Fields(visit.state, {name: values[0] for name, values in told.items()})


async def heard(
    installation: Installation, live: LiveProvider, visit: Visit, since: datetime
) -> Fields | None:
    """What a webhook that came since then brought for this link; None where none did yet. Only webhooks that were found
    genuine are kept, so none is verified again."""
    seal = RowSeal(installation.keyring, WEBHOOKS)
    async with installation.store.engine() as tx:
        letters = await inbox.since(tx, live.name, since, _HEARD_MAX)
    for letter in letters:
        try:
            signals = live.signals_of(seal.unseal(letter.wrapping_key, letter.key, letter.sealed))
        except CaudalError:  # the worker that meets it says so
            continue
        for signal in signals:
            if isinstance(signal, LinkSignal) and signal.session == visit.session and signal.brought:
                return Fields(visit.state, signal.brought)
    return None


def _can(live: LiveProvider, capability: Capability) -> bool:
    return capability in live.capabilities


async def _taken(
    installation: Installation,
    space: Space,
    live: LiveProvider,
    step: Visit | Waiting | Ask | Found | Linked | Mended | Abandoned,
    relink: LinkedConnection | None,
    *,
    asks_for: timedelta | None,
) -> Progress:
    match step:
        case Found():
            return Candidate(step, await _linked_already(installation, space, live.name, step))
        case Linked():
            return Connected(await _keep(installation, space, live.name, step, asks_for), anew=True)
        case Mended(secrets=secrets) if relink is not None:
            return Connected(await _mended(installation, space, relink, secrets), anew=False)
        case Mended():
            return Abandoned("the provider mended a connection that nobody asked to mend")
        case Visit() | Waiting() | Ask() | Abandoned():
            return step


async def _linked_already(
    installation: Installation, space: Space, provider: str, found: Found
) -> LinkedConnection | None:
    """The connection at the same institution that shows one of the accounts the person just chose."""
    institution = f"{provider}:{found.institution.reference}"
    async with installation.store.transaction(space.space_id) as tx:
        there = {
            each.connection_id: each
            for each in await spaces.connections(tx, space.space_id)
            if each.institution_reference == institution and each.state != "revoked"
        }
        shown = await spaces.shown_accounts(tx, space.space_id)
    same = [
        each.connection_id
        for each in shown
        if each.connection_id in there and any(_same(each, account) for account in found.accounts)
    ]
    return there[same[0]] if same else None


def _same(shown: ShownAccount, found: AccountFound) -> bool:
    """Name and mask, at one institution: what Plaid's documentation (Link, duplicate Items) goes by."""
    return (shown.name, shown.mask) == (found.name, found.mask)


async def _keep(
    installation: Installation, space: Space, provider: str, linked: Linked, asks_for: timedelta | None
) -> LinkedConnection:
    institution = linked.institution
    async with installation.store.transaction(space.space_id) as tx:
        made = await spaces.add_connection(
            tx,
            space.space_id,
            provider=provider,
            reference=linked.reference,
            institution=(institution.reference, institution.name, institution.country),
        )
        await credentials.seal_in(
            tx, installation, space.space_id, made.connection_id, linked.secrets, actor=space.actor
        )
        if asks_for is not None:
            await routing.ask(tx, space.space_id, made.connection_id, asks_for)
        details = {"connection": str(made.connection_id), "provider": provider}
        await audit.note(tx, installation, space, "connection.linked", details)
    return made


async def _mended(
    installation: Installation, space: Space, relink: LinkedConnection, secrets: Mapping[str, bytes]
) -> LinkedConnection:
    scope = (space.space_id, relink.connection_id)
    async with feeding.across(installation.store, *scope) as (tx, where):
        if secrets:
            await credentials.seal_in(tx, installation, *scope, secrets, actor=space.actor)
        await spaces.change_state(tx, *scope, "active", mended=True)
        await spaces.pause(tx, *scope, paused=False)
        await jobs.enqueue_syncs(tx, [SyncWork(*scope, "manual", Priority.MANUAL)])
        details = {"connection": str(relink.connection_id), "provider": relink.provider}
        await audit.note(tx, installation, space, "connection.mended", details)
        await feeding.tell(tx, *scope, where.fed)
    return msgspec.structs.replace(relink, state="active", state_reason="", state_action="", paused_at=None)
