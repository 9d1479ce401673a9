"""The charts of a measure across settings: what they draw, and what they leave out and say."""

from __future__ import annotations

import dataclasses
import json
import math

import pandas
import pytest

from core.analysis.across import axes, pivot
from core.experiments.gradient_decay import GRADIENT_DECAY
from dashboard.charts.parallel import (
    listed_coordinate,
    measured_coordinate,
    parallel_coordinates,
)
from dashboard.charts.pivot import pivot_cells, pivot_heatmap
from dashboard.charts.theme import styles
from dashboard.charts.tradeoff import frontier, tradeoff
from dashboard.charts.verdicts import distinct_parts, verdict_matrix
from dashboard.views.compare.across import bands_along, points_of
from experiments.export import pivot_csv
from experiments.reports.latex import pivot_table
from tests.core.analysis.test_across import GRID, laid_out, made
from tests.core.made import compared

MEASURE = "half_distance_steps"


def test_a_measure_along_a_setting_is_at_the_numbers_of_its_groups() -> None:
    comparison = laid_out()
    x = axes(GRADIENT_DECAY, comparison.runs)["hidden_size"]
    bands = bands_along(comparison, MEASURE, x, {g.name: g.name for g in comparison.groups})
    assert sorted(set(bands["hidden_size"])) == [4, 16, 32]
    assert (bands["low"] < bands["value"]).all()
    without = compared(*GRID, made("rnn", 0.5, hidden_size=4))
    bias = axes(GRADIENT_DECAY, without.runs)["forget_bias"]
    bands = bands_along(without, MEASURE, bias, {g.name: g.name for g in without.groups})
    assert len(bands) == 6, "a plain RNN has no forget bias"


def cells() -> pandas.DataFrame:
    comparison = laid_out("hidden_size,forget_bias")
    known = axes(GRADIENT_DECAY, comparison.runs)
    table = pivot(comparison, known["hidden_size"], known["forget_bias"])
    assert table is not None
    return pivot_cells(table)


@pytest.mark.parametrize("dark", [False, True])
def test_a_heatmap_writes_every_value_and_its_interval(dark: bool) -> None:
    data = cells()
    assert list(data["mark"]).count("") < len(data)
    assert all("–" in text for text in data["interval"])
    titles, orders = ("Hidden size", "Forget bias"), (("4", "16", "32"), ("0", "2"))
    measure = laid_out().headline.column  # type: ignore[union-attr]
    chart = pivot_heatmap(data, measure, titles, orders, dark=dark).to_dict()
    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["rect", "text", "text", "text"]
    text = json.dumps(chart, ensure_ascii=False)
    assert data["interval"][0] in text
    assert data["text"][0] in text


def test_an_infinite_value_has_a_text_and_no_colour() -> None:
    data = cells()
    data.loc[0, ["value", "text"]] = [math.nan, "∞"]
    measure = laid_out().headline.column  # type: ignore[union-attr]
    orders = (("4", "16", "32"), ("0", "2"))
    chart = pivot_heatmap(data, measure, ("a", "b"), orders, dark=False)
    assert "Infinity" not in json.dumps(chart.to_dict())


def test_parallel_coordinates_place_numbers_in_order_and_leave_infinity_out() -> None:
    bias = listed_coordinate("Forget bias", ["2", "0", "1"], ["0", "1", "2"])
    assert bias.places == (1.0, 0.0, 0.5)
    values = [100.0, 1.0, math.inf]
    span = measured_coordinate("Half-life", values, ["100", "1", "∞"], log=True)
    assert span.places == (1.0, 0.0, None)
    assert [text for _, text in span.ticks] == ["1.00", "4.64", "21.5", "100"]
    chart = parallel_coordinates(("a", "b", "c"), (bias, span), dark=False).to_dict()
    lines = chart["datasets"][chart["layer"][0]["data"]["name"]]
    assert [(line["label"], line["axis"]) for line in lines] == [
        ("a", "Forget bias"),
        ("a", "Half-life"),
        ("b", "Forget bias"),
        ("b", "Half-life"),
    ]


