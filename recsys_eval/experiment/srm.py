"""Did the arms get the shares of users that they should have?

If not, who is in them differs, and nothing else is worth reading (Fabijan et al., 2019, KDD).
"""

from collections.abc import Mapping


def sample_ratio_p_value(users: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """How often chance alone would miss the shares by as much: Pearson's chi-square test. 1 where there is nobody.

    >>> round(sample_ratio_p_value({"a": 5_000, "b": 5_200}, {"a": 0.5, "b": 0.5}), 4)  # chi-square 3.92
    0.0477

    Stability: experimental
    """
    from scipy.stats import chisquare  # type: ignore[import-untyped]  # noqa: PLC0415  # 0.5 s to import

    total = sum(users.get(arm, 0) for arm in shares)
    if total == 0:
        return 1.0
    arms = sorted(shares)
    observed = [users.get(arm, 0) for arm in arms]
    return float(chisquare(observed, [shares[arm] / sum(shares.values()) * total for arm in arms]).pvalue)
