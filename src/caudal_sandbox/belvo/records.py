"""What Open Finance Brazil's accounts, transactions, balances, bills and owners look like (official OpenAPI 1.223.0)."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from caudal_sandbox.belvo.links import Link
from caudal_sandbox.belvo.names import cpf_of, hexed, moment, stamp
from caudal_sandbox.economy.accounts import Account, AccountKind, LoanTerms
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.movements import Kind, Rail, State, money
from caudal_sandbox.economy.statements import Statement
from caudal_sandbox.economy.view import AccountView, Sighting

Json = dict[str, object]

NOTHING: Final = Decimal("0.00")
_SHAPES: Final = {
    AccountKind.CHECKING: ("CHECKING_ACCOUNT", "ASSET", "CONTA_DEPOSITO_A_VISTA", "INDIVIDUAL"),
    AccountKind.SAVINGS: ("SAVINGS_ACCOUNT", "ASSET", "CONTA_POUPANCA", "INDIVIDUAL"),
    AccountKind.CARD: ("CREDIT_CARD", "LIABILITY", "CREDIT_CARD", "GOLD"),
    AccountKind.LOAN: ("LOAN_ACCOUNT", "LIABILITY", "EMPRESTIMOS", "CREDITO_PESSOAL_SEM_CONSIGNACAO"),
}
KINDS: Final = frozenset(_SHAPES)
MOVING: Final = KINDS - {AccountKind.LOAN}
"""Whose movements are told: of loans Open Finance tells contracts and instalments, no statement."""

_OPERATIONS: Final = {
    Rail.INSTANT: "PIX",
    Rail.BATCH: "BOLETO",
    Rail.WIRE: "TED",
    Rail.CASH_MACHINE: "SAQUE",
    Rail.CHEQUE: "DEPOSITO",
    Rail.CARD: "CARTAO",
    Rail.MARKET: "OUTROS",
    Rail.BANK: "TARIFA_SERVICOS_AVULSOS",
}
_ON_CARDS: Final = {Kind.CARD_PAYMENT: "PAGAMENTO", Kind.FEE: "TARIFA", Kind.REFUND: "ESTORNO"}
_AT_ONCE: Final = frozenset({Rail.INSTANT, Rail.WIRE})
"""Whose ids the bank has on the day itself; others get theirs once booked (regulator: id immutability)."""


def internal_account(terms: Account) -> str:
    """The bank's own id of an account: the same in every link."""
    return hexed("account", terms.id, length=41)


def internal_movement(link: Link, sighting: Sighting) -> str:
    """The bank's own id of a movement. What isn't final may be told under another one once it is."""
    steady = sighting.movement.rail in _AT_ONCE
    return hexed("movement", link.issue, sighting.movement.id if steady else sighting.record, length=40)


def account(link: Link, view: AccountView, at: datetime) -> Json:
    """An account as it stood at `at`."""
    terms = view.terms
    category, side, kind, subtype = _SHAPES[terms.kind]
    card, loan = terms.kind is AccountKind.CARD, terms.kind is AccountKind.LOAN
    number, _, check = terms.number.partition("-")
    plain = not card and not loan
    return {
        "id": link.uuid("account", terms.id),
        "link": link.id,
        "institution": {"name": link.bank.name, "type": "bank"},
        "collected_at": stamp(at),
        "created_at": stamp(link.created_at),
        "last_accessed_at": stamp(at),
        "category": category,
        "balance_type": side,
        "overdraft": {"arranged": NOTHING, "used": NOTHING, "unarranged": NOTHING} if plain else None,
        "type": kind,
        "subtype": subtype,
        "name": terms.name,
        "number": number if plain else None,
        "agency": "0001" if plain else None,
        "check_digit": check if plain else None,
        "balance": _balance(view, at),
        "currency": terms.currency,
        "public_identification_name": "CREDIT_CARD_NUMBER" if card else "AGENCY/ACCOUNT",
        "public_identification_value": terms.mask if card else f"0001/{terms.number}",
        "internal_identification": internal_account(terms),
        "credit_data": _credit_data(view, at) if card else None,
        "loan_data": _loan_data(view, terms.loan, at) if loan and terms.loan else None,
        "funds_data": None,
    }


def _balance(view: AccountView, at: datetime) -> Json:
    """Of a card what was spent since its last bill was closed; of a loan what is left to pay; both positive."""
    match view.terms.kind:
        case AccountKind.CARD:
            current = spent(view, at)
            available: Decimal | None = _limit(view) - current
        case AccountKind.LOAN:
            current, available = -view.booked(at), None
        case _:
            current, available = view.booked(at), view.available(at)
    return {"current": current, "available": available, "blocked": NOTHING, "automatically_invested": NOTHING}


