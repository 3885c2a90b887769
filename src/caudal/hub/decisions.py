"""What a person says of transactions: these two are one, these are not, this is wrong, this is settled.

Every word is kept, concluded from at once, and can be taken back. It is of the tellings, not of the conclusion: it holds
however the ledger is derived anew.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub import accounts, audit
from caudal.hub.installation import Installation
from caudal.hub.ledger import one_transaction
from caudal.matching.evidence import CERTAIN
from caudal.model.errors import ConflictError, NotFound
from caudal.model.money import EXACT, Money
from caudal.store import accounts as account_store
from caudal.store import events, matching, transfers
from caudal.store.accounts import AccountQuestion
from caudal.store.database import Transaction
from caudal.store.matching import ConflictRow, Decision, Question, Strand
from caudal.store.spaces import Space
from caudal.store.transfers import TransferRow
from caudal.sync.concluding import FixedFields, conclude_anew, field_value
from caudal.sync.proving import conclude_proofs
from caudal.sync.transferring import conclude_transfers, transfers_anew

FIELDS: Final = (
    "description",
    "counterparty",
    "reference",
    "category",
    "amount",
    "booked_on",
    "authorized_on",
)
"""What a person may set."""
ON_TRANSFERS: Final = ("transfer", "no_transfer")
"""Words on two sides of a transfer (`caudal.hub.transfers`); all others are on movements."""
_COMPARED: Final = ("amount", "booked_on")
"""Of these a source's later word is shown as a conflict."""
_BATCH: Final = 500


class Review(msgspec.Struct, frozen=True):
    """What deserves a person's look: `probable` was taken for one, `doubts` were kept apart, `twins` are told alike by
    one source where no balance shows that they are several (of the latest 20,000 transactions), `conflicts` differ from
    what a person fixed, of `accounts` two may be one, `transfers` may be two sides of one and weren't taken for that."""

    probable: list[Question]
    doubts: list[Question]
    twins: list[Question]
    conflicts: list[ConflictRow]
    accounts: list[AccountQuestion]
    transfers: list[TransferRow]


async def merge(installation: Installation, space: Space, keep: str, drop: str) -> UUID:
    """Say that two transactions are one movement. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        first, second = await _strands(tx, space, keep), await _strands(tx, space, drop)
        if first[0].account_id != second[0].account_id:
            raise ConflictError(
                "they are on two accounts: two sides of one transfer are not one transaction "
                "(`caudal link-transfer` says that they are its sides)",
                says="two_accounts",
            )
        if first[0].transaction_id == second[0].transaction_id:
            raise ConflictError("they are one already", says="one_already")
        pair = (first[0].transaction_id, second[0].transaction_id)
        return await _decide(tx, installation, space, "one", account_id=first[0].account_id, of=pair)


async def split_apart(
    installation: Installation, space: Space, transaction: str, strand: str = ""
) -> list[UUID]:
    """Say that what was taken for one movement are several: `strand` (of those `why` shows) is one by itself; without it,
    all are. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        strands = await _strands(tx, space, transaction)
        if len(strands) < 2:
            raise ConflictError(
                "one source alone tells of it: there is nothing to take apart", says="nothing_apart"
            )
        chosen = (
            [each for each in strands if str(each.transaction_id).startswith(strand.lower())]
            if strand
            else []
        )
        if strand and len(chosen) != 1:
            raise NotFound(f"no strand {strand} of it: `caudal why` lists them")
        pairs = [
            (one.transaction_id, other.transaction_id)
            for place, one in enumerate(strands)
            for other in strands[place + 1 :]
            if not chosen or chosen[0] in (one, other)
        ]
        return await _decide_all(tx, installation, space, "apart", account_id=strands[0].account_id, of=pairs)


