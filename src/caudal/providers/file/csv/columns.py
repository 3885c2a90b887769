"""Which column is what, judged by its cells and its header's words (en, pt, es, fr, de, nl, it, pl, hu)."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from caudal.providers.file.csv.values import (
    currency_of,
    folded,
    looks_like_amount,
    looks_like_date,
)

_SHARE_MIN: Final = 0.8
"""How many of a column's filled cells must be of the kind its header suggests."""

_NAMED_SHARE_MIN: Final = 0.5
"""The same where the header says it outright: some rows may be garbled."""

# Header names as `folded` writes them, separated by "|", the most telling first.
_NAMES: Final = {
    "date": (
        "date|transaction date|booking date|data|data transacao|data lancamento|data da transacao"
        "|data mov|data movimento|data operacao|data da operacao|data operazione|data contabile"
        "|data operacji|data transakcji|data ksiegowania|fecha|fecha operacion|fecha de operacion"
        "|fecha de la operacion|fecha oper|f operacion|fecha contable|fecha movimiento|datum"
        "|buchungstag|buchungsdatum|buchung|date operation|date d operation|date de l operation"
        "|date de comptabilisation|date comptable|date transaction|datum verrichting|boekdatum"
        "|boekingsdatum|transactiedatum|rentedatum|started date|completed date|posted date"
        "|posting date|post date|datetime|created|created at|timestamp|bokforingsdag|bokforingsdatum"
        "|transaktionsdatum|tranzakcio datuma|konyveles datuma|value date|valutadatum|valuta"
        "|wertstellung|date de valeur|date valeur|fecha valor|data valuta"
    ),
    "value_date": (
        "value date|valutadatum|valuta|valuta datum|wertstellung|wertstellungsdatum|wertstellungstag"
        "|date de valeur|date valeur|fecha valor|fecha de valor|f valor|data valor|data valuta"
        "|data waluty|rentedatum|datum verrekening|post date|posted date|posting date|completed date"
        "|ertenap|data contabil|data do balancete|valutadag"
    ),
    "amount": (
        "amount|transaction amount|amount total|total amount|net amount|valor|valor em r|valor r"
        "|valor da transacao|montante|importe|importe total|monto|betrag|buchungsbetrag|umsatz"
        "|montant|bedrag|transactiebedrag|importo|kwota|kwota operacji|kwota transakcji|belopp|belob"
        "|beloep|summa|tranzakcio osszege|osszeg|value|sum|net|total"
    ),
    "debit": (
        "debit|debit amount|debits|debito|debitos|debet|soll|cargo|cargos|withdrawal|withdrawals"
        "|withdrawal amt|withdrawal amount|money out|paid out|amount debit|outflow|out|saida|saidas"
        "|saida r|gasto|gastos|debe|retiro|retiros|egreso|egresos|belastung|lastschrift|ausgabe"
        "|ausgaben|depense|depenses|addebito|addebiti|uscite|dare|af|obciazenia|wyplaty|kiadas"
        "|terheles|amount out|spend|spent|payment"
    ),
    "credit": (
        "credit|credit amount|credits|credito|creditos|haben|abono|abonos|deposit|deposits"
        "|deposit amt|deposit amount|money in|paid in|amount credit|inflow|in|entrada|entradas"
        "|entrada r|ingreso|ingresos|haber|gutschrift|einnahme|einnahmen|recette|recettes|accredito"
        "|accrediti|entrate|avere|bij|uznania|wplaty|bevetel|jovairas|amount in|received|receipt"
    ),
    "direction": (
        "debit credit|credit debit|dr cr|cr dr|d c|c d|transaction type|type|indicator"
        "|credit debit indicator|af bij|soll haben|s h|tipo|tipo de lancamento|tipo lancamento"
        "|tipo de movimiento|natureza|cargo abono|sens|bevetel kiadas|sign|details|strona"
    ),
    "balance": (
        "balance|running balance|running bal|runningbalance|balance after|account balance|saldo"
        "|saldo apos|saldo contable|saldo contabile|saldo disponible|kontostand|saldo nach buchung"
        "|solde|egyenleg|ledger balance|saldo po operacji|saldo na boeking|saldo na trn|kontosaldo"
        "|closing balance|saldo r"
    ),
    "description": (
        "description|transaction description|descricao|descripcion|concepto|verwendungszweck|libelle"
        "|label|memo|narrative|narration|title|titulo|historico|lancamento|estabelecimento"
        "|omschrijving|mededelingen|mededeling|causale|descrizione|opis|opis operacji|tytul"
        "|tytul operacji|desc|details|detalles|detalhes|detalle|reason|text|buchungstext"
        "|transaktionsbeschreibung|transaction details|particulars|remarks|note|notes|note s"
        "|observaciones|original description|kozlemeny|transaktionstext|communication|motif|concept"
        "|movimiento|toelichting|naam omschrijving|description 1|description 2|description 3|vwz1"
        "|vwz2|vwz3|umsatzart|beschreibung|booking text"
    ),
    "counterparty": (
        "payee|name|payee name|partner name|merchant|merchant name|counter party|counterparty"
        "|counterparty name|beneficiary|beneficiario|beneficiaire|empfanger|zahlungsempfanger"
        "|auftraggeber empfanger|payer payee|beguenstigter zahlungspflichtiger"
        "|begunstigter zahlungspflichtiger|name zahlungsbeteiligter|naam tegenpartij|tegenpartij"
        "|nombre|contraparte|partner neve|handelaar|nadawca odbiorca|kontrahent|vendor|ordenante|nome"
        "|beneficiario ordenante|tiers|recipient|zahlungspflichtiger"
    ),
    "reference": (
        "reference|referencia|referentie|referenz|ref|reference id|reference number|transaction id|id"
        "|transaktionsreferenz|identificador|check number|cheque number|checknumber|check or slip"
        "|check|numero documento|numero do documento|n documento|documento|client reference"
        "|buchungsreferenz|kundenreferenz|end to end referenz|n de transaction|payment reference"
        "|receipt id|num|number|transaction number"
    ),
    "currency": (
        "currency|currency code|transaction currency|moneda|moeda|wahrung|waehrung|buchungswahrung"
        "|devise|monnaie|monn|munt|valuta|waluta|divisa|devizanem|tranzakcio devizaneme|valutakod|ccy"
        "|curr|waluta operacji|account currency"
    ),
    "status": ("status|state|estado|situacao|statut|stato|transaction status"),
    "account": (
        "account|account number|account name|account no|account id|auftragskonto|auftraggeberkonto"
        "|kontonummer|konto|iban auftragskonto|iban auftraggeberkonto|cuenta|numero de cuenta"
        "|numero cuenta|conta|compte|numero de compte|rekening|rekeningnummer|iban bban|conto"
        "|rachunek|szamlaszam|kredietkaart|own account"
    ),
}
_RANKS: Final = {
    role: {name: rank for rank, name in enumerate(names.split("|"))} for role, names in _NAMES.items()
}

