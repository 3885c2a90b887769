"""Which currencies and assets exist, and how many decimal places each has.

Source of the fiat table: ISO 4217, list one (maintenance agency: SIX), as amended to 2025 (XCG in, ANG and
HRK kept because old statements print them). Crypto exponents are the protocols' own smallest units.
"""

from typing import Final

UNKNOWN: Final = "XXX"
"""ISO 4217's "no currency": what Caudal writes where a source does not say. It never mixes with another."""

_BY_EXPONENT: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
        "CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
        "GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR "
        "LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB "
        "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP "
        "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ZWL"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
    # Withdrawn, but printed in statements that people still import.
    -2: "ATS BEF BYR CYP DEM EEK ESP FIM FRF GRD IEP ITL LTL LUF LVL MTL NLG PTE SIT SKK TRL VEF ZMK",
    # Crypto assets: satoshi, drop, wei, and the tokens' own decimals.
    6: "USDC USDT XRP",
    8: "BCH BTC DOGE LTC",
    9: "SOL",
    18: "DAI ETH",
}

EXPONENTS: Final[dict[str, int]] = {
    code: abs(exponent) for exponent, codes in _BY_EXPONENT.items() for code in codes.split()
} | {UNKNOWN: 18}
"""Code → decimal places. `XXX` takes what the source wrote: without a currency there is no smallest unit."""


def is_known(code: str) -> bool:
    """Whether `code` (upper case, e.g. ``"EUR"``) is a currency or asset Caudal can hold money in."""
    return code in EXPONENTS and code != UNKNOWN