async def keep_apart(installation: Installation, space: Space, one: str, other: str) -> UUID:
    """Say that two transactions that may be one are two. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        first, second = await _strands(tx, space, one), await _strands(tx, space, other)
        pair = (first[0].transaction_id, second[0].transaction_id)
        if pair[0] == pair[1]:
            raise ConflictError("they are one: `split_apart` takes them apart")
        return await _decide(tx, installation, space, "apart", account_id=first[0].account_id, of=pair)


async def said_of(installation: Installation, space: Space, transaction: UUID) -> list[Decision]:
    """What people said of a movement and stands, in the order they said it."""
    async with installation.store.transaction(space.space_id) as tx:
        strands = await matching.strands_of(tx, space.space_id, transaction)
        return await matching.decisions_on(tx, space.space_id, [each.transaction_id for each in strands])


async def edit(installation: Installation, space: Space, transaction: str, values: Mapping[str, str]) -> UUID:
    """Fix fields (FIELDS) of a transaction, those alone. Raises NotFound, ConflictError for a value that isn't one."""
    async with installation.store.transaction(space.space_id) as tx:
        strands = await _strands(tx, space, transaction)
        for name, text in values.items():
            if name not in FIELDS:
                raise ConflictError(f"{name} can't be set; what can: {', '.join(FIELDS)}")
            try:
                value = field_value(name, text)
                if isinstance(value, Decimal):
                    Money(value, strands[0].currency)
            except (msgspec.ValidationError, ValueError):
                raise ConflictError(
                    f"{text!r} is no {name} in {strands[0].currency}", says="no_such_value", value=text
                ) from None
        return await _fix(tx, installation, space, "edit", strand=strands[0], values=values)


async def lock(installation: Installation, space: Space, transaction: str) -> UUID:
    """Mark a transaction as reconciled: what it says stays. Raises NotFound."""
    async with installation.store.transaction(space.space_id) as tx:
        [strand, *_] = await _strands(tx, space, transaction)
        values = {"amount": str(strand.amount), "booked_on": strand.booked_on.isoformat()}
        return await _fix(tx, installation, space, "lock", strand=strand, values=values)


async def delete(installation: Installation, space: Space, transaction: str) -> UUID:
    """Take a transaction out of the ledger, whatever its sources tell of it later. Raises NotFound."""
    async with installation.store.transaction(space.space_id) as tx:
        [strand, *_] = await _strands(tx, space, transaction)
        return await _decide(
            tx, installation, space, "delete", account_id=strand.account_id, of=(strand.transaction_id, None)
        )


async def split(installation: Installation, space: Space, transaction: str, parts: Sequence[Decimal]) -> UUID:
    """Split a transaction's amount; what the parts leave of it is its remainder. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        [strand, *_] = await _strands(tx, space, transaction)
        total = Decimal(0)
        for part in parts:
            total = EXACT.add(total, part)
        if abs(total) > abs(strand.amount) or any((part > 0) != (strand.amount > 0) for part in parts):
            raise ConflictError(
                f"the parts are {total}, the transaction {strand.amount}: no part may exceed it or turn its sign",
                says="split_too_much",
                parts=total,
                whole=strand.amount,
            )
        data = msgspec.json.encode({"parts": [str(part) for part in parts]}).decode()
        return await _decide(
            tx,
            installation,
            space,
            "split",
            account_id=strand.account_id,
            of=(strand.transaction_id, None),
            data=data,
        )


async def undo(installation: Installation, space: Space, decision: UUID) -> None:
    """Take a word back, on transactions or on accounts. Raises NotFound."""
    async with installation.store.transaction(space.space_id) as tx:
        if await accounts.undo(tx, installation, space, decision):
            return
        word = await matching.undo(tx, space.space_id, decision)
        if word is None:
            raise NotFound(f"no decision {decision} stands in space {space.name}")
        if word.kind in ON_TRANSFERS:
            await transfers_anew(tx, space.space_id, word.of)
            await events.write(tx, space.space_id)
        else:
            strands = await matching.strands_of(tx, space.space_id, word.transaction_id)
            await _conclude(tx, space, strands[0].account_id, word.of)
        await audit.note(tx, installation, space, "transaction.undone", {"decision": str(decision)})


async def decided(installation: Installation, space: Space, limit: int) -> list[Decision]:
    """What people said and stands, the latest first."""
    async with installation.store.transaction(space.space_id) as tx:
        return await matching.decisions(tx, space.space_id, limit)


async def review(installation: Installation, space: Space, limit: int) -> Review:
    """What deserves a person's look."""
    async with installation.store.transaction(space.space_id) as tx:
        return Review(
            await matching.probable(tx, space.space_id, CERTAIN, limit),
            await matching.doubts(tx, space.space_id, limit),
            await matching.twins(tx, space.space_id, limit),
            await matching.conflicts(tx, space.space_id, limit),
            await account_store.doubts(tx, space.space_id, limit),
            await transfers.doubts(tx, space.space_id, limit),
        )


