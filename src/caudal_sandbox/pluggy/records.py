"""What Pluggy tells of an item, as JSON (contract §3.3, §4, §5.2-§5.4)."""

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.movements import Kind, Rail, State
from caudal_sandbox.economy.statements import Statement
from caudal_sandbox.economy.view import AccountView, Sighting
from caudal_sandbox.pluggy.items import Item
from caudal_sandbox.pluggy.logins import MESSAGES
from caudal_sandbox.pluggy.names import below, stamp, uuid_of
from caudal_sandbox.pluggy.rows import Row

ZONE: Final = ZoneInfo("America/Sao_Paulo")
_SUBTYPES: Final = {
    AccountKind.CHECKING: "CHECKING_ACCOUNT",
    AccountKind.SAVINGS: "SAVINGS_ACCOUNT",
    AccountKind.CARD: "CREDIT_CARD",
}
_PRODUCTS: Final = ("accounts", "creditCards", "transactions", "investments", "identity", "loans")
_OPERATIONS: Final[Mapping[Rail, str]] = {Rail.INSTANT: "PIX", Rail.BATCH: "BOLETO", Rail.WIRE: "TED"}
_METHODS: Final = frozenset({"PIX", "TED", "BOLETO"})
CATEGORIES: Final[Mapping[str, tuple[str, str, str | None]]] = {
    "01000000": ("Income", "Renda", None),
    "01010000": ("Salary", "Salário", "01000000"),
    "05000000": ("Transfers", "Transferências", None),
    "11000000": ("Food and drinks", "Alimentos e bebidas", None),
}
"""Some of Pluggy's: id → its name, the same in Portuguese, and the one above."""
_CATEGORY_OF: Final = {
    Kind.SALARY: "01010000",
    Kind.TRANSFER: "05000000",
    Kind.GROCERIES: "11000000",
    Kind.RESTAURANT: "11000000",
}

Record = dict[str, object]


def item_record(item: Item, page: str) -> Record:
    """`page`: where the bank's own page is."""
    return {
        "id": item.id,
        "connector": item.connector.record(),
        "createdAt": stamp(item.created),
        "updatedAt": stamp(item.updated),
        "status": item.status,
        "executionStatus": item.execution,
        "lastUpdatedAt": stamp(item.synced) if item.synced else None,
        "webhookUrl": item.webhook_url,
        "error": _error(item),
        "clientUserId": item.client_user,
        "consecutiveFailedLoginAttempts": item.failures,
        "statusDetail": _detail(item),
        "parameter": _parameter(item, page),
        "userAction": _action(item, page),
        "nextAutoSyncAt": None,
        "consentExpiresAt": stamp(item.consent_ends) if item.consent_ends else None,
        "products": item.connector.record()["products"],
        "oauthRedirectUri": item.redirect,
        "hasResourcesPendingAuthorization": False,
    }


def _error(item: Item) -> Record | None:
    if not item.error:
        return None
    said = item.outcome.provider_message
    return {"code": item.error, "message": MESSAGES[item.error], "providerMessage": said, "attributes": None}


def _detail(item: Item) -> Record | None:
    if item.synced is None or not (item.outcome.partial or item.outcome.warned):
        return None
    at = stamp(item.synced)
    detail: Record = {}
    for product in _PRODUCTS:
        stale = item.outcome.partial and product == "accounts"
        warned = item.outcome.warned and product == "accounts"
        warning = {"code": "001", "message": "Some accounts couldn't be read", "providerMessage": None}
        detail[product] = {
            "isUpdated": not stale,
            "lastUpdatedAt": at,
            "warnings": [warning] if stale or warned else [],
        }
    return detail


