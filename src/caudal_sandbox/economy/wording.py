"""How banks of each language word a movement that no card terminal names."""

from typing import Final

from caudal_sandbox.economy.countries import Language
from caudal_sandbox.economy.movements import Kind

_EN: Final = {
    Kind.SALARY: "PAYROLL {who}",
    Kind.SALARY_ADVANCE: "SALARY ADVANCE {who}",
    Kind.RENT: "RENT {who}",
    Kind.UTILITY: "DIRECT DEBIT {who}",
    Kind.PHONE: "DIRECT DEBIT {who}",
    Kind.REFUND: "REFUND {who}",
    Kind.INSTALMENT: "{who} INSTALMENT {n:02d}/{m:02d}",
    Kind.FRIENDS: "INSTANT PAYMENT {who}",
    Kind.TRANSFER: "TRANSFER {who}",
    Kind.CARD_PAYMENT: "CARD PAYMENT {who}",
    Kind.LOAN_PAYMENT: "LOAN PAYMENT {who}",
    Kind.INTEREST: "INTEREST",
    Kind.FEE: "FEE {who}",
    Kind.CASH: "CASH WITHDRAWAL {who}",
    Kind.CHEQUE: "CHECK {who}",
    Kind.BUY: "BUY {who}",
    Kind.SELL: "SELL {who}",
    Kind.DIVIDEND: "DIVIDEND {who}",
    Kind.TAKINGS: "CARD SETTLEMENT {who}",
    Kind.INVOICE: "PAYMENT RECEIVED {who}",
    Kind.PAYROLL: "SALARY {who}",
    Kind.SUPPLIES: "PAYMENT {who}",
    Kind.TAX: "TAX PAYMENT {who}",
}

_PT: Final = {
    Kind.SALARY: "SALARIO {who}",
    Kind.SALARY_ADVANCE: "ADIANTAMENTO SALARIAL {who}",
    Kind.RENT: "ALUGUEL {who}",
    Kind.UTILITY: "DEB AUTOMATICO {who}",
    Kind.PHONE: "DEB AUTOMATICO {who}",
    Kind.REFUND: "ESTORNO {who}",
    Kind.INSTALMENT: "{who} PARC {n:02d}/{m:02d}",
    Kind.FRIENDS: "PIX {who}",
    Kind.TRANSFER: "TRANSFERENCIA PIX {who}",
    Kind.CARD_PAYMENT: "PAGAMENTO FATURA {who}",
    Kind.LOAN_PAYMENT: "PARCELA EMPRESTIMO {who}",
    Kind.INTEREST: "JUROS",
    Kind.FEE: "TARIFA {who}",
    Kind.CASH: "SAQUE {who}",
    Kind.CHEQUE: "CHEQUE COMPENSADO {who}",
    Kind.BUY: "COMPRA {who}",
    Kind.SELL: "VENDA {who}",
    Kind.DIVIDEND: "DIVIDENDOS {who}",
    Kind.TAKINGS: "RECEBIMENTO CARTOES {who}",
    Kind.INVOICE: "PIX RECEBIDO {who}",
    Kind.PAYROLL: "PAGAMENTO SALARIO {who}",
    Kind.SUPPLIES: "PAGAMENTO BOLETO {who}",
    Kind.TAX: "PAGAMENTO TRIBUTOS {who}",
}

_ES: Final = {
    Kind.SALARY: "NOMINA {who}",
    Kind.SALARY_ADVANCE: "ANTICIPO DE NOMINA {who}",
    Kind.RENT: "RENTA {who}",
    Kind.UTILITY: "DOMICILIACION {who}",
    Kind.PHONE: "DOMICILIACION {who}",
    Kind.REFUND: "DEVOLUCION {who}",
    Kind.INSTALMENT: "{who} MSI {n:02d} DE {m:02d}",
    Kind.FRIENDS: "SPEI {who}",
    Kind.TRANSFER: "TRANSFERENCIA SPEI {who}",
    Kind.CARD_PAYMENT: "PAGO TARJETA {who}",
    Kind.LOAN_PAYMENT: "PAGO PRESTAMO {who}",
    Kind.INTEREST: "INTERESES",
    Kind.FEE: "COMISION {who}",
    Kind.CASH: "RETIRO CAJERO {who}",
    Kind.CHEQUE: "CHEQUE {who}",
    Kind.BUY: "COMPRA {who}",
    Kind.SELL: "VENTA {who}",
    Kind.DIVIDEND: "DIVIDENDO {who}",
    Kind.TAKINGS: "ABONO TERMINAL {who}",
    Kind.INVOICE: "SPEI RECIBIDO {who}",
    Kind.PAYROLL: "PAGO NOMINA {who}",
    Kind.SUPPLIES: "PAGO PROVEEDOR {who}",
    Kind.TAX: "PAGO IMPUESTOS {who}",
}

_WORDS: Final = {Language.EN: _EN, Language.PT: _PT, Language.ES: _ES}


def words(language: Language, kind: Kind, who: str = "", instalment: tuple[int, int] = (0, 0)) -> str:
    """The statement line for a movement of `kind` with `who` on the other side, in the bank's language."""
    template = _WORDS[language].get(kind, "{who}")
    return template.format(who=who.upper(), n=instalment[0], m=instalment[1]).strip()
