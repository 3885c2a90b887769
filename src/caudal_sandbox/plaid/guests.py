"""Guests of the world who log in as users of Plaid's sandbox: what all of them are made of, the personas, the busy shop.

User names are documented (Plaid docs, Sandbox: test credentials); the rest is ours. A guest's name is
``<user>@<institution_id>``: the same person each time one logs in there.
"""

from functools import partial
from typing import Final

from msgspec.structs import replace

from caudal_sandbox.economy.accounts import Account, CardTerms, LoanTerms, Product, account_number
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.deeds import kind_of
from caudal_sandbox.economy.habits.scripted import Line, Till
from caudal_sandbox.economy.holders import Holder, HolderKind, make_holder
from caudal_sandbox.economy.institutions import Institution
from caudal_sandbox.economy.lives import drawn_habits
from caudal_sandbox.economy.merchants import Merchant
from caudal_sandbox.economy.movements import AccountId, Kind
from caudal_sandbox.plaid.institutions import PlaidInstitution
from caudal_sandbox.world import World

PERSONAS: Final[dict[str, tuple[HolderKind, int]]] = {
    "user_ewa_user": (HolderKind.PERSON, 60),
    "user_yuppie": (HolderKind.PERSON, 250),
    "user_small_business": (HolderKind.FIRM, 100),
}
"""Plaid's personas: person or firm, and the income in hundredths of what would be drawn."""


def guest_name(user: str, institution: PlaidInstitution) -> str:
    """The name under which the world knows whoever logs in as `user` there."""
    return f"{user}@{institution.institution_id}"


def persona(world: World, institution: PlaidInstitution, user: str) -> Holder:
    """One of `PERSONAS`, living by the world's own habits with every account at this bank."""
    kind, percent = PERSONAS[user]
    name = guest_name(user, institution)
    drawn = make_holder(world.seed, kind, name, world.begins, institution.bank.country, bank=institution.bank)
    holder = replace(drawn, income_minor=drawn.income_minor * percent // 100)
    return world.admit(holder, partial(drawn_habits, seed=world.seed, market=world.market))


def busy_shop(world: World, institution: PlaidInstitution, count: int) -> Holder:
    """A shop that takes `count` card payments a day: for load, not for its story."""
    name = guest_name(f"user_busy_{count}", institution)
    account = open_account(name, institution.bank, "till", Product.CHECKING, 0, name="Business Checking")
    shop = replace(
        person(name, institution.bank), kind=HolderKind.FIRM, full_name="Millbrook Works", employer=""
    )
    chance = partial(Chance, world.seed, name)
    return world.admit(
        replace(shop, accounts=(account,)), lambda _: [Till(account.id, count, chance("till"))]
    )


def open_account(
    holder: str,
    bank: Institution,
    slug: str,
    product: Product,
    opening_minor: int,
    *,
    name: str,
    official_name: str | None = None,
    currency: str | None = None,
    mask: str | None = None,
    card: CardTerms | None = None,
    loan: LoanTerms | None = None,
) -> Account:
    """An account of a guest. Its number is drawn from its id alone, so `mask` is what the bank prints instead."""
    number, iban = account_number(bank, product.kind, Chance("plaid", holder, slug))
    return Account(
        id=AccountId(f"{holder}:{slug}"),
        holder=holder,
        institution=bank,
        kind=product.kind,
        product=product,
        currency=currency or bank.land.currency,
        name=name,
        official_name=official_name or f"{bank.name} {name}",
        number=number,
        iban=iban,
        opening_minor=opening_minor,
        card=card,
        loan=loan,
        printed_mask=mask,
    )


def person(name: str, bank: Institution) -> Holder:
    """A guest before any account is opened."""
    land = bank.land
    return Holder(
        name=name,
        kind=HolderKind.PERSON,
        full_name="Greta Dunmore",
        email=f"{name.partition('@')[0]}@people.example",
        country=land.code,
        city=land.cities[0][0],
        employer="Northgate Tools",
        income_minor=land.coffee_minor * 1_500,
        accounts=(),
    )


def purchase(
    account: AccountId,
    minor: int,
    text: str,
    merchant: Merchant,
    *,
    kind: Kind | None = None,
    days: int = 0,
    series: str = "",
) -> Line:
    """`minor` (signed) at `merchant`, booked `days` later; about what its trade says, where no `kind` is given."""
    return Line(
        account=account,
        minor=minor,
        text=text,
        kind=kind or kind_of(minor, merchant),
        days=days,
        merchant=merchant,
        series=series,
    )


def line_of(shop: Merchant) -> str:
    """What its terminal prints."""
    return f"{shop.descriptor} {shop.city}".strip().upper()