def spent(view: AccountView, at: datetime) -> Decimal:
    """On a card, since its last bill was closed."""
    closed = [each.closed_on for each in view.statements(at)]
    begins = max(closed, default=date.min)
    bought = (
        each.amount for each in view.movements(at) if each.state is not State.EXPIRED and each.on > begins
    )
    return -sum((amount for amount in bought if amount < 0), NOTHING)


def _limit(view: AccountView) -> Decimal:
    return view.terms.card.limit if view.terms.card else NOTHING


def _credit_data(view: AccountView, at: datetime) -> Json:
    bills = view.statements(at)
    return {
        "collected_at": stamp(at),
        "credit_limit": _limit(view),
        "limits": [],
        "cutting_date": bills[-1].due_on.isoformat() if bills else None,
        "minimum_payment": bills[-1].minimum if bills else None,
        "network": "VISA",
        "network_additional_info": None,
        "cards": [{"is_multiple": False, "identification_number": view.terms.mask}],
        **dict.fromkeys(
            (
                "next_payment_date",
                "no_interest_payment",
                "interest_rate",
                "monthly_payment",
                "last_payment_date",
            )
        ),
    }


_LOAN_NULLS: Final = (
    "fees", "contracted_charges", "collaterals", "balloon_payments", "installment_frequency_info",
    "number_of_installments_outstanding", "number_of_installments_past_due", "disbursement_dates", "settlement_date",
    "contract_end_date", "contract_remaining_total", "amortization_schedule_info", "consignee_id", "monthly_payment",
    "principal", "payment_day", "outstanding_principal", "credit_limit", "last_period_balance", "interest_rate",
    "limit_day", "cutting_day", "cutting_date", "last_payment_date", "no_interest_payment",
    "number_of_installments_total", "number_of_installments_paid", "first_installment_due_date",
)  # fmt: skip


def _loan_data(view: AccountView, terms: LoanTerms, at: datetime) -> Json:
    """With the total cost under both of its names: the misspelt one is the one that the description requires."""
    digits = str(int(hexed("loan", view.terms.id), 16))
    return {
        **dict.fromkeys(_LOAN_NULLS),
        "collected_at": stamp(at),
        "loan_code": digits.zfill(40)[:40],
        "contract_amount": terms.principal,
        "total_effective_cost": None,
        "total_effectove_cost": None,
        "loan_type": "CREDITO_PESSOAL_SEM_CONSIGNACAO",
        "outstanding_balance": -view.booked(at),
        "interest_rates": [],
        "installments_contract_term_frequency": "MONTH",
        "installment_frequency": "MONTHLY",
        "contract_start_date": terms.originated_on.isoformat(),
        "contract_remaining_frequency": "MONTH",
        "amortization_schedule": "PRICE",
        "contract_number": digits[:12],
    }


def movements(
    link: Link, view: AccountView, at: datetime, *, drops_twins: date | None = None
) -> list[Sighting]:
    """What is told of an account, the latest first. `drops_twins`: from that day on, of rows that look alike on one day
    the first alone, as happens on the way from some banks."""
    told = [
        each
        for each in view.movements(at)
        if each.state in {State.BOOKED, State.PENDING} and each.on >= link.since
    ]
    if drops_twins is not None:
        alike = {(each.on, each.amount, each.text, each.state): each for each in reversed(told)}
        told = [
            each
            for each in told
            if each.on < drops_twins or alike[each.on, each.amount, each.text, each.state] is each
        ]
    return sorted(told, key=lambda each: (each.on, each.since), reverse=True)


def transaction(link: Link, view: AccountView, sighting: Sighting, whole: Json, at: datetime) -> Json:
    """A movement. `whole`: its account, which is told with every single one."""
    movement, terms = sighting.movement, view.terms
    card = terms.kind is AccountKind.CARD
    local = abs(sighting.amount)
    foreign = movement.foreign if card else None
    operation = _OPERATIONS[movement.rail]
    if card:
        operation = _ON_CARDS.get(movement.kind, "OUTROS")
    elif movement.rail is Rail.BANK and sighting.amount > 0:
        operation = "RENDIMENTO_APLIC_FINANCEIRA"
    return {
        "id": link.uuid("transaction", internal_movement(link, sighting)),
        "internal_identification": internal_movement(link, sighting),
        "account": whole,
        "collected_at": stamp(at),
        "created_at": stamp(max(sighting.since, link.created_at)),
        "value_date": sighting.on.isoformat(),
        "transacted_at": moment(movement.occurred_at),
        "accounting_date": sighting.on.isoformat() if sighting.state is State.BOOKED else None,
        "inferred_accounting_date": sighting.on.isoformat(),
        "amount": abs(foreign.amount) if foreign else local,
        "local_currency_amount": local if card else None,
        "balance": None,
        "currency": foreign.currency if foreign else terms.currency,
        "description": sighting.text,
        "observations": None,
        "merchant": {"logo": None, "website": None, "merchant_name": movement.merchant.name}
        if movement.merchant
        else None,
        "category": None,
        "subcategory": None,
        "reference": None,
        "type": "INFLOW" if sighting.amount > 0 else "OUTFLOW",
        "status": "PROCESSED" if sighting.state is State.BOOKED else "PENDING",
        "credit_card_data": _card_data(link, view, sighting, at) if card else None,
        "counterparty": _counterparty(sighting) if operation == "PIX" else None,
        "loan_data": None,
        "payment_type": ("INSTALLMENT" if movement.instalment else "FULL") if card else None,
        "operation_type": operation,
        "operation_type_additional_info": None,
        "mcc": None,
    }


