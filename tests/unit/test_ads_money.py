"""`gateway/rpc/ads_money.py`: amounts of money, to the smallest step of each currency."""

from decimal import Decimal

import pytest
from google.type import money_pb2  # type: ignore[import-untyped]

from gateway.errors import FieldInvalid
from gateway.rpc import ads_money


@pytest.mark.parametrize(
    ("currency", "units", "nanos", "expected"),
    [
        ("USD", 12, 340_000_000, "12.34"),
        ("JPY", 500, 0, "500"),
        ("KWD", 1, 5_000_000, "1.005"),
        ("EUR", 0, 10_000_000, "0.01"),
    ],
)
def test_an_amount_comes_back_as_it_was(currency: str, units: int, nanos: int, expected: str) -> None:
    """Reading and writing is the identity, in currencies with two, three and no digits."""
    message = money_pb2.Money(currency_code=currency, units=units, nanos=nanos)
    amount = ads_money.read(message, currency, "f")
    assert Decimal(expected) == amount
    assert message == ads_money.to_proto(amount, currency)


@pytest.mark.parametrize(
    ("currency", "units", "nanos"),
    [
        ("USD", 1, 1),
        ("JPY", 1, 500_000_000),
        ("USD", -1, 0),
        ("USD", 1, -10_000_000),
        ("USD", 0, 0),
        ("USD", 10**12 + 1, 0),
        ("EUR", 1, 0),
        ("", 1, 0),
    ],
)
def test_what_is_no_amount_is_refused(currency: str, units: int, nanos: int) -> None:
    """Parts of a step, nothing, less than nothing, too much, another currency or none: FIELD_INVALID by its path."""
    account = "JPY" if currency == "JPY" else "USD"
    message = money_pb2.Money(currency_code=currency, units=units, nanos=nanos)
    with pytest.raises(FieldInvalid, match=r"\bf(\.currency_code)?: "):
        ads_money.read(message, account, "f")