_DATE_WORDS: Final = frozenset({"date", "data", "datum", "fecha", "dato", "datetime", "timestamp"})
_VALUE_WORDS: Final = frozenset({
    "value", "valuta", "valeur", "valor", "waluty", "posted", "post", "posting", "effective",
})  # fmt: skip
_AMOUNT_WORDS: Final = frozenset({
    "amount", "valor", "importe", "monto", "betrag", "montant", "bedrag", "importo", "kwota", "belopp",
})  # fmt: skip
_BALANCE_WORDS: Final = frozenset({"balance", "saldo", "solde", "kontostand", "egyenleg"})
_OTHER_MONEY: Final = frozenset({
    "original", "originalbetrag", "orig", "foreign", "fremdwahrung", "fremdw", "local", "exchange", "fee",
    "fees", "tax", "vat", "iva", "gst", "rate", "kurs", "currency", "moneda", "moeda", "wahrung", "limit",
    "limite", "transfer", "compensation", "cashback", "budget", "available", "minimum", "due", "extranjera",
    "us", "us$", "usd", "equivalent",
})  # fmt: skip
"""Words of a money column that is not the movement on this account."""

_MINUSES: Final = frozenset({"-", "−", "("})
_BILL_PAYMENT: Final = re.compile(
    r"(?i)\b(?:payment received|payment thank you|payment - thank you|autopay"
    r"|pagamento (?:recebido|efetuado|de fatura)|su pago|pago recibido|zahlung erhalten"
    r"|paiement reçu|payment from)\b"
)