async def rebuild(installation: Installation, space: Space, accounts: Sequence[UUID]) -> int:
    """Derive these accounts' ledger anew from what was told and decided. Returns how many transactions, and transfers and
    questions on them, that changed."""
    changed = 0
    for account_id in accounts:
        after = UUID(int=0)
        while True:
            async with installation.store.transaction(space.space_id) as tx:
                batch = await matching.of_account(tx, space.space_id, account_id, after, _BATCH)
                if not batch:
                    break
                done = await _conclude(tx, space, account_id, batch)
                changed += done
                after = batch[-1]
    return changed


async def _fix(
    tx: Transaction,
    installation: Installation,
    space: Space,
    kind: str,
    *,
    strand: Strand,
    values: Mapping[str, str],
) -> UUID:
    told = {
        name: str(getattr(strand, name)) if name == "amount" else strand.booked_on.isoformat()
        for name in _COMPARED
        if name in values
    }
    data = msgspec.json.encode(FixedFields(dict(values), dict(told))).decode()
    pair = (strand.transaction_id, None)
    return await _decide(tx, installation, space, kind, account_id=strand.account_id, of=pair, data=data)


async def _decide(
    tx: Transaction,
    installation: Installation,
    space: Space,
    kind: str,
    *,
    account_id: UUID,
    of: tuple[UUID, UUID | None],
    data: str = "{}",
) -> UUID:
    [decision] = await _decide_all(tx, installation, space, kind, account_id=account_id, of=[of], data=data)
    return decision


async def _decide_all(
    tx: Transaction,
    installation: Installation,
    space: Space,
    kind: str,
    *,
    account_id: UUID,
    of: Sequence[tuple[UUID, UUID | None]],
    data: str = "{}",
) -> list[UUID]:
    """Keep the same word on each of `of`, all of one account, and conclude once from all of them."""
    made = [await keep(tx, installation, space, kind, pair, data=data) for pair in of]
    seeds = dict.fromkeys(each for pair in of for each in pair if each is not None)
    await _conclude(tx, space, account_id, list(seeds))
    return made


async def keep(
    tx: Transaction,
    installation: Installation,
    space: Space,
    kind: str,
    of: tuple[UUID, UUID | None],
    *,
    data: str = "{}",
) -> UUID:
    """Keep a word on a transaction, or on two, and write that down. What follows from it is the caller's to conclude."""
    decision = await matching.decide(tx, space.space_id, kind, of, data)
    told = {"decision": str(decision), "kind": kind, "transaction": str(of[0])}
    await audit.note(tx, installation, space, "transaction.decided", told)
    return decision


async def _conclude(tx: Transaction, space: Space, account_id: UUID, seeds: Sequence[UUID]) -> int:
    """Conclude anew, prove anew, tell what happened. Returns how many transactions, and transfers, changed."""
    done = await conclude_anew(tx, space.space_id, [account_id], seeds)
    linked = await conclude_transfers(tx, space.space_id, seeds)
    await conclude_proofs(tx, space.space_id, [account_id])
    await events.write(tx, space.space_id)
    return done.merged + done.changed + done.gone + linked


async def _strands(tx: Transaction, space: Space, text: str) -> list[Strand]:
    found = await one_transaction(tx, space, text)
    return await matching.strands_of(tx, space.space_id, found.transaction_id)
