"""Debts: what a card's statement asks for, what is left of a loan, and when the next payment is due."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from caudal_sandbox.economy.accounts import Account, LoanTerms
from caudal_sandbox.economy.calendars import months_after
from caudal_sandbox.economy.clearing import day_ends_at
from caudal_sandbox.economy.holders import interest_minor
from caudal_sandbox.economy.movements import Kind, Movement, State, money
from caudal_sandbox.economy.statements import Statement
from caudal_sandbox.plaid.records.accounts import (
    MORTGAGE,
    STUDENT,
    AccountType,
    Shown,
    subtype_of,
    type_of,
)

_PAYMENTS: Final = {Kind.CARD_PAYMENT, Kind.LOAN_PAYMENT}
_MONTHS_MAX: Final = 12 * 60
"""No loan of this world takes longer to pay back."""


class Apr(msgspec.Struct, frozen=True):
    """A yearly rate, in percent."""

    apr_percentage: Decimal
    apr_type: str = "purchase_apr"
    balance_subject_to_apr: Decimal | None = None
    interest_charge_amount: Decimal | None = None


class CreditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's CreditCardLiability."""

    account_id: str
    aprs: tuple[Apr, ...]
    is_overdue: bool | None
    last_payment_amount: Decimal | None
    last_payment_date: date | None
    last_statement_issue_date: date | None
    last_statement_balance: Decimal | None
    minimum_payment_amount: Decimal | None
    next_payment_due_date: date | None


class StudentStatus(msgspec.Struct, frozen=True):
    """Where a student loan stands."""

    type: str
    end_date: date | None = None


class Pslf(msgspec.Struct, frozen=True):
    """Public service loan forgiveness: nobody here has applied."""

    estimated_eligibility_date: date | None = None
    payments_made: int | None = None
    payments_remaining: int | None = None


class RepaymentPlan(msgspec.Struct, frozen=True):
    """How a student loan is paid back."""

    description: str = "Standard Repayment"
    type: str = "standard"


class Address(msgspec.Struct, frozen=True):
    """A postal address; of a servicer or a property nothing is known here but the country and the city."""

    city: str | None = None
    country: str | None = None
    postal_code: str | None = None
    region: str | None = None
    street: str | None = None


class StudentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's StudentLoan."""

    account_id: str
    account_number: str | None
    disbursement_dates: tuple[date, ...]
    expected_payoff_date: date | None
    interest_rate_percentage: Decimal
    is_overdue: bool | None
    last_payment_amount: Decimal | None
    last_payment_date: date | None
    last_statement_balance: Decimal | None
    last_statement_issue_date: date | None
    minimum_payment_amount: Decimal | None
    next_payment_due_date: date | None
    origination_date: date | None
    origination_principal_amount: Decimal | None
    outstanding_interest_amount: Decimal | None
    payment_reference_number: str | None
    ytd_interest_paid: Decimal | None
    ytd_principal_paid: Decimal | None
    loan_status: StudentStatus
    guarantor: str | None = None
    loan_name: str | None = None
    pslf_status: Pslf = Pslf()
    repayment_plan: RepaymentPlan = RepaymentPlan()
    sequence_number: str | None = "1"
    servicer_address: Address = Address()


class Rate(msgspec.Struct, frozen=True):
    """A yearly interest rate, in percent."""

    percentage: Decimal | None
    type: str = "fixed"


class MortgageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's MortgageLiability."""

    account_id: str
    account_number: str | None
    interest_rate: Rate
    last_payment_amount: Decimal | None
    last_payment_date: date | None
    loan_term: str | None
    maturity_date: date | None
    next_monthly_payment: Decimal | None
    next_payment_due_date: date | None
    origination_date: date | None
    origination_principal_amount: Decimal | None
    past_due_amount: Decimal | None
    ytd_interest_paid: Decimal | None
    ytd_principal_paid: Decimal | None
    property_address: Address
    current_late_fee: Decimal | None = None
    escrow_balance: Decimal | None = None
    has_pmi: bool | None = False
    has_prepayment_penalty: bool | None = False
    loan_type_description: str | None = "conventional"


class LoanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's LoanLiability: every other loan (since 1.727)."""

    account_id: str
    account_number: str | None
    interest_rate: Rate
    principal_balance: Decimal | None
    origination_principal_amount: Decimal | None
    origination_date: date | None
    loan_term_months: int | None
    maturity_date: date | None
    payment_count: int | None
    next_payment_amount: Decimal | None
    next_payment_due_date: date | None
    last_payment_amount: Decimal | None
    last_payment_date: date | None
    payoff_amount: Decimal | None
    ytd_interest_paid: Decimal | None
    payment_frequency: str | None = "MONTHLY"
    compounding_period: str | None = "MONTHLY"


