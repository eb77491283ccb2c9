"""The intervals of an experiment as a drawing."""

from collections.abc import Sequence

from recsys_eval.charts import Spec, svg
from recsys_eval.experiment.facts import Comparison

WIDTH, STEP, NAMES = 440, 34, 300
TONES = {"better": "var(--good)", "held": "var(--good)", "worse": "var(--bad)", "breached": "var(--bad)"}
OPEN = "var(--ink)"


def lifts(name: str, comparisons: Sequence[Comparison]) -> str:
    """One line per comparison: the lift with its interval, and the margin of a guardrail; empty where none has a lift.

    Green is certainly better (or a guardrail that holds), red certainly worse (or breached), the rest is open.
    """
    drawn = [comparison for comparison in comparisons if comparison.lift is not None]
    if not drawn:
        return ""
    rows = [_row(comparison) for comparison in drawn]
    ends = [float(row[key] or 0.0) for row in rows for key in ("low", "high", "margin")]
    pad = 0.05 * (max(*ends, 0.0) - min(*ends, 0.0)) or 0.01
    x: Spec = {
        "type": "quantitative",
        "scale": {"domain": [min(*ends, 0.0) - pad, max(*ends, 0.0) + pad], "nice": False},
        "axis": {"format": "+~%", "tickCount": 6},
        "title": "treatment against control",
    }
    tone: Spec = {"field": "tone", "type": "nominal", "scale": None, "legend": None}
    spec: Spec = {
        "width": WIDTH,
        "height": {"step": STEP},
        "data": {"values": rows},
        "encoding": {
            "y": {
                "field": "row",
                "type": "nominal",
                "sort": [row["row"] for row in rows],
                "axis": {"labelLimit": NAMES - 10, "minExtent": NAMES},
            }
        },
        "layer": [
            {
                "mark": {"type": "rule", "color": "var(--muted)", "strokeDash": [4, 3]},
                "encoding": {"x": {**x, "datum": 0}, "y": None},
            },
            {
                "transform": [{"filter": "datum.margin !== null"}],
                "mark": {"type": "tick", "color": "var(--warn)", "thickness": 2, "size": 22},
                "encoding": {"x": {**x, "field": "margin"}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round"},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": tone},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {"x": {**x, "field": "lift"}, "color": tone},
            },
            {
                "mark": {"type": "text", "dy": -11, "fontSize": 12, "color": "var(--ink)"},
                "encoding": {"x": {**x, "field": "lift"}, "text": {"field": "label"}},
            },
        ],
    }
    return svg(name, "; ".join(f"{row['row']}: {row['label']}" for row in rows), spec)


def _row(comparison: Comparison) -> dict[str, str | float | None]:
    worse = 1 if comparison.better == "lower" else -1
    return {
        "row": f"{comparison.metric}, {comparison.variant} ({comparison.role})",
        "lift": comparison.lift,
        "low": comparison.lift_low,
        "high": comparison.lift_high,
        "margin": None if comparison.margin is None else worse * comparison.margin,
        "tone": TONES.get(comparison.state, OPEN),
        "label": f"{comparison.lift:+.1%}",
    }
