"""What a toggle changes of a chart is its data, and not its specification."""

from __future__ import annotations

import json
from typing import Any

import pandas
import pytest

from dashboard.charts import in_place, lines, render
from tests.dashboard.test_charts import MEASURE, STYLES, X, bands, unchecked

SEEDS = pandas.concat(
    [bands(X.name).assign(seed=seed, value=lambda t: 1.5 * t["value"]) for seed in range(3)]
)

CHANGES: dict[str, dict[str, Any]] = {
    "fitted lines": {"fits": bands(X.name, 7)[["label", X.name, "value"]]},
    "single seeds": {"seeds": SEEDS[["label", "seed", X.name, "value"]]},
    "shares of the first": {"relative": True},
}


def line_chart(**options: Any) -> Any:
    return lines.line_chart(bands(X.name), X, MEASURE, STYLES, **options)


def shape(chart: Any) -> str:
    return render._specification(chart.key, chart).vega_lite


@pytest.mark.parametrize("change", CHANGES)
def test_a_toggle_leaves_the_specification_as_it_is(change: str) -> None:
    usual, changed = line_chart(), line_chart(**CHANGES[change])
    assert usual.key != changed.key
    assert shape(usual) == shape(changed)
    tables = [render._specification(chart.key, chart).tables for chart in (usual, changed)]
    assert list(tables[0]) == list(tables[1])
    assert tables[0] != tables[1]


def test_other_curves_or_another_height_are_another_specification() -> None:
    made = bands(X.name)
    fewer = lines.line_chart(made[made["label"] == "RNN"], X, MEASURE, STYLES)
    assert len({shape(c) for c in (line_chart(), fewer, line_chart(height=100))}) == 3


def test_ends_ticks_and_title_are_in_tables_that_the_specification_reads() -> None:
    whole = unchecked(line_chart())
    y = whole["layer"][0]["encoding"]["y"]
    spec, tables = in_place.separate(json.loads(json.dumps(whole)))
    moved = spec["layer"][0]["encoding"]["y"]
    row = tables[in_place.FRAME].iloc[0]
    ends = [row[end["expr"].removeprefix(f"{in_place.ROW}.")] for end in moved["scale"]["domain"]]
    assert ends == y["scale"]["domain"]
    assert (
        row[spec["title"]["text"]["expr"].removeprefix(f"{in_place.ROW}.")]
        == (whole["title"]["text"])
    )
    (ticks,) = (table for name, table in tables.items() if name in moved["axis"]["values"]["expr"])
    assert list(ticks["at"]) == y["axis"]["values"]
    read = {layer["data"]["name"] for layer in spec["layer"][-len(tables) :]}
    assert read == set(tables)


def test_a_chart_without_layers_is_as_it_was() -> None:
    spec = {"mark": "bar", "encoding": {"x": {"scale": {"domain": [0.5, 1.5]}}}}
    assert in_place.separate(spec) == (spec, {})
