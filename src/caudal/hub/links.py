"""Linking a bank: from the person's wish to a connection whose secrets are sealed, or one that is mended."""

import msgspec

from caudal.hub import audit, connections, credentials
from caudal.hub.installation import Installation
from caudal.providers.base import (
    Abandoned,
    AccountFound,
    Ask,
    Conclude,
    Found,
    LinkAnswer,
    Linked,
    LinkRequest,
    LiveProvider,
    Mended,
    Visit,
    Waiting,
)
from caudal.store import events, jobs, spaces
from caudal.store.jobs import Priority, SyncWork
from caudal.store.spaces import LinkedConnection, ShownAccount, Space


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
) -> Progress:
    """Start linking, or mend `relink`. The provider learns the space's id as the user's name, nothing else.

    `investments_only`: a broker, which has no account transactions to tell.
    """
    request = LinkRequest(
        user=str(space.space_id),
        relink=None if relink is None else await connections.access(installation, space, relink),
        institution=institution,
        webhook_url=installation.settings.webhook_url(live.name),
        language=language,
        choose_accounts=choose_accounts,
        investments_only=investments_only,
    )
    return await _taken(installation, space, live, await live.begin_link(request), relink)


async def proceed(
    installation: Installation,
    space: Space,
    live: LiveProvider,
    answer: LinkAnswer,
    relink: LinkedConnection | None = None,
) -> Progress:
    """The next step. A connection is kept, sealed, before anything else is done with it."""
    return await _taken(installation, space, live, await live.continue_link(answer), relink)


async def _taken(
    installation: Installation,
    space: Space,
    live: LiveProvider,
    step: Visit | Waiting | Ask | Found | Linked | Mended | Abandoned,
    relink: LinkedConnection | None,
) -> Progress:
    match step:
        case Found():
            return Candidate(step, await _linked_already(installation, space, live.name, step))
        case Linked():
            return Connected(await _keep(installation, space, live.name, step), anew=True)
        case Mended() if relink is not None:
            return Connected(await _mended(installation, space, relink), anew=False)
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


async def _keep(installation: Installation, space: Space, provider: str, linked: Linked) -> LinkedConnection:
    institution = linked.institution
    async with installation.store.transaction(space.space_id) as tx:
        made = await spaces.add_connection(
            tx,
            space.space_id,
            provider=provider,
            reference=linked.reference,
            institution=(institution.reference, institution.name, institution.country),
        )
        await credentials.seal_in(tx, installation, space.space_id, made.connection_id, linked.secrets)
        await audit.record(
            tx,
            installation.keyring.audit_key,
            space.space_id,
            actor="local",
            act="connection.linked",
            details={"connection": str(made.connection_id), "provider": provider},
        )
    return made


async def _mended(installation: Installation, space: Space, relink: LinkedConnection) -> LinkedConnection:
    async with installation.store.transaction(space.space_id) as tx:
        await spaces.change_state(tx, space.space_id, relink.connection_id, "active", mended=True)
        sync = SyncWork(space.space_id, relink.connection_id, "manual", Priority.MANUAL)
        await jobs.enqueue_syncs(tx, [sync])
        await audit.record(
            tx,
            installation.keyring.audit_key,
            space.space_id,
            actor="local",
            act="connection.mended",
            details={"connection": str(relink.connection_id), "provider": relink.provider},
        )
        await events.write(tx, space.space_id, relink.connection_id)
    return msgspec.structs.replace(relink, state="active", state_reason="", state_action="")
