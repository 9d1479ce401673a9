"""The chart of a report: where the dots stand, and what stands beside them."""

from __future__ import annotations

import math
import re
from typing import Any

import vl_convert

from core.stats.estimates import MISSING, Estimate
from experiments.reports.charts import interval_chart
from experiments.reports.html import draw_figures

ROWS: list[dict[str, Any]] = [
    {"name": "<b>", "value": 1.5, "low": 1.0, "high": 2.0, "text": "1.50 (1.00 to 2.00)"},
    {"name": "far", "value": 100.0, "low": None, "high": None, "text": "100"},
    {"name": "endless", "value": math.inf, "low": 50.0, "high": math.inf, "text": "∞"},
]


def svg(rows: list[dict[str, Any]]) -> str:
    return str(vl_convert.vegalite_to_svg(interval_chart("Steps", rows).to_dict()))


def test_dots_stand_in_their_order_beside_their_text() -> None:
    drawn = svg(ROWS)
    dots = re.findall(r'transform="translate\(([\d.]+),([\d.]+)\)" d="M[^"]+A', drawn)
    (left, upper), (right, lower) = ((float(x), float(y)) for x, y in dots)
    assert left < right, "the dot of what is infinite is left out"
    assert upper < lower
    for text in ("&lt;b&gt;", "1.50 (1.00 to 2.00)", "∞", "Steps"):
        assert f">{text}</text>" in drawn
    assert "<b>" not in drawn


def test_colours_are_those_of_the_page() -> None:
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg(ROWS)))
    assert colours <= {"none", "transparent", "currentColor", "var(--line)", "var(--link)"}


def test_only_values_of_several_sizes_have_a_logarithmic_axis() -> None:
    wide = interval_chart("Steps", ROWS).to_dict()
    narrow = interval_chart("Steps", ROWS[1:]).to_dict()
    kinds = [chart["layer"][0]["encoding"]["x"]["scale"]["type"] for chart in (wide, narrow)]
    assert kinds == ["log", "linear"]


def test_a_figure_says_its_numbers_to_screen_readers_and_is_left_out_without_any() -> None:
    estimates = {"a": Estimate(0.6321, 0.62, 0.65, 8), "b": Estimate(7.0, None, None, 1)}
    nothing = {"a": MISSING, "b": Estimate(math.inf, None, None, 1)}
    figures = draw_figures({"some": ("Rate", estimates), "none": ("Rate", nothing)})
    assert list(figures) == ["some"]
    assert figures["some"].description == "Rate. a: 0.632 (0.620–0.650); b: 7."
    assert figures["some"].svg.startswith("<svg")