def _parameter(item: Item, page: str) -> Record | None:
    base: Record = {"name": "token", "label": "Token", "placeholder": "", "optional": False, "mfa": True}
    ends = {"expiresAt": stamp(item.waits_until)} if item.waits_until else {}
    match item.waits_for:
        case "text":
            return {**base, **ends, "type": "text", "instructions": "Type the token that was sent to you"}
        case "image":
            return {**base, **ends, "type": "image", "data": "data:image/png;base64,iVBORw0KGgo="}
        case "select":
            options = [{"value": "123456", "label": "SMS"}, {"value": "654321", "label": "E-mail"}]
            return {**base, **ends, "type": "select", "options": options}
        case "oauth":  # [?] the contract §3.2.6: here, or in userAction
            return {**base, **ends, "name": "oauth", "type": "oauth", "data": f"{page}/{item.oauth}"}
        case _:
            return None


def _action(item: Item, page: str) -> Record | None:
    if item.waits_for != "qr":
        return None
    ends = {"expiresAt": stamp(item.waits_until)} if item.waits_until else {}
    attributes = {"url": f"{page}/{item.oauth}"}
    return {
        "type": "qr",
        "instructions": "Scan the code in your bank's app",
        "attributes": attributes,
        **ends,
    }


def account_record(item: Item, view: AccountView) -> Record:
    """As it stood when Pluggy last went there."""
    terms, at = view.terms, item.synced or item.created
    card = terms.kind is AccountKind.CARD
    booked = view.booked(item.seen)
    return {
        "id": item.account_id(terms.id),
        "type": "CREDIT" if card else "BANK",
        "subtype": _SUBTYPES[terms.kind],
        "name": terms.name,
        "balance": -booked if card and not item.connector.sandbox else booked,
        "currencyCode": terms.currency,
        "itemId": item.id,
        "number": terms.number[-4:] if card else f"0001/{terms.number}",
        "createdAt": stamp(item.created),
        "updatedAt": stamp(at),
        "marketingName": terms.official_name.upper(),
        "taxNumber": None if card else "416.799.495-00",
        "owner": None if card or item.holder is None else item.holder.full_name,
        "bankData": None if card else _bank(view, item.seen),
        "creditData": _credit(view, item.seen) if card else None,
    }


def _bank(view: AccountView, seen: datetime) -> Record:
    terms = view.terms
    zero = Decimal(0)
    return {
        "transferNumber": f"{terms.institution.code}/0001/{terms.number}",
        "closingBalance": view.booked(seen) + view.pending(seen),
        "automaticallyInvestedBalance": zero,
        "overdraftContractedLimit": zero,
        "overdraftUsedLimit": zero,
        "unarrangedOverdraftAmount": zero,
        "hasReservedBalance": False,
        "reservedBalances": [],
    }


def _credit(view: AccountView, seen: datetime) -> Record:
    last = view.statements(seen)[-1:]
    limit = view.terms.card.limit if view.terms.card else Decimal(0)
    return {
        "level": "BLACK",
        "brand": "MASTERCARD",
        "brandAdditionalInfo": None,
        "balanceCloseDate": last[0].closed_on.isoformat() if last else None,
        "balanceDueDate": last[0].due_on.isoformat() if last else None,
        "availableCreditLimit": view.available(seen),
        "balanceForeignCurrency": None,
        "minimumPayment": last[0].minimum if last else Decimal(0),
        "creditLimit": limit,
        "isLimitFlexible": None,
        "holderType": "MAIN",
        "status": "ACTIVE",
        "disaggregatedCreditLimits": [],
        "additionalCards": [],
    }