def _counterparty(sighting: Sighting) -> Json:
    name = sighting.movement.counterparty or sighting.text
    return {
        "type": "INDIVIDUAL",
        "document_number": cpf_of(name),
        "clearing_code": "991",
        "agency": "0001",
        "check_digit": "1",
        "number": str(int(hexed(name, length=8), 16)).zfill(8)[:20],
    }


def _card_data(link: Link, view: AccountView, sighting: Sighting, at: datetime) -> Json:
    """Which bill a row is on: by its id once that is closed."""
    bill = next((each for each in view.statements(at) if each.closed_on >= sighting.on), None)
    instalment = sighting.movement.instalment
    return {
        "collected_at": stamp(at),
        "bill_name": f"{bill.due_on:%b-%Y}".lower() if bill else None,
        "bill_due_date": bill.due_on.isoformat() if bill else None,
        "bill_internal_identification": _bill_id(view, bill) if bill else None,
        "bill_status": None,
        "previous_bill_total": None,
        "bill_amount": bill.balance.copy_negate() if bill else None,
        "card_number": view.terms.mask,
        "fee_type": None,
        "fee_type_additional_info": None,
        "credits_type": None,
        "credits_type_additional_info": None,
        "installment_identifier": f"PARCELA_{instalment[0]}" if instalment else "",
        "number_of_installments": instalment[1] if instalment else None,
        "credit_card_bill": {
            "id": link.uuid("bill", bill.due_on),
            "internal_identification": _bill_id(view, bill),
        }
        if bill
        else None,
    }


def _bill_id(view: AccountView, bill: Statement) -> str:
    return hexed("bill", view.terms.id, bill.closed_on, length=40)


def bill(link: Link, view: AccountView, told: Statement, whole: Json, at: datetime) -> Json:
    """A closed bill of a card."""
    return {
        "id": link.uuid("bill", view.terms.id, told.closed_on),
        "created_at": stamp(link.created_at),
        "collected_at": stamp(at),
        "account": whole,
        "internal_identification": _bill_id(view, told),
        "bill_name": f"{told.due_on:%b-%Y}".lower(),
        "due_date": told.due_on.isoformat(),
        "currency": view.terms.currency,
        "total_amount": money(told.owed_minor),
        "minimum_amount": told.minimum,
        "is_installment": False,
        "finance_charges": [
            {"type": "NO_CHARGE", "additional_info": None, "currency": "BRL", "amount": NOTHING}
        ],
        "payments": [],
    }


def balance(link: Link, view: AccountView, at: datetime) -> Json:
    """What may be spent, as /api/br/balances/ tells it: there is no `current`."""
    return {
        "id": link.uuid("balance", view.terms.id, at),
        "link": link.id,
        "account_id": link.uuid("account", view.terms.id),
        "account_internal_identification": internal_account(view.terms),
        "collected_at": stamp(at),
        "created_at": stamp(at),
        "last_updated_at": stamp(at),
        "currency": view.terms.currency,
        "available": max(view.available(at), NOTHING),
        "blocked": NOTHING,
        "automatically_invested": NOTHING,
    }


def owner(link: Link, holder: Holder, at: datetime) -> Json:
    """The person."""
    born = date(1960, 1, 1) + timedelta(days=int(hexed("born", holder.name, length=4), 16) % 14_600)
    return {
        "id": link.uuid("owner"),
        "link": link.id,
        "internal_identification": hexed("owner", holder.name, length=8),
        "collected_at": stamp(at),
        "created_at": stamp(link.created_at),
        "display_name": holder.full_name,
        "social_name": None,
        "birth_date": born.isoformat(),
        "marital_status": "OTHER",
        "marital_status_additional_info": None,
        "gender": "OTHER",
        "companies_id": ["01773247000103"],
        "is_local_resident": True,
        "document_id": {"document_type": "CPF", "document_number": cpf_of(holder.name)},
        "additional_documents": [None],
        "nationalities": None,
        "email": holder.email,
        "emails": [{"is_main": True, "email": holder.email}],
        "address": holder.city,
        "addresses": [None],
        "phone_number": None,
        "phone_numbers": [],
        "filiations": [{"type": None, "civil_name": holder.full_name, "social_name": None}],
        "financial_profile": None,
        "financial_relation": None,
    }
