"""Several comparisons in one experiment: p-values that take into account how many there are."""

from collections.abc import Sequence
from typing import Literal

Correction = Literal["holm", "bh"]
METHODS: dict[Correction, str] = {"holm": "holm", "bh": "fdr_bh"}


def corrected(p_values: Sequence[float], correction: Correction) -> list[float]:
    """The p-values, raised so that comparing them with one level is fair.

    ``holm`` keeps the chance of any false alarm (Holm, 1979), ``bh`` the share of false alarms among all alarms
    (Benjamini & Hochberg, 1995).

    >>> corrected([0.01, 0.04, 0.03], "holm")
    [0.03, 0.06, 0.06]
    >>> corrected([0.01, 0.04, 0.03], "bh")
    [0.03, 0.04, 0.04]

    Stability: experimental
    """
    from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]  # noqa: PLC0415  # 1.8 s

    if not p_values:
        return []
    return [round(float(p), 12) for p in multipletests(p_values, method=METHODS[correction])[1]]