def points(*values: tuple[str, float, float]) -> pandas.DataFrame:
    return pandas.DataFrame(
        [
            {
                "label": label,
                **{"x": x, "x_low": None, "x_high": None, "x_text": f"{x}"},
                **{"y": y, "y_low": y - 1, "y_high": y + 1, "y_text": f"{y}", "size": x},
            }
            for label, x, y in values
        ]
    ).astype({"x_low": float, "x_high": float})


def test_the_frontier_has_whom_nobody_beats_in_both_measures() -> None:
    found = points(("cheap", 1, 5), ("beaten", 3, 5), ("good", 3, 9), ("best", 9, 9.5))
    assert frontier(found, "lower", "higher") == ["cheap", "good", "best"]
    assert frontier(found, "higher", "higher") == ["best"]
    assert frontier(points(("a", 1, 1), ("b", 1, 1)), "lower", "higher") == ["a", "b"]


def test_a_trade_off_draws_its_frontier_and_no_negative_end_on_a_logarithmic_axis() -> None:
    found = points(("cheap", 1, 0.5), ("good", 3, 90.0))
    column = laid_out().headline.column  # type: ignore[union-attr]
    looks = styles({"cheap": "rnn", "good": "lstm"})
    chart = tradeoff(found, column, column, looks, "Parameters").to_dict()
    assert all(
        row["y_low"] > 0 for rows in chart["datasets"].values() for row in rows if "y_low" in row
    )
    assert "area of a mark is its parameters" in json.dumps(chart)


def test_what_a_limit_rules_out_is_faint_and_not_on_the_frontier() -> None:
    found = points(("cheap", 1, 0.5), ("good", 3, 90.0), ("best", 9, 95.0))
    column = laid_out().headline.column  # type: ignore[union-attr]
    looks = styles({"cheap": "rnn", "good": "lstm", "best": "gru"})
    cost = dataclasses.replace(column, better="lower")
    chart = tradeoff(found, cost, column, looks, out=["good"]).to_dict()
    tables = list(chart["datasets"].values())
    whole = next(rows for rows in tables if len(rows) == 3 and "x_low" in rows[0])
    strengths = {row["label"]: row["of mark"] for row in whole}
    assert strengths["good"] < strengths["cheap"] == strengths["best"]
    line = next(rows for rows in tables if len(rows) == 2)
    assert [row["label"] for row in line] == ["cheap", "best"]


def test_sizes_are_traded_off_as_measures_are() -> None:
    comparison = laid_out()
    column = comparison.headline.column  # type: ignore[union-attr]
    found = points_of(comparison, column, column)
    assert len(found) == len(comparison.groups)
    assert found["size"].nunique() == 3, "one for each hidden size"


def test_names_lose_what_they_share_at_either_end() -> None:
    names = ["LSTM · width 16 · bias 0 · dot", "LSTM · width 16 · bias 1 · dot"]
    assert distinct_parts(names) == [["bias 0"], ["bias 1"]]
    assert distinct_parts(["LSTM", "LSTM · bias 1"]) == [["LSTM"], ["LSTM", "bias 1"]]
    assert distinct_parts(["LSTM · a"]) == [["LSTM", "a"]]


def test_the_matrix_has_a_cell_for_every_pair_in_both_directions() -> None:
    comparison = laid_out()
    result = comparison.headline
    assert result is not None
    chart = verdict_matrix(result, comparison.repeat).to_dict()
    (rows,) = chart["datasets"].values()
    assert len(rows) == 6 * 5
    text = json.dumps(chart, ensure_ascii=False)
    assert r"[\"1\", \"hidden size 4\"" in text or "hidden size" in text


def test_a_pivot_is_a_table_for_papers_and_for_spreadsheets() -> None:
    comparison = laid_out("hidden_size,forget_bias")
    known = axes(GRADIENT_DECAY, comparison.runs)
    table = pivot(comparison, known["hidden_size"], known["forget_bias"])
    assert table is not None
    latex = pivot_table(table)
    body = latex.split(r"\midrule")[1]
    assert [line.split(" & ")[0] for line in body.strip().splitlines()[:3]] == ["4", "16", "32"]
    assert r"\textbf{" in body
    assert "[" in body
    header, first, *_ = pivot_csv(table).decode().splitlines()
    assert header.split(",")[0] == "Hidden size"
    assert header.count("Forget bias 2") == 4
    estimate = table.result.estimates[table.names["4", "0"]]
    assert first.split(",")[1] == repr(estimate.value)
