"""What deserves a person's look, asked one question at a time."""

from datetime import date
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

import msgspec
from starlette.responses import Response

from caudal.hub import accounts, decisions, transfers
from caudal.hub.decisions import Review
from caudal.hub.identity.roles import Scope
from caudal.store.accounts import AccountQuestion
from caudal.store.matching import Question
from caudal.store.transfers import TransferRow
from caudal.web.routing import Declared, action, page
from caudal.web.views.common import TransactionLine
from caudal.web.visits import InSpace

_ASKED: Final = 50
_SAID: Final = 20
Kind = Literal["probable", "doubt", "twin", "transfer"]


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two movements and a question. `found`: what speaks for it, in the judgement's own names."""

    kind: Kind
    one: TransactionLine
    other: TransactionLine
    one_id: str
    other_id: str
    found: tuple[str, ...]


@page("/s/{space}/review", Scope.TRANSACTIONS_READ)
async def review(visit: InSpace) -> Response:
    """All that is asked, and what was answered lately."""
    found = await decisions.review(visit.installation, visit.space, _ASKED)
    said = await decisions.decided(visit.installation, visit.space, _SAID)
    return await visit.show(
        "review.html",
        here="review",
        pairs=_pairs(found, visit.base),
        conflicts=found.conflicts,
        accounts=[_accounts(each) for each in found.accounts],
        said=said,
    )


@page("/s/{space}/review/count", Scope.TRANSACTIONS_READ)
async def count(visit: InSpace) -> Response:
    """How many questions wait, for the frame of pages: at most so many of each kind."""
    found = await decisions.review(visit.installation, visit.space, _ASKED)
    pairs = len(found.probable) + len(found.doubts) + len(found.twins)
    asks = pairs + len(found.conflicts) + len(found.accounts) + len(found.transfers)
    return await visit.show("asks.html", here="review", asks=asks)


@action("/s/{space}/review/transactions", Scope.TRANSACTIONS_EDIT)
async def answer(visit: InSpace) -> Response:
    """Are two tellings one movement? Are two movements a transfer?"""
    form = await visit.form()
    kind = form.choice("kind", ("probable", "doubt", "twin", "transfer"))
    yes = form.choice("answer", ("yes", "no")) == "yes"
    pair = (str(form.id("one")), str(form.id("other")))
    at = (visit.installation, visit.space)
    match kind, yes:
        case "transfer", True:
            await transfers.link(*at, *pair)
        case "transfer", False:
            await transfers.unlink(*at, *pair)
        case "probable", False:
            await decisions.split_apart(*at, pair[0], pair[1])
        case _, True:
            await decisions.merge(*at, *pair)
        case _:
            await decisions.keep_apart(*at, *pair)
    return visit.go("/review", said="review.answered")


@action("/s/{space}/review/accounts", Scope.TRANSACTIONS_EDIT)
async def answer_accounts(visit: InSpace) -> Response:
    """Are two accounts one?"""
    form = await visit.form()
    pair = (str(form.id("one")), str(form.id("other")))
    say = accounts.join if form.choice("answer", ("yes", "no")) == "yes" else accounts.keep_apart
    await say(visit.installation, visit.space, *pair)
    return visit.go("/review", said="review.answered")


def _pairs(found: Review, base: str) -> list[Pair]:
    of: tuple[tuple[Kind, list[Question]], ...] = (
        ("probable", found.probable),
        ("doubt", found.doubts),
        ("twin", found.twins),
    )
    told = [_pair(kind, each, base) for kind, several in of for each in several]
    return [*told, *(_transfer(each, base) for each in found.transfers)]


def _pair(kind: Kind, asked: Question, base: str) -> Pair:
    shared = {"account": asked.account, "currency": asked.currency, "base": base}
    return Pair(
        kind=kind,
        one=_side(asked.one_id, asked.booked_on, asked.amount, asked.description, **shared),
        other=_side(asked.other_id, asked.other_on, asked.other_amount, asked.other_description, **shared),
        one_id=str(asked.one_id),
        other_id=str(asked.other_id),
        found=_findings(asked.found),
    )


def _transfer(asked: TransferRow, base: str) -> Pair:
    out = asked.out_counterparty or asked.out_description
    into = asked.into_counterparty or asked.into_description
    return Pair(
        kind="transfer",
        one=_side(
            asked.out_id,
            asked.out_on,
            asked.out_amount,
            out,
            account=asked.out_account,
            currency=asked.out_currency,
            base=base,
        ),
        other=_side(
            asked.into_id,
            asked.into_on,
            asked.into_amount,
            into,
            account=asked.into_account,
            currency=asked.into_currency,
            base=base,
        ),
        one_id=str(asked.out_id),
        other_id=str(asked.into_id),
        found=_findings(asked.found),
    )


def _side(
    of: UUID, on: date, amount: Decimal, name: str, *, account: str, currency: str, base: str
) -> TransactionLine:
    return TransactionLine(
        name=name or account,
        account=account,
        href=f"{base}/transactions/{of}",
        booked_on=on,
        amount=amount,
        currency=currency,
    )


def _accounts(asked: AccountQuestion) -> tuple[AccountQuestion, tuple[str, ...]]:
    return asked, _findings(asked.found)


def _findings(text: str) -> tuple[str, ...]:
    """The names of what was found, in words: they are written with underscores."""
    found = msgspec.json.decode(text or "[]")
    names = (
        found.keys()
        if isinstance(found, dict)
        else (each[0] if isinstance(each, list) else each for each in found)
    )
    return tuple(str(name).replace("_", " ") for name in names)


ROUTES: Final[tuple[Declared, ...]] = (review, count, answer, answer_accounts)
