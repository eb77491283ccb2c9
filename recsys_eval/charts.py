"""Charts as inline SVG, drawn from Vega-Lite by ``vl_convert``: no browser, no script, no network.

Colours are CSS variables of the page (``var(--ink)``), so that one drawing is readable in light and in dark. Specs are
plain Vega-Lite, without altair: importing it takes 0.6 s, longer than drawing all charts of a report.
"""

import re
from collections.abc import Sequence
from typing import Any

from recsys_eval.facts import System
from recsys_eval.metrics.definitions import SHARES, shown
from recsys_eval.verdict import SliceValue, Verdict

Spec = dict[str, Any]

WIDTH, ROW_HEIGHT, NAMES = 230, 30, 125
SLICE_NAMES = 260
CONFIG: Spec = {
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "var(--line)",
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
    },
    "axisY": {"grid": False, "labelColor": "var(--ink)", "labelLimit": NAMES - 20, "minExtent": NAMES, "title": None},
    "scale": {"bandPaddingInner": 0.35, "bandPaddingOuter": 0.2},
}


def bars(name: str, title: str, systems: Sequence[System], metric: str) -> str:
    """One bar per system, in the given order, with its value and, where there is one, its interval.

    ``name`` makes the ids inside the drawing unique within a page.
    """
    drawn = [system for system in systems if metric in system.metrics]
    furthest = max([end for system in drawn for end in (system.metrics[metric], *system.intervals.get(metric, ()))])
    y: Spec = {"field": "system", "type": "nominal", "sort": None}
    x: Spec = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "axis": {"tickCount": 4, "format": ".0%" if metric.partition("@")[0] in SHARES else "~g"},
        "scale": {"domain": [0, furthest * 1.02 or 1]},
    }
    colors = {"served": "var(--served)", "incumbent": "var(--incumbent)", "algorithm": "var(--algorithm)"}
    scale = {"domain": list(colors), "range": list(colors.values())}
    whisker = {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.5}
    spec: Spec = {
        "width": WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": [_bar(system, metric) for system in drawn]},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 3},
                "encoding": {"x": x, "color": {"field": "kind", "scale": scale, "legend": None}},
            },
            {
                "transform": [{"filter": "datum.high !== null"}],
                "mark": whisker,
                "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "text", "align": "left", "color": "var(--ink)", "fontSize": 12},
                "encoding": {"x": {"value": WIDTH + 8}, "text": {"field": "label"}},
            },
        ],
    }
    return svg(name, title, spec)


def interval(name: str, verdict: Verdict) -> str:
    """The relative difference with its interval, against the zones of harm and of too much gain; empty without one."""
    if verdict.difference is None or verdict.low is None or verdict.high is None:
        return ""
    low = min(verdict.low, -2 * verdict.tolerance, -0.05) * 1.15
    high = max(verdict.high, 2 * verdict.tolerance, 0.05) * 1.15
    zones = [{"from": low, "to": -verdict.tolerance, "zone": "harm"}]
    if high > verdict.suspicious_gain > 0:
        zones.append({"from": verdict.suspicious_gain, "to": high, "zone": "too good"})
    x: Spec = {
        "type": "quantitative",
        "scale": {"domain": [low, high], "nice": False},
        "axis": {"format": "+.0%", "tickCount": 7},
        "title": f"{verdict.metric}, candidate against incumbent",
    }
    label = f"{verdict.difference:+.1%}  ({verdict.low:+.1%} to {verdict.high:+.1%})"
    mark = {"low": verdict.low, "high": verdict.high, "difference": verdict.difference, "label": label}
    drawn = {"values": [mark]}
    spec: Spec = {
        "width": 640,
        "height": 80,
        "layer": [
            {
                "data": {"values": zones},
                "mark": {"type": "rect", "opacity": 0.16},
                "encoding": {
                    "x": {**x, "field": "from"},
                    "x2": {"field": "to"},
                    "color": {
                        "field": "zone",
                        "scale": {"domain": ["harm", "too good"], "range": ["var(--bad)", "var(--warn)"]},
                        "legend": None,
                    },
                },
            },
            {
                "data": {"values": [{"zero": 0}]},
                "mark": {"type": "rule", "color": "var(--muted)", "strokeDash": [4, 3]},
                "encoding": {"x": {**x, "field": "zero"}},
            },
            {
                "data": drawn,
                "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 3, "strokeCap": "round"},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "data": drawn,
                "mark": {"type": "point", "filled": True, "size": 160, "opacity": 1, "color": "var(--ink)"},
                "encoding": {"x": {**x, "field": "difference"}},
            },
            {
                "data": drawn,
                "mark": {"type": "text", "dy": -20, "fontSize": 14, "fontWeight": "bold", "color": "var(--ink)"},
                "encoding": {"x": {**x, "field": "difference"}, "text": {"field": "label"}},
            },
        ],
    }
    return svg(name, f"{verdict.metric} of the candidate against the incumbent: {label}", spec)


