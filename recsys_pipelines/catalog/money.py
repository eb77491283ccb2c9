"""Money in minor units: how many decimals a currency has, and amounts rounded half to even.

The decimals are those of the Unicode CLDR, which follow how a currency is used: the yen has none, the Bahraini dinar
three. Where a source means something else (a shop that keeps cents of Serbian dinars), its field scales by a number.
"""

import polars as pl
from babel.core import get_global
from babel.numbers import get_currency_precision

DECIMALS = {currency: get_currency_precision(currency) for currency in sorted(get_global("all_currencies"))}
_EXACT = 6  # amounts are first rounded here, so that 19.99 * 100, in binary 1998.99..., is 1999


def minor_units(amount: pl.Expr, currency: pl.Expr) -> pl.Expr:
    """Decimal amounts (of whatever number) as whole minor units of their currency (ISO 4217), rounded half to even.

    Null where the currency is unknown, so that a contract rejects the row; nobody knows what 100 of it are.
    """
    factors = {code: 10.0**decimals for code, decimals in DECIMALS.items()}
    factor = currency.cast(pl.String).replace_strict(factors, default=None, return_dtype=pl.Float64)
    scaled = (amount.cast(pl.Float64) * factor).round(_EXACT).round(0, mode="half_to_even")
    return scaled.cast(pl.Int64, strict=False)


def is_known(currency: pl.Expr) -> pl.Expr:
    """Whether it is a currency at all."""
    return currency.is_in(list(DECIMALS))