Liability = CreditRecord | StudentRecord | MortgageRecord | LoanRecord


class Liabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's LiabilitiesObject: null where there is no account of the sort."""

    credit: list[CreditRecord] | None
    mortgage: list[MortgageRecord] | None
    student: list[StudentRecord] | None
    loan: list[LoanRecord] | None
    line_of_credit: None = None


def has_liability(account: Account) -> bool:
    """Whether the account is a debt whose terms are known."""
    return account.card is not None or account.loan is not None


def liability(shown: Shown) -> Liability:
    """What is owed on one account. Raises ValueError for an account that is no debt."""
    if shown.terms.loan is not None:
        return _loan(shown, shown.terms.loan)
    if type_of(shown.terms) is AccountType.CREDIT:
        return _credit(shown)
    raise ValueError(f"{shown.terms.id} is no debt")


def changes(before: Liability, after: Liability) -> list[str]:
    """The names of the fields that tell something else after than before, of one account."""
    names = (field.name for field in msgspec.structs.fields(after))
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def liabilities(records: list[Liability]) -> Liabilities:
    """The debts sorted as Plaid sorts them."""
    return Liabilities(
        credit=[each for each in records if isinstance(each, CreditRecord)] or None,
        mortgage=[each for each in records if isinstance(each, MortgageRecord)] or None,
        student=[each for each in records if isinstance(each, StudentRecord)] or None,
        loan=[each for each in records if isinstance(each, LoanRecord)] or None,
    )


def _credit(shown: Shown) -> CreditRecord:
    statements = shown.view.statements(shown.at)
    last = statements[-1] if statements else None
    payment = _last_payment(shown)
    terms = shown.terms.card
    return CreditRecord(
        account_id=shown.account_id,
        aprs=(Apr(_yearly_percent(terms.monthly_rate_bp)),) if terms else (),
        is_overdue=any(_is_unpaid(shown, statement) for statement in statements[-2:]),
        last_payment_amount=money(payment.settled_minor) if payment else None,
        last_payment_date=payment.booked_on if payment else None,
        last_statement_issue_date=last.closed_on if last else None,
        last_statement_balance=-last.balance + 0 if last else None,
        minimum_payment_amount=last.minimum if last else None,
        next_payment_due_date=last.due_on if last else None,
    )


def _is_unpaid(shown: Shown, statement: Statement) -> bool:
    """Whether the statement's day has passed without its minimum having come in since it closed."""
    if statement.due_on >= _today(shown):
        return False
    since = day_ends_at(shown.terms.institution.land, statement.closed_on)
    paid = sum(each.settled_minor for each in _payments(shown, since))
    return paid < statement.minimum_minor


def _loan(shown: Shown, terms: LoanTerms) -> StudentRecord | MortgageRecord | LoanRecord:
    subtype = subtype_of(shown.terms)
    if subtype == STUDENT:
        return _student(shown, terms)
    return _mortgage(shown, terms) if subtype == MORTGAGE else _other_loan(shown, terms)


def _student(shown: Shown, terms: LoanTerms) -> StudentRecord:
    payment, owed = _last_payment(shown), -shown.view.booked(shown.at)
    interest, principal = _paid_this_year(shown)
    issued = _months_day(_today(shown), terms.pay_day, ahead=False)
    number = shown.terms.number
    return StudentRecord(
        account_id=shown.account_id,
        account_number=number,
        disbursement_dates=(terms.originated_on,),
        expected_payoff_date=_paid_off_on(shown, terms),
        interest_rate_percentage=_yearly_percent(terms.monthly_rate_bp),
        is_overdue=False,
        last_payment_amount=money(payment.settled_minor) if payment else None,
        last_payment_date=payment.booked_on if payment else None,
        last_statement_balance=owed,
        last_statement_issue_date=issued,
        minimum_payment_amount=terms.payment,
        next_payment_due_date=_next_due(shown, terms),
        origination_date=terms.originated_on,
        origination_principal_amount=terms.principal,
        outstanding_interest_amount=money(0),
        payment_reference_number=number,
        ytd_interest_paid=interest,
        ytd_principal_paid=principal,
        loan_status=StudentStatus("repayment" if owed else "paid in full"),
    )