def transaction_record(item: Item, view: AccountView, row: Row) -> Record:
    """A row. Signs and kinds as the connector's sort has them (contract §5.3)."""
    terms, sighting = view.terms, row.sighting
    movement = sighting.movement
    card, sandbox = terms.kind is AccountKind.CARD, item.connector.sandbox
    turned = -1 if card and not sandbox else 1
    out = sighting.amount < 0
    foreign = movement.foreign
    category = _CATEGORY_OF.get(movement.kind) if not sandbox else None
    operation = None if card else _OPERATIONS.get(movement.rail)
    return {
        "id": row.id,
        "description": sighting.text,
        "descriptionRaw": sighting.text,
        "currencyCode": foreign.currency if foreign else movement.currency,
        "amount": turned * (foreign.amount if foreign else sighting.amount),
        "amountInAccountCurrency": turned * sighting.amount if foreign else None,
        "date": stamp(moment_of(sighting)),
        "category": CATEGORIES[category][0] if category else None,
        "categoryId": category,
        "balance": None,
        "accountId": item.account_id(terms.id),
        "providerCode": None,
        "status": "POSTED" if sighting.state is State.BOOKED else "PENDING",
        "paymentData": _payment(sighting, operation) if operation in _METHODS else None,
        "type": "DEBIT" if out and not (card and sandbox) else "CREDIT",
        "operationType": operation,
        "operationTypeAdditionalInfo": None,
        "creditCardMetadata": _card_data(item, view, sighting) if card else None,
        "merchant": {"name": movement.merchant.name} if movement.merchant and not sandbox else None,
        "providerId": uuid_of("bank", movement.id) if item.connector.open_finance else None,
        "order": 0,
        "createdAt": stamp(row.created),
        "updatedAt": stamp(row.updated),
    }


def moment_of(sighting: Sighting) -> datetime:
    """When Pluggy dates it: the real instant where the bank tells it, else its day at 03:00Z (midnight in São Paulo) or
    at 00:00Z (contract §5.4)."""
    movement = sighting.movement
    local = movement.occurred_at.astimezone(ZONE)
    real = movement.occurred_at.time() != time() and local.date() == sighting.on
    if real and movement.rail is Rail.INSTANT:
        return movement.occurred_at.replace(microsecond=0)
    hour = 0 if below(4, "day", movement.id) == 0 else 3
    day = sighting.on
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo("UTC"))


def _payment(sighting: Sighting, operation: str | None) -> Record:
    who = sighting.movement.counterparty or (
        sighting.movement.merchant.name if sighting.movement.merchant else None
    )
    other = {
        "name": who,
        "documentNumber": {"type": "CNPJ", "value": "11.222.333/0001-81"},
        "branchNumber": "0001",
        "accountNumber": "55-5",
        "routingNumber": "237",
        "routingNumberISPB": "60746948",
    }
    mine = {"documentNumber": {"type": "CPF", "value": "416.799.495-00"}, "name": None}
    out = sighting.amount < 0
    return {
        "payer": mine if out else other,
        "receiver": other if out else mine,
        "reason": None,
        "referenceNumber": None,
        "receiverReferenceId": None,
        "paymentMethod": operation,
        "authenticationCode": None,
        "boletoMetadata": None,
    }


def _card_data(item: Item, view: AccountView, sighting: Sighting) -> Record:
    movement = sighting.movement
    number, total = movement.instalment or (None, None)
    bill = _bill_of(item, view, sighting.on) if sighting.state is State.BOOKED else None
    instalment = {"paymentType": "SINGLE" if number is None else "INSTALLMENT"}
    return {
        "installmentNumber": number,
        "totalInstallments": total,
        "totalAmount": None,
        "payeeMCC": None,
        "purchaseDate": stamp(movement.occurred_at.replace(microsecond=0)),
        "cardNumber": view.terms.mask,
        "billId": bill,
        "billForecastDate": None,
        **instalment,
    }


def bills(item: Item, view: AccountView) -> list[tuple[str, Statement]]:
    """A card's bills closed so far, the last first."""
    closed = view.statements(item.seen)
    return [(uuid_of(item.id, each.account, each.closed_on), each) for each in reversed(closed)]


def _bill_of(item: Item, view: AccountView, day: date) -> str | None:
    found = [ident for ident, each in bills(item, view) if day <= each.closed_on]
    return found[-1] if found else None


def bill_record(item: Item, view: AccountView, ident: str, bill: Statement) -> Record:
    """A bill: a negative total is what the bank owes."""
    return {
        "id": ident,
        "accountId": item.account_id(view.terms.id),
        "dueDate": f"{bill.due_on}T00:00:00.000Z",
        "billClosingDate": f"{bill.closed_on}T00:00:00.000Z",
        "totalAmount": -bill.balance,
        "totalAmountCurrencyCode": view.terms.currency,
        "minimumPaymentAmount": bill.minimum,
        "allowsInstallments": True,
        "financeCharges": [],
        "payments": [],
    }


