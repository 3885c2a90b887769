"""Which of the world's accounts a link shows."""

from caudal_sandbox.belvo import legacy, records
from caudal_sandbox.belvo.links import Link
from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.view import AccountView
from caudal_sandbox.world import World


def link_views(world: World, link: Link) -> list[AccountView]:
    """The accounts that a link shows, investments apart."""
    kinds = legacy.KINDS if link.bank.legacy else records.KINDS
    return [view for view in _at_bank(world, link) if view.terms.kind in kinds]


def moving(world: World, link: Link) -> list[AccountView]:
    """Those whose movements are told."""
    return [view for view in link_views(world, link) if view.terms.kind in records.MOVING]


def invested(world: World, link: Link) -> list[AccountView]:
    """Where its positions are; none where they weren't asked for."""
    if "INVESTMENTS" not in link.fetch:
        return []
    return [view for view in _at_bank(world, link) if view.terms.kind is AccountKind.BROKERAGE]


def _at_bank(world: World, link: Link) -> list[AccountView]:
    return [
        view for view in world.accounts(link.holder) if link.bank.shows in {None, view.terms.institution.id}
    ]