def forest(name: str, metric: str, slices: Sequence[SliceValue]) -> str:
    """One line per slice, in the given order: the relative difference with its interval, coloured where it moved."""
    drawn = [one for one in slices if one.difference is not None]
    if not drawn:
        return ""
    rows = [
        {
            "slice": f"{one.dimension}: {one.name} ({one.users:,})",
            "difference": one.difference,
            "low": one.low,
            "high": one.high,
            "moved": one.moved or "no",
        }
        for one in drawn
    ]
    ends = [end for one in drawn for end in (one.low or 0.0, one.high or 0.0, 0.0)]
    pad = 0.05 * (max(ends) - min(ends)) or 0.01
    x: Spec = {
        "type": "quantitative",
        "scale": {"domain": [min(ends) - pad, max(ends) + pad], "nice": False},
        "axis": {"format": "+.0%", "tickCount": 7},
        "title": f"{metric}, candidate against incumbent",
    }
    tone = {"domain": ["up", "down", "no"], "range": ["var(--good)", "var(--bad)", "var(--muted)"]}
    color: Spec = {"field": "moved", "scale": tone, "legend": None}
    y: Spec = {
        "field": "slice",
        "type": "nominal",
        "sort": None,
        "axis": {"labelLimit": SLICE_NAMES - 10, "minExtent": SLICE_NAMES},
    }
    spec: Spec = {
        "width": 520,
        "height": {"step": 26},
        "data": {"values": rows},
        "encoding": {"y": y},
        "layer": [
            {
                "data": {"values": [{"zero": 0}]},
                "mark": {"type": "rule", "color": "var(--muted)", "strokeDash": [4, 3]},
                "encoding": {"x": {**x, "field": "zero"}, "y": None},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2.5, "strokeCap": "round"},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": color},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
                "encoding": {"x": {**x, "field": "difference"}, "color": color},
            },
        ],
    }
    return svg(name, f"{metric} of the candidate against the incumbent, by slice", spec)


def svg(name: str, title: str, spec: Spec) -> str:
    """The drawing as an SVG element for HTML: ids begin with ``name``, ``title`` is read aloud, no namespaces."""
    import vl_convert  # noqa: PLC0415  # 0.05 s to import; the first drawing takes 0.9 s, each further one 0.04 s

    drawn = vl_convert.vegalite_to_svg({**spec, "config": CONFIG})
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"| version="[^"]*"', "", drawn)
    drawn = renamed(drawn, name)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{_quoted(title)}" ', 1)


def renamed(drawn: str, name: str) -> str:
    """The drawing with the ids ``name-0``, ``name-1``, ...: Vega's count on through the process.

    >>> renamed('<clipPath id="clip7"/><g clip-path="url(#clip7)"/>', "plot")
    '<clipPath id="plot-0"/><g clip-path="url(#plot-0)"/>'
    """
    for number, old in enumerate(re.findall(r'<[^<>]*\sid="(\w+)"', drawn)):
        drawn = re.sub(rf'(\sid="|url\(#|href="#){old}(?=["\)])', rf"\g<1>{name}-{number}", drawn)
    return drawn


def _bar(system: System, metric: str) -> dict[str, str | float | None]:
    low, high = system.intervals.get(metric, (None, None))
    value = system.metrics[metric]
    return {
        "system": system.name,
        "kind": system.kind,
        "value": value,
        "low": low,
        "high": high,
        "label": shown(value, metric),
    }


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