def _mortgage(shown: Shown, terms: LoanTerms) -> MortgageRecord:
    payment = _last_payment(shown)
    interest, principal = _paid_this_year(shown)
    matures_on = _paid_off_on(shown, terms)
    return MortgageRecord(
        account_id=shown.account_id,
        account_number=shown.terms.number,
        interest_rate=Rate(_yearly_percent(terms.monthly_rate_bp)),
        last_payment_amount=money(payment.settled_minor) if payment else None,
        last_payment_date=payment.booked_on if payment else None,
        loan_term=f"{(matures_on.year - terms.originated_on.year)} year" if matures_on else None,
        maturity_date=matures_on,
        next_monthly_payment=terms.payment,
        next_payment_due_date=_next_due(shown, terms),
        origination_date=terms.originated_on,
        origination_principal_amount=terms.principal,
        past_due_amount=money(0),
        ytd_interest_paid=interest,
        ytd_principal_paid=principal,
        property_address=Address(country=shown.terms.institution.country),
    )


def _other_loan(shown: Shown, terms: LoanTerms) -> LoanRecord:
    payment, owed = _last_payment(shown), -shown.view.booked(shown.at)
    matures_on = _paid_off_on(shown, terms)
    began = terms.originated_on
    return LoanRecord(
        account_id=shown.account_id,
        account_number=shown.terms.number,
        interest_rate=Rate(_yearly_percent(terms.monthly_rate_bp)),
        principal_balance=owed,
        origination_principal_amount=terms.principal,
        origination_date=began,
        loan_term_months=(
            (matures_on.year - began.year) * 12 + matures_on.month - began.month if matures_on else None
        ),
        maturity_date=matures_on,
        payment_count=sum(1 for _ in _payments(shown)),
        next_payment_amount=terms.payment,
        next_payment_due_date=_next_due(shown, terms),
        last_payment_amount=money(payment.settled_minor) if payment else None,
        last_payment_date=payment.booked_on if payment else None,
        payoff_amount=owed,
        ytd_interest_paid=_paid_this_year(shown)[0],
    )


def _payments(shown: Shown, since: datetime | None = None) -> Iterator[Movement]:
    """What was paid back after the instant `since` (None: ever), oldest first."""
    for event in shown.view.events(since, shown.at):
        movement = event.movement
        if event.state is State.BOOKED and movement.kind in _PAYMENTS and movement.settled_minor > 0:
            yield movement


def _last_payment(shown: Shown) -> Movement | None:
    for event in reversed(shown.view.events(until=shown.at)):
        movement = event.movement
        if event.state is State.BOOKED and movement.kind in _PAYMENTS and movement.settled_minor > 0:
            return movement
    return None


def _paid_this_year(shown: Shown) -> tuple[Decimal, Decimal]:
    """Of this year's payments what went into interest, and what into principal."""
    year, interest, paid = _today(shown).year, 0, 0
    for event in shown.view.events(until=shown.at):
        movement = event.movement
        if event.state is not State.BOOKED or (movement.booked_on or date.min).year != year:
            continue
        if movement.kind is Kind.INTEREST:
            interest -= movement.settled_minor
        elif movement.kind in _PAYMENTS:
            paid += movement.settled_minor
    return money(min(interest, paid)), money(max(0, paid - interest))


def _paid_off_on(shown: Shown, terms: LoanTerms) -> date | None:
    """When the last payment falls due if all are made as agreed; None where none is left to make."""
    owed = int(-shown.view.booked(shown.at).scaleb(2))
    due = _next_due(shown, terms)
    for months in range(_MONTHS_MAX):
        if owed <= 0 or due is None:
            return None
        owed += interest_minor(owed, terms.monthly_rate_bp) - terms.payment_minor
        if owed <= 0:
            return months_after(due, months)
    return None


def _next_due(shown: Shown, terms: LoanTerms) -> date | None:
    if shown.view.booked(shown.at) >= 0:
        return None
    return _months_day(_today(shown), terms.pay_day, ahead=True)


def _months_day(today: date, day: int, *, ahead: bool) -> date:
    """The next day of that number in a month, or the last one that has been (`today` included)."""
    this = today.replace(day=day)
    if ahead:
        return this if this > today else months_after(this, 1)
    return this if this <= today else months_after(this, -1)


def _yearly_percent(monthly_rate_bp: int) -> Decimal:
    return Decimal(monthly_rate_bp * 12).scaleb(-2)


def _today(shown: Shown) -> date:
    return shown.at.astimezone(shown.terms.institution.land.zone).date()
