"""What a person says of accounts: these two are one, this is one by itself, these are two.

Every word is kept and can be taken back: where each source account is booked follows from where it was first and from
the words that stand (matching/bookings.py). What sources told stays as it was told, and what people said of
transactions stands.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from caudal.hub import audit
from caudal.hub.installation import Installation
from caudal.model.currencies import UNKNOWN
from caudal.model.errors import ConflictError, NotFound
from caudal.store import accounts, events, spaces
from caudal.store.accounts import AccountDecision, AccountQuestion, Booking
from caudal.store.database import Transaction
from caudal.store.spaces import NamedAccount, Space, free_name
from caudal.sync.rebooking import rebook


async def join(installation: Installation, space: Space, keep: str, drop: str) -> UUID:
    """Say that two accounts (names or ids) are one, to be found as `keep`. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        await accounts.hold(tx, space.space_id)
        one, other = await _account(tx, space, keep), await _account(tx, space, drop)
        of = _two(one, other)
        if UNKNOWN not in (one.currency, other.currency) and one.currency != other.currency:
            raise ConflictError(
                f"“{one.name}” is kept in {one.currency}, “{other.name}” in {other.currency}: they are two accounts",
                says="two_currencies",
                one=one.name,
                other=other.name,
            )
        decision = await accounts.decide(tx, space.space_id, "join", of)
        await _carry_out(tx, installation, space, "account.joined", decision=decision, of=of)
    return decision


async def part(installation: Installation, space: Space, account: str, source: str) -> UUID:
    """Say that one of the source accounts booked to `account` (its id, reference, name, number or last digits) is an
    account by itself. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        await accounts.hold(tx, space.space_id)
        whole = await _account(tx, space, account)
        of_it = [
            each
            for each in await accounts.bookings(tx, space.space_id)
            if each.account_id == _found_at(whole)
        ]
        chosen = _source(of_it, source)
        if len(of_it) < 2:
            raise ConflictError(f"one source alone tells of “{whole.name}”: there is nothing to part")
        taken = [each.name for each in await accounts.names(tx, space.space_id)]
        name = free_name(chosen.name or whole.name, taken)
        made = await accounts.add_account(tx, space.space_id, name, chosen.source_account_id)
        of = (_found_at(whole), made)
        decision = await accounts.decide(
            tx, space.space_id, "part", of, source_account_id=chosen.source_account_id
        )
        await _carry_out(tx, installation, space, "account.parted", decision=decision, of=of)
    return decision


async def keep_apart(installation: Installation, space: Space, one: str, other: str) -> UUID:
    """Say that two accounts that may be one are two: that isn't asked again. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        of = _two(await _account(tx, space, one), await _account(tx, space, other))
        decision = await accounts.decide(tx, space.space_id, "apart", of)
        await accounts.answer_doubts(tx, space.space_id, decision, of)
        await _audit(tx, installation, space, "account.kept_apart", decision=decision, of=of)
        await events.write(tx, space.space_id)
    return decision


async def undo(tx: Transaction, installation: Installation, space: Space, decision: UUID) -> bool:
    """Take back a word on accounts, in the caller's transaction. False where this is none that stands."""
    if all(each.decision_id != decision for each in await accounts.decisions(tx, space.space_id)):
        return False
    await accounts.hold(tx, space.space_id)
    undone = await accounts.undo(tx, space.space_id, decision)
    if undone is None:
        return False
    of = (undone.account_id, undone.other_id)
    await _carry_out(tx, installation, space, "account.undone", decision=decision, of=of)
    return True


async def decided(installation: Installation, space: Space) -> list[AccountDecision]:
    """What was said of accounts and stands, the latest first."""
    async with installation.store.transaction(space.space_id) as tx:
        return (await accounts.decisions(tx, space.space_id))[::-1]


async def questions(installation: Installation, space: Space, limit: int) -> list[AccountQuestion]:
    """Accounts that may be one, and nobody has said whether they are."""
    async with installation.store.transaction(space.space_id) as tx:
        return await accounts.doubts(tx, space.space_id, limit)


async def _carry_out(
    tx: Transaction,
    installation: Installation,
    space: Space,
    act: str,
    *,
    decision: UUID,
    of: tuple[UUID, UUID],
) -> None:
    """Book by the words that stand, write it down and tell what happened."""
    await rebook(tx, space.space_id)
    await _audit(tx, installation, space, act, decision=decision, of=of)
    await events.write(tx, space.space_id)


async def _account(tx: Transaction, space: Space, text: str) -> NamedAccount:
    found = await spaces.find_account(tx, space.space_id, text)
    if found is None:
        raise NotFound(f"no account {text!r} in space {space.name}: `caudal accounts` lists them")
    return found


def _found_at(account: NamedAccount) -> UUID:
    return account.joined_into or account.account_id


def _two(one: NamedAccount, other: NamedAccount) -> tuple[UUID, UUID]:
    of = (_found_at(one), _found_at(other))
    if of[0] == of[1]:
        raise ConflictError(
            f"“{one.name}” and “{other.name}” are one account (`caudal part-accounts` parts its sources)",
            says="one_account",
            one=one.name,
            other=other.name,
        )
    return of


def _source(there: Sequence[Booking], text: str) -> Booking:
    found = [
        each
        for each in there
        if text in (str(each.source_account_id), each.reference, each.name, each.mask, each.iban, each.number)
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"“{each.name}” ({each.source_account_id})" for each in there)
    if found:
        raise ConflictError(f"{text!r} fits several sources of the account: give the id of one of {known}")
    raise NotFound(f"no source {text!r} tells of the account; those that do: {known}")


async def _audit(
    tx: Transaction,
    installation: Installation,
    space: Space,
    act: str,
    *,
    decision: UUID,
    of: tuple[UUID, UUID],
) -> None:
    details: Mapping[str, str] = {
        "decision": str(decision), "account": str(of[0]), "other": str(of[1])
    }  # fmt: skip
    await audit.note(tx, installation, space, act, details)