def investment_records(item: Item, view: AccountView) -> list[Record]:
    """What a broker's account holds: net and gross are the same here, and nothing is taxed."""
    return [
        {
            "id": uuid_of(item.id, view.terms.id, each.security.symbol),
            "itemId": item.id,
            "type": "EQUITY",
            "subtype": "STOCK",
            "number": None,
            "code": each.security.symbol,
            "isin": None,
            "name": each.security.name,
            "balance": each.value,
            "amount": each.value,
            "amountOriginal": each.cost,
            "value": each.price,
            "quantity": each.quantity,
            "currencyCode": view.terms.currency,
            "taxes": None,
            "taxes2": None,
            "date": f"{each.priced_on}T03:00:00.000Z",
            "owner": item.holder.full_name if item.holder else None,
            "status": "ACTIVE",
        }
        for each in view.positions(item.seen)
    ]


def trade_records(item: Item, view: AccountView, symbol: str) -> list[Record]:
    """What happened to one position."""
    found = [each for each in view.movements(item.seen) if each.movement.trade]
    return [
        {
            "id": uuid_of(item.id, each.movement.id),
            "type": "BUY" if each.amount < 0 else "SELL",
            "movementType": "CREDIT" if each.amount < 0 else "DEBIT",
            "description": each.text,
            "quantity": abs(trade.quantity),
            "value": trade.price,
            "amount": abs(each.amount),
            "netAmount": abs(each.amount),
            "date": f"{each.on}T03:00:00.000Z",
            "tradeDate": f"{each.on}T03:00:00.000Z",
        }
        for each in found
        if (trade := each.movement.trade) and trade.symbol == symbol and trade.quantity_e4
    ]


def loan_record(item: Item, view: AccountView) -> Record:
    """A loan: what is left to be paid stands under `payments`."""
    terms, at = view.terms, item.synced or item.created
    loan = terms.loan
    began = f"{loan.originated_on}T00:00:00.000Z" if loan else None
    return {
        "id": item.account_id(terms.id),
        "itemId": item.id,
        "contractNumber": terms.number,
        "productName": terms.official_name,
        "type": "CREDITO_PESSOAL_SEM_CONSIGNACAO",
        "kind": "LOAN",
        "date": stamp(at),
        "contractDate": began,
        "contractAmount": loan.principal if loan else None,
        "currencyCode": terms.currency,
        "installmentPeriodicity": "MONTHLY",
        "amortizationScheduled": "PRICE",
        "interestRates": [],
        "contractedFees": [],
        "contractedFinanceCharges": [],
        "payments": {"contractOutstandingBalance": -view.booked(item.seen), "releases": []},
    }


def identity_record(item: Item) -> Record:
    """Who the person is."""
    holder = item.holder
    return {
        "id": uuid_of("identity", item.id),
        "itemId": item.id,
        "fullName": holder.full_name if holder else None,
        "document": "416.799.495-00",
        "documentType": "CPF",
        "emails": [{"type": "Personal", "value": holder.email}] if holder else [],
        "addresses": [],
        "phoneNumbers": [],
        "relations": [],
    }


def consent_record(item: Item) -> Record:
    """What the person allowed."""
    return {
        "id": uuid_of("consent", item.id),
        "itemId": item.id,
        "products": ["ACCOUNTS", "CREDIT_CARDS", "TRANSACTIONS"],
        "openFinancePermissionsGranted": ["ACCOUNTS_ALL", "CREDIT_CARDS_ALL"],
        "createdAt": stamp(item.created),
        "expiresAt": stamp(item.consent_ends) if item.consent_ends else None,
        "revokedAt": None,
    }


def category_record(ident: str) -> Record:
    """A category."""
    name, translated, parent = CATEGORIES[ident]
    above = {"parentId": parent, "parentDescription": CATEGORIES[parent][0]} if parent else {}
    return {"id": ident, "description": name, "descriptionTranslated": translated, **above}
