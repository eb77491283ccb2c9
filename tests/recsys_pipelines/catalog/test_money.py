from decimal import ROUND_HALF_EVEN, Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_pipelines.catalog.money import is_known, minor_units


def units(amount, currency):
    return pl.select(minor_units(pl.lit(amount), pl.lit(currency))).item()


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        pytest.param(19.99, "EUR", 1999, id="cents"),
        pytest.param(1500.0, "JPY", 1500, id="yen have no decimals"),
        pytest.param(1.234, "BHD", 1234, id="Bahraini dinars have three"),
        pytest.param(0.125, "EUR", 12, id="half down to even"),
        pytest.param(0.135, "EUR", 14, id="half up to even, though 0.135 is less in binary"),
        pytest.param(2.5, "JPY", 2, id="half a yen"),
        pytest.param(7, "EUR", 700, id="a whole number"),
    ],
)
def test_an_amount_is_so_many_minor_units_of_its_currency(amount, currency, expected):
    assert units(amount, currency) == expected


@pytest.mark.parametrize("currency", ["XXQ", "eur", "", None])
def test_of_an_unknown_currency_nobody_knows_what_an_amount_is(currency):
    assert units(1.0, currency) is None
    assert not pl.select(is_known(pl.lit(currency, pl.String))).item()


@given(st.decimals("0", "1000000", places=4))
def test_it_rounds_as_decimals_do(amount):
    assert units(float(amount), "EUR") == int((amount * 100).quantize(Decimal(1), ROUND_HALF_EVEN))
