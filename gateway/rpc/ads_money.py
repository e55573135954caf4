"""Conversion of money between the contract and decimal numbers.

Owns how small an amount of a currency can be (ISO 4217). Knows no noun.
"""

from decimal import Decimal
from typing import Any

from google.type import money_pb2  # type: ignore[import-untyped]

from gateway.errors import FieldInvalid

DIGITS = 2
WITHOUT_DIGITS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF"}
    | {"XPF"}
)
THREE_DIGITS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
NANOS = Decimal(10) ** 9
MOST = 10**12


def read(money: Any, currency: str, path: str) -> Decimal:
    """Return an amount; raises FieldInvalid unless it is positive, in this currency and in its whole smallest steps."""
    if money.currency_code != currency:
        raise FieldInvalid(f"{path}.currency_code", f"must be {currency}, the currency of the ad account")
    if not (0 <= money.units <= MOST and 0 <= money.nanos < NANOS) or not (money.units or money.nanos):
        raise FieldInvalid(path, f"must be more than 0, and at most {MOST}")
    amount = Decimal(money.units) + Decimal(money.nanos) / NANOS
    step = _step(currency)
    if amount % step:
        raise FieldInvalid(path, f"must be in whole steps of {step} {currency}")
    return amount.quantize(step)


def to_proto(amount: Decimal, currency: str) -> money_pb2.Money:
    """Return an amount as a message."""
    units = int(amount)
    return money_pb2.Money(currency_code=currency, units=units, nanos=int((amount - units) * NANOS))


def _step(currency: str) -> Decimal:
    digits = 0 if currency in WITHOUT_DIGITS else 3 if currency in THREE_DIGITS else DIGITS
    return Decimal(1).scaleb(-digits)