_CODE: Final = re.compile(r"[{}<>=;]|\":")
"""Stands in markup and programs, never in a column's name."""

_NOT_THE_AMOUNT: Final = _OTHER_MONEY | _BALANCE_WORDS | {"debit", "credit"}

DEBIT_WORDS: Final = frozenset({
    "d", "dr", "db", "dbit", "debit", "debito", "debet", "out", "outflow", "af", "s", "soll", "cargo",
    "saida", "withdrawal", "debe",
})  # fmt: skip
CREDIT_WORDS: Final = frozenset({
    "c", "cr", "crdt", "credit", "credito", "in", "inflow", "bij", "h", "haben", "abono", "entrada",
    "deposit", "haber",
})  # fmt: skip


class Column(msgspec.Struct, frozen=True):
    """One column of the sample: its 0-based place, its name as printed, its filled cells."""

    at: int
    name: str
    filled: list[str]

    def mostly(self, test: Callable[[str], bool], share: float = _SHARE_MIN) -> bool:
        """Whether enough filled cells pass; a column without any passes nothing and fails nothing."""
        return sum(map(test, self.filled)) >= share * len(self.filled)


class Choice(msgspec.Struct, frozen=True):
    """What a role was given to, and why: shown to a person by `propose`."""

    at: tuple[int, ...]
    certain: bool
    why: str


def is_header(cells: Sequence[str]) -> bool:
    """Whether the row names at least a date and a movement, and holds neither."""
    for cell in cells:
        if looks_like_date(cell) or (looks_like_amount(cell) and len(cell) > 1) or _CODE.search(cell):
            return False
    roles = {role for cell in cells for role in roles_of(cell)}
    return "date" in roles and bool(roles & {"amount", "debit", "credit"})


def roles_of(name: str) -> Iterable[str]:
    """Every role that a header name could have."""
    return [role for role in _RANKS if _rank(name, role) is not None]


