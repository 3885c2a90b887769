"""Who holds accounts: people and firms, each decided by the seed and its name alone."""

import enum
from datetime import date
from typing import Final

import msgspec

from caudal_sandbox.economy.accounts import (
    Account,
    AccountKind,
    CardTerms,
    LoanTerms,
    Product,
    account_number,
)
from caudal_sandbox.economy.calendars import months_after
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import COUNTRIES, Country, CountryCode, Language
from caudal_sandbox.economy.institutions import Institution, InstitutionKind, institutions_of
from caudal_sandbox.economy.movements import AccountId


class HolderKind(enum.StrEnum):
    """Whose books they are."""

    PERSON = "person"
    FIRM = "firm"


class Holder(msgspec.Struct, frozen=True):
    """A person or a firm. `name` is the handle by which the world knows it (``user_good``); the rest follows from
    it. `income_minor`: what a month brings in, in the minor unit of the country's currency.
    """

    name: str
    kind: HolderKind
    full_name: str
    email: str
    country: CountryCode
    city: str
    employer: str
    income_minor: int
    accounts: tuple[Account, ...]

    @property
    def land(self) -> Country:
        """The country it lives in: currency, calendar, language, prices."""
        return COUNTRIES[self.country]

    def account(self, kind: AccountKind) -> Account | None:
        """Its first account of that kind, at its main bank where it has one there."""
        return next((account for account in self.accounts if account.kind is kind), None)


_GIVEN: Final = {
    Language.EN: ("Ada", "Bram", "Cora", "Dylan", "Edith", "Felix", "Greta", "Hugh", "Isla", "Jonah"),
    Language.PT: ("Ana", "Bruno", "Clara", "Davi", "Elisa", "Fábio", "Gabriela", "Heitor", "Íris", "João"),
    Language.ES: ("Alma", "Benito", "Carmen", "Diego", "Elena", "Fermín", "Gloria", "Hugo", "Inés", "Julián"),
}
_FAMILY: Final = {
    Language.EN: ("Ashdown", "Birch", "Calloway", "Dunmore", "Everly", "Fairfax", "Goodwin", "Hartley"),
    Language.PT: ("Almeida", "Barros", "Cardoso", "Duarte", "Esteves", "Figueiredo", "Guimarães", "Lacerda"),
    Language.ES: ("Aguirre", "Bravo", "Cárdenas", "Domínguez", "Escobedo", "Fuentes", "Galván", "Herrera"),
}
_FIRMS: Final = {
    Language.EN: (
        "Millbrook Works",
        "Tallow & Wick",
        "Northgate Tools",
        "Fernhill Design",
        "Quarry Lane Bakery",
    ),
    Language.PT: ("Oficina Boa Vista", "Padaria Alvorada", "Gráfica Serrana", "Ateliê Maré", "Sítio Verde"),
    Language.ES: (
        "Taller Río Seco",
        "Panadería La Loma",
        "Imprenta del Valle",
        "Estudio Marea",
        "Huerta Vieja",
    ),
}
_NAMES: Final = {
    Language.EN: {
        Product.CHECKING: "Everyday Checking",
        Product.SAVINGS: "Rainy Day Savings",
        Product.CREDIT_CARD: "Rewards Card",
        Product.STUDENT_LOAN: "Student Loan",
        Product.PERSONAL_LOAN: "Personal Loan",
        Product.BROKERAGE: "Investment Account",
    },
    Language.PT: {
        Product.CHECKING: "Conta corrente",
        Product.SAVINGS: "Conta poupança",
        Product.CREDIT_CARD: "Cartão de crédito",
        Product.PERSONAL_LOAN: "Empréstimo pessoal",
        Product.BROKERAGE: "Conta de investimentos",
    },
    Language.ES: {
        Product.CHECKING: "Cuenta de cheques",
        Product.SAVINGS: "Cuenta de ahorro",
        Product.CREDIT_CARD: "Tarjeta de crédito",
        Product.PERSONAL_LOAN: "Préstamo personal",
        Product.BROKERAGE: "Cuenta de inversión",
    },
}


def employers(country: CountryCode) -> tuple[str, ...]:
    """The firms of a country by name: who pays salaries and invoices."""
    return _FIRMS[COUNTRIES[country].language]


def people_called(language: Language) -> tuple[str, ...]:
    """Full names of people who others here may owe something."""
    return tuple(
        f"{given} {family}" for given, family in zip(_GIVEN[language], _FAMILY[language], strict=False)
    )


