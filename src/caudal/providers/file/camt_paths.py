"""What of a camt.052, 053 or 054 message is kept: paths of local element names, and the field each one fills."""

from typing import Final

# What is kept of each element: path below it → field. The text of an element is what stands after the last
# start tag, so `Sts` reads alike where it is the code itself (older versions) and where it holds `Cd`.
GROUP_PATHS: Final = {
    "GrpHdr/CreDtTm": "message_created",
    "GrpHdr/MsgPgntn/PgNb": "message_page",
    "GrpHdr/MsgPgntn/LastPgInd": "message_last_page",
}
STATEMENT_PATHS: Final = {
    "Id": "id",
    "CreDtTm": "created",
    "FrToDt/FrDtTm": "start",
    "FrToDt/FrDt": "start",
    "FrToDt/ToDtTm": "end",
    "FrToDt/ToDt": "end",
    **{f"{kind}Pgntn/PgNb": "page" for kind in ("Stmt", "Rpt", "Ntfctn")},
    **{f"{kind}Pgntn/LastPgInd": "last_page" for kind in ("Stmt", "Rpt", "Ntfctn")},
    "Acct/Id/IBAN": "iban",
    "Acct/Id/BBAN": "number",
    "Acct/Id/UPIC": "number",
    "Acct/Id/PrtryAcct/Id": "number",
    "Acct/Id/Othr/Id": "number",
    "Acct/Tp/Cd": "kind",
    "Acct/Ccy": "currency",
    "Acct/Nm": "account_name",
    "Acct/Ownr/Nm": "owner",
    "Acct/Ownr/Pty/Nm": "owner",
    "Acct/Svcr/FinInstnId/BIC": "bic",
    "Acct/Svcr/FinInstnId/BICFI": "bic",
    "Acct/Svcr/FinInstnId/CmbndId/BIC": "bic",
    "Acct/Svcr/FinInstnId/Nm": "bank",
    "Acct/Svcr/FinInstnId/NmAndAdr/Nm": "bank",
    "Acct/Svcr/FinInstnId/CmbndId/Nm": "bank",
    "Acct/Svcr/FinInstnId/ClrSysMmbId/MmbId": "bank_number",
    "Acct/Svcr/FinInstnId/Othr/Id": "bank_number",
}
BALANCE_PATHS: Final = {
    "Tp/CdOrPrtry/Cd": "type",
    "Tp/CdOrPrtry/Prtry": "type",
    "Tp/Cd": "type",
    "Amt": "amount",
    "CdtDbtInd": "direction",
    "Dt/Dt": "date",
    "Dt/DtTm": "date",
}
ENTRY_PATHS: Final = {
    "NtryRef": "entry_reference",
    "Amt": "amount",
    "CdtDbtInd": "direction",
    "RvslInd": "reversal",
    "Sts": "status",
    "Sts/Cd": "status",
    "BookgDt/Dt": "booked",
    "BookgDt/DtTm": "booked",
    "ValDt/Dt": "value",
    "ValDt/DtTm": "value",
    "AcctSvcrRef": "bank_reference",
    "BkTxCd/Domn/Cd": "domain",
    "BkTxCd/Domn/Fmly/Cd": "family",
    "BkTxCd/Domn/Fmly/SubFmlyCd": "sub_family",
    "BkTxCd/Prtry/Cd": "own_code",
    "Btch/NbOfTxs": "payments",
    "NtryDtls/Btch/NbOfTxs": "payments",
    "AddtlNtryInf": "entry_text",
}
DETAIL_PATHS: Final = {
    "Refs/AcctSvcrRef": "detail_bank_reference",
    "Refs/EndToEndId": "end_to_end",
    "Refs/ChqNb": "cheque",
    "Refs/InstrId": "instruction",
    "Refs/TxId": "transaction",
    "Refs/PmtInfId": "payment",
    "BkTxCd/Domn/Cd": "detail_domain",
    "BkTxCd/Domn/Fmly/Cd": "detail_family",
    "BkTxCd/Domn/Fmly/SubFmlyCd": "detail_sub_family",
    "BkTxCd/Prtry/Cd": "detail_own_code",
    **{
        f"RltdPties/{side}/{path}": field
        for side, field in (
            ("Dbtr", "debtor"),
            ("Cdtr", "creditor"),
            ("UltmtDbtr", "ultimate_debtor"),
            ("UltmtCdtr", "ultimate_creditor"),
        )
        for path in ("Nm", "Pty/Nm", "Agt/FinInstnId/Nm")
    },
    "RmtInf/Strd/CdtrRefInf/Ref": "creditor_reference",
    "RmtInf/Strd/CdtrRefInf/CdtrRef": "creditor_reference",
    "AddtlTxInf": "detail_text",
}