def columns_of(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """The columns under `names` (as many '' as needed where there is no header)."""
    return [
        Column(at, name, [row[at] for row in rows if at < len(row) and row[at].strip()])
        for at, name in enumerate(names)
    ]


def choose(columns: Sequence[Column], *, headed: bool) -> dict[str, Choice]:
    """Role → columns, for a layout nobody described. Roles without a column are left out."""
    return _by_name(columns) if headed else _by_cells(columns)


def prints_spending_positive(chosen: dict[str, Choice], rows: Sequence[Sequence[str]]) -> bool:
    """Whether it looks like a card bill: its payments are negative, and most of the rest is not."""
    if "amount" not in chosen or "balance" in chosen:
        return False
    at = chosen["amount"].at[0]
    texts = [text for role in ("description", "counterparty") if role in chosen for text in chosen[role].at]
    paid = spent = others = 0
    for row in rows:
        if at >= len(row) or not row[at].strip():
            continue
        negative = row[at].strip()[:1] in _MINUSES
        if any(_BILL_PAYMENT.search(row[text]) for text in texts if text < len(row)):
            if not negative:
                return False
            paid += 1
        else:
            others += 1
            spent += not negative
    return paid > 0 and spent * 5 >= others * 4


def _by_name(columns: Sequence[Column]) -> dict[str, Choice]:
    left = list(columns)
    chosen: dict[str, Choice] = {}

    def take(role: str, test: Callable[[str], bool], most: int = 1) -> None:
        ranked = [
            (rank, column)
            for column in left
            if (rank := _rank(column.name, role)) is not None
            and column.mostly(test, _SHARE_MIN if rank >= _LOOSE else _NAMED_SHARE_MIN)
        ]
        ranked.sort(key=lambda pair: (not pair[1].filled, pair[0], pair[1].at))
        best = ranked[:most]
        if best:
            why = f"headed “{best[0][1].name.strip()}”"
            chosen[role] = Choice(tuple(column.at for _, column in best), best[0][0] < _LOOSE, why)
            for _, column in best:
                left.remove(column)

    take("date", looks_like_date)
    take("value_date", looks_like_date)
    take("balance", looks_like_amount)
    take("amount", looks_like_amount)
    if "amount" not in chosen:
        take("debit", looks_like_amount)
        take("credit", looks_like_amount)
    elif not _signed(columns, chosen["amount"]):
        take(
            "direction", lambda cell: folded(cell) in DEBIT_WORDS | CREDIT_WORDS or cell.strip() in {"+", "-"}
        )
    take("currency", lambda cell: currency_of(cell) is not None)
    take("status", lambda cell: not looks_like_amount(cell))
    take("account", lambda cell: not looks_like_date(cell))
    _own_account(columns, chosen)
    _only_candidates(left, chosen)
    # Texts by their header alone: judged by the rows, two exports that overlap could be told in different words.
    take("counterparty", _anything)
    take("description", _anything, most=3)
    take("reference", _anything)
    return chosen


def _anything(_cell: str) -> bool:
    return True


def _only_candidates(left: Sequence[Column], chosen: dict[str, Choice]) -> None:
    """Headers in words we don't know: the only column of dates, the only one of amounts, must be them."""
    if "date" not in chosen:
        dates = [c for c in left if c.filled and c.mostly(looks_like_date)]
        if len(dates) == 1:
            chosen["date"] = Choice((dates[0].at,), certain=True, why="the only column of dates")
    if not {"amount", "debit", "credit"} & set(chosen):
        money = [c for c in left if c.filled and c.mostly(_has_fraction) and not c.mostly(looks_like_date)]
        if len(money) == 1:
            chosen["amount"] = Choice((money[0].at,), certain=True, why="the only column of amounts")


def _own_account(columns: Sequence[Column], chosen: dict[str, Choice]) -> None:
    """Keep the account column only if it is filled on every row, repeats, and no name stands before it.

    Else it is the other party's.
    """
    if "account" not in chosen:
        return
    cells = columns[chosen["account"].at[0]].filled
    rows = len(columns[chosen["date"].at[0]].filled) if "date" in chosen else 0
    repeats = len(set(cells)) == 1 or len(set(cells)) * 2 <= len(cells)
    before = chosen["account"].at[0] - 1
    beside_party = before >= 0 and _rank(columns[before].name, "counterparty") is not None
    if not cells or len(cells) < rows or not repeats or beside_party:
        del chosen["account"]


def _by_cells(columns: Sequence[Column]) -> dict[str, Choice]:
    """Without a header: dates from the left, the longest text, and what the columns of amounts can only be."""
    chosen: dict[str, Choice] = {}
    dates = [c for c in columns if c.filled and c.mostly(looks_like_date, 0.9)]
    if not dates:
        return chosen
    chosen["date"] = Choice((dates[0].at,), certain=True, why="the first column of dates")
    if dates[1:]:
        chosen["value_date"] = Choice((dates[1].at,), certain=False, why="the second column of dates")
    rest = [c for c in columns if c.filled and c not in dates]
    money = [c for c in rest if c.mostly(_has_fraction, 0.9)]
    chosen |= _money_by_cells(money, len(dates[0].filled))
    if "amount" in chosen and not _signed(columns, chosen["amount"]):
        for column in rest:
            if column.mostly(_is_direction, 1):
                chosen["direction"] = Choice((column.at,), certain=True, why="says of each amount in or out")
                break
    texts = [c for c in rest if not c.mostly(looks_like_amount, 0.5) and not c.mostly(_is_direction, 1)]
    if texts:
        longest = max(texts, key=lambda c: sum(map(len, c.filled)) / len(c.filled))
        chosen["description"] = Choice((longest.at,), certain=True, why="the longest text")
    return chosen


def _money_by_cells(money: Sequence[Column], rows: int) -> dict[str, Choice]:
    """Columns of amounts: two that are never both filled are in and out; one always filled beside is a balance."""
    full = [c for c in money if len(c.filled) == rows]
    partial = [c for c in money if len(c.filled) < rows]
    chosen: dict[str, Choice] = {}
    if len(partial) == 2 and sum(len(c.filled) for c in partial) == rows:
        negative = [c for c in partial if all(cell.strip()[:1] in _MINUSES for cell in c.filled)]
        certain = len(negative) == 1
        debit = negative[0] if certain else partial[1]
        credit = partial[1] if debit is partial[0] else partial[0]
        why = "its amounts are all negative" if certain else "one of two columns of amounts"
        chosen["credit"] = Choice((credit.at,), certain=certain, why="the other of two columns of amounts")
        chosen["debit"] = Choice((debit.at,), certain=certain, why=why)
        balances = full
    elif full:
        signed = any(cell.strip()[:1] in _MINUSES for cell in full[0].filled)
        certain = signed or len(money) == 1
        chosen["amount"] = Choice((full[0].at,), certain=certain, why="the first column of amounts")
        balances = full[1:]
    else:
        return chosen
    if balances:
        chosen["balance"] = Choice((balances[0].at,), certain=False, why="a further column of amounts")
    return chosen


_LOOSE: Final = 1000
"""Ranks from here on: the name only contains the role's word."""


def _rank(name: str, role: str) -> int | None:
    """How well a header name fits a role: 0 best, None not at all. Units in brackets count for nothing."""
    plain = folded(name.partition("(")[0]) or folded(name)
    exact = _RANKS[role].get(plain)
    if exact is None:
        exact = _RANKS[role].get(folded(name))
    words = frozenset(folded(name).split())
    if exact is not None:
        # "Betrag (Fremdwährung)" is named like the amount, and is not it
        return None if role == "amount" and words & _OTHER_MONEY and "(" in name else exact
    if role == "date" and words & _DATE_WORDS:
        return _LOOSE + 1
    if role == "value_date" and words & _DATE_WORDS and words & _VALUE_WORDS:
        return _LOOSE + 1
    if role == "amount" and words & _AMOUNT_WORDS and not words & _NOT_THE_AMOUNT:
        return _LOOSE + 1
    if role == "balance" and words & _BALANCE_WORDS and not words & _OTHER_MONEY:
        return _LOOSE + 1
    if (
        role in {"debit", "credit"}
        and words & frozenset({role})
        and not words & {"card", "or", "and", "type"}
    ):
        return _LOOSE + 1
    return None


def _signed(columns: Sequence[Column], choice: Choice) -> bool:
    cells = map(str.strip, columns[choice.at[0]].filled)
    return any(cell[:1] in _MINUSES or cell[-1:] == "-" for cell in cells)


def _is_direction(cell: str) -> bool:
    word = folded(cell)
    return word in DEBIT_WORDS or word in CREDIT_WORDS or cell.strip() in {"+", "-"}


def _has_fraction(cell: str) -> bool:
    return looks_like_amount(cell) and ("." in cell or "," in cell)