def make_holder(
    seed: int,
    kind: HolderKind,
    name: str,
    begins: date,
    country: CountryCode | None = None,
    *,
    bank: Institution | None = None,
) -> Holder:
    """The holder of that name: the same for the same arguments, whoever else lives in the world. `bank`: where all
    of its accounts shall stand, in place of the banks and brokers of `country`.
    """
    chance = Chance(seed, kind, name)
    drawn = chance.pick(tuple(CountryCode))
    land = COUNTRIES[country or drawn]
    words = land.language
    firm = kind is HolderKind.FIRM
    full_name = (
        chance.pick(_FIRMS[words]) if firm else f"{chance.pick(_GIVEN[words])} {chance.pick(_FAMILY[words])}"
    )
    income = land.coffee_minor * (chance.between(5200, 7800) if firm else chance.between(1250, 1800))
    return Holder(
        name=name,
        kind=kind,
        full_name=full_name,
        email=f"{name}@people.example",
        country=land.code,
        city=chance.pick(land.cities)[0],
        employer="" if firm else chance.pick(_FIRMS[words]),
        income_minor=income,
        accounts=_accounts(
            name, kind, land, income, begins=begins, bank=bank, chance=Chance(seed, kind, name, "accounts")
        ),
    )


def _accounts(
    name: str,
    kind: HolderKind,
    land: Country,
    income: int,
    *,
    begins: date,
    bank: Institution | None,
    chance: Chance,
) -> tuple[Account, ...]:
    """A main bank with everything; for most people a second bank, a loan and a broker as well."""
    banks = (bank,) if bank else institutions_of(land.code, InstitutionKind.BANK)
    brokers = (bank,) if bank else institutions_of(land.code, InstitutionKind.BROKER)
    place = chance.below(len(banks))
    main, second = banks[place], banks[(place + 1) % len(banks)]
    opened = _Opening(name, land, chance)
    accounts = [
        opened.account("checking", Product.CHECKING, main, income * chance.between(60, 120) // 100),
        opened.account("savings", Product.SAVINGS, main, income * chance.between(100, 600) // 100),
        opened.card("card", main, income),
    ]
    if kind is HolderKind.FIRM:
        return tuple(accounts)
    if chance.percent(75):
        accounts.append(opened.account("second", Product.CHECKING, second, income // 4))
    if chance.percent(70):
        accounts.append(opened.loan("loan", second, income, begins))
    if chance.percent(65):
        broker = chance.pick(brokers)
        accounts.append(opened.account("brokerage", Product.BROKERAGE, broker, income // 2))
    return tuple(accounts)


class _Opening(msgspec.Struct):
    """One holder at the counter, opening accounts."""

    holder: str
    land: Country
    chance: Chance

    def account(
        self,
        slug: str,
        product: Product,
        institution: Institution,
        opening_minor: int,
        *,
        card: CardTerms | None = None,
        loan: LoanTerms | None = None,
    ) -> Account:
        number, iban = account_number(institution, product.kind, self.chance)
        name = _NAMES[self.land.language][product]
        return Account(
            id=AccountId(f"{self.holder}:{slug}"),
            holder=self.holder,
            institution=institution,
            kind=product.kind,
            product=product,
            currency=self.land.currency,
            name=name,
            official_name=f"{institution.name} {name}",
            number=number,
            iban=iban,
            opening_minor=opening_minor,
            card=card,
            loan=loan,
        )

    def card(self, slug: str, institution: Institution, income: int) -> Account:
        limit = income * self.chance.between(100, 250) // 100 // 10_000 * 10_000
        terms = CardTerms(
            limit_minor=limit,
            close_day=self.chance.between(1, 28),
            due_days=self.chance.between(10, 25),
            monthly_rate_bp=self.chance.between(150, 450),
        )
        return self.account(
            slug, Product.CREDIT_CARD, institution, -limit * self.chance.below(15) // 100, card=terms
        )

    def loan(self, slug: str, institution: Institution, income: int, begins: date) -> Account:
        """A loan already some months old when the world begins: in the US a student's, the one sort of loan whose
        movements banks there pass on (Plaid docs, Transactions: supported account types)."""
        principal = income * self.chance.between(3, 8)
        rate = self.chance.between(40, 160)
        months, paid = self.chance.between(24, 60), self.chance.between(1, 12)
        payment = annuity_minor(principal, rate, months)
        owed = principal
        for _ in range(paid):
            owed += interest_minor(owed, rate) - payment
        terms = LoanTerms(
            principal_minor=principal,
            monthly_rate_bp=rate,
            payment_minor=payment,
            pay_day=self.chance.between(2, 28),
            originated_on=months_after(begins, -paid),
        )
        product = Product.STUDENT_LOAN if self.land.code is CountryCode.US else Product.PERSONAL_LOAN
        return self.account(slug, product, institution, -owed, loan=terms)


def interest_minor(owed_minor: int, rate_bp: int) -> int:
    """A month's interest on `owed_minor` (positive), to the nearest minor unit."""
    return (owed_minor * rate_bp + 5_000) // 10_000


def annuity_minor(principal_minor: int, rate_bp: int, months: int) -> int:
    """The equal payment that pays `principal_minor` back in `months`: P·r / (1 - (1 + r)^-n), rounded up."""
    growth: int = (10_000 + rate_bp) ** months
    unit: int = 10_000**months
    return -(-principal_minor * rate_bp * growth // (10_000 * (growth - unit)))
